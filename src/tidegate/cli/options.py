"""Options that several commands share, each spelled and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.version import __version__

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no notes.")]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads", min=1, metavar="N", help="Threads to use [default: the smaller of CPU affinity and cgroup quota]", show_default=False
    ),
]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, metavar="N", help="All draws of chance hang on it [default: 1]", show_default=False)
]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model directory, as `tidegate train` writes it.", show_default=False)]
BatchTokens = Annotated[
    int | None,
    typer.Option(
        "--batch-tokens",
        min=1,
        metavar="N",
        help="Most tokens computed together [default: 4096; less needs less memory]",
        show_default=False,
    ),
]


def print_version(is_wanted: bool) -> None:
    """Prints the version and ends, if asked to."""
    if is_wanted:
        print(f"tidegate {__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", help="Print the version and end.", callback=print_version, is_eager=True)]


def complete_arch(incomplete: str) -> list[str]:
    """The architectures that begin so, for the shell's tab key."""
    from tidegate.kernels import ARCHITECTURES

    return [name for name in ARCHITECTURES if name.startswith(incomplete)]
