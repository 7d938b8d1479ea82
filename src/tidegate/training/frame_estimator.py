"""What estimators over frames share: files, arrays and samples as the parts of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.data import Source
from tidegate.data.recordings import Recording, RecordingColumns
from tidegate.data.sequences import sequences_of
from tidegate.errors import DataError
from tidegate.training.estimator import paths_of
from tidegate.training.files import RunFiles
from tidegate.training.frame_material import Columns, Needs, Parts, Record, parts_of, read_parts
from tidegate.training.frame_recipe import FrameRecipe


def are_files(given: Any) -> bool:
    """Whether paths were given, not arrays."""
    if isinstance(given, str | Path):
        return True
    return isinstance(given, list | tuple) and bool(given) and all(isinstance(one, str | Path) for one in given)


def given_parts(X: Any, y: Iterable[Any] | None, dev: Any, groups: Iterable[Any] | None, recipe: FrameRecipe, needs: Needs) -> Parts:
    """The parts of files, or of arrays with labels (or transcripts).

    Raises:
        DataError: what was given cannot be read, or X and y do not fit each other.
    """
    if are_files(X):
        if y is not None or groups is not None:
            raise DataError("paths were given together with y or groups; files hold their own: name the columns, as in label='speaker'.")
        return read_parts(RunFiles(paths_of(X, "sequences"), paths_of(dev, "sequences") if dev is not None else ()), recipe, needs)
    train, columns = given_records(X, y, groups, recipe, needs)
    held_out: Sequence[Record] = []
    if dev is not None:
        if not isinstance(dev, tuple) or len(dev) != 2:
            raise DataError("dev must be (X, y), as fit has them, where X and y are arrays.")
        held_out = given_records(dev[0], dev[1], None, recipe, needs)[0]
    return parts_of(train, held_out, [], columns, recipe)


def given_records(
    X: Any, y: Iterable[Any] | None, groups: Iterable[Any] | None, recipe: FrameRecipe, needs: Needs
) -> tuple[list[Record], Columns]:
    """Records of arrays [T, D], or, where the recipe reads sound, of samples [n].

    Raises:
        DataError: X and y do not fit each other; sound without a sample rate.
    """
    if y is None:
        raise DataError("arrays were given without y; call fit(X, y), or give paths of files.")
    own = [] if groups is None else [str(group) for group in groups]
    if recipe.input == "numbers":
        found = sequences_of(X, list(y), own or None, features=recipe.features or None, per_step_labels=needs == "labels")
        return list(found.sequences), found.columns
    if not recipe.sample_rate:
        raise DataError("samples say nothing of their rate; name it, as in sample_rate=8000.")
    labels = [str(label) for label in y]
    given = [np.asarray(samples) for samples in X]
    if any(samples.dtype.kind in "iub" for samples in given):
        raise DataError("samples of whole numbers were given; samples in [-1, 1] were expected: of 16 bits, divide by 32768.")
    sounds = [samples.astype(np.float32) for samples in given]
    if len(labels) != len(sounds) or (own and len(own) != len(sounds)):
        raise DataError(
            f"{len(sounds)} recordings, {len(labels)} entries of y and {len(own)} groups were given; one for each was expected."
        )
    records: list[Record] = []
    for place, (samples, label) in enumerate(zip(sounds, labels, strict=True)):
        if samples.ndim != 1:
            raise DataError(f"recording {place} is an array of shape {list(samples.shape)}; samples [n] of one channel were expected.")
        if not np.isfinite(samples).all():
            raise DataError(f"recording {place} holds samples that are not finite. Leave it out.")
        said = {"text": label} if needs == "text" else {"label": label}
        name = f"X[{place}]"
        records.append(Recording(samples, recipe.sample_rate, Source(name, 0), name, **said, group=own[place] if own else ""))
    return records, RecordingColumns()
