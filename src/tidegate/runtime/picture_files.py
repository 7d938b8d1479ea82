"""Pictures as files, SVG or PNG, drawn by matplotlib, which need not be there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate.artefact import write_atomically
from tidegate.errors import MissingExtraError, OutputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FORMS = (".svg", ".png")


def check_picture_file(path: Path, option: str) -> None:
    """Refuses a name whose suffix is no form of picture, before anything is computed.

    Raises:
        OutputError: it ends neither in .svg nor in .png.
        MissingExtraError: matplotlib is not there.
    """
    if path.suffix.lower() not in _FORMS:
        raise OutputError(f"{option} {path}: the name says no form of picture. End it in {' or '.join(_FORMS)}.")
    _matplotlib()


def write_figure(draw: Callable[[], Figure], path: Path) -> None:
    """Writes the figure that `draw` makes to `path`; SVG or PNG by its suffix, equal figures to equal bytes.

    Raises:
        OutputError: `path` ends in no known suffix, or cannot be written.
        MissingExtraError: matplotlib is not there.
    """
    check_picture_file(path, "the picture")
    form = path.suffix.lower().removeprefix(".")
    with _matplotlib().rc_context({"svg.fonttype": "none", "svg.hashsalt": "tidegate", "font.size": 9}):
        figure = draw()
        with write_atomically(path) as file:
            figure.savefig(file, format=form, metadata={"Date": None} if form == "svg" else {"Software": None}, dpi=120)


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ModuleNotFoundError as error:
        raise MissingExtraError("train", "a picture") from error
    return matplotlib
