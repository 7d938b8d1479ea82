"""What the series of a comparison are told by."""

from __future__ import annotations

import hashlib

import numpy as np

from tidegate.data.series import Panel


def panel_digest(panel: Panel) -> str:
    """Of all series: names, times, values and covariates."""
    sha = hashlib.sha256(repr((panel.columns, panel.frequency.text)).encode("utf-8", "surrogatepass"))
    for series in panel.series:
        sha.update(repr((series.name, series.target, str(series.begin), sorted(series.static.items()))).encode("utf-8", "surrogatepass"))
        sha.update(np.ascontiguousarray(series.y).tobytes())
        for name, values in sorted(series.columns.items()):
            sha.update(name.encode("utf-8", "surrogatepass"))
            is_text = values.dtype.kind == "O"
            sha.update(repr(values.tolist()).encode("utf-8", "surrogatepass") if is_text else np.ascontiguousarray(values).tobytes())
    return sha.hexdigest()
