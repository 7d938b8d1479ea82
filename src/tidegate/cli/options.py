"""Options that several commands share, each spelled and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.version import __version__


def print_version(is_wanted: bool) -> None:
    """Prints the version and ends, if asked to."""
    if is_wanted:
        print(f"tidegate {__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", help="Print the version and end.", callback=print_version, is_eager=True)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no notes.")]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads", min=1, metavar="N", help="Threads to use \\[default: the smaller of CPU affinity and cgroup quota]", show_default=False
    ),
]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, metavar="N", help="All draws of chance hang on it \\[default: 1]", show_default=False)
]

# What answers: predict, evaluate.
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model directory, as `tidegate train` writes it.", show_default=False)]
BatchTokens = Annotated[
    int | None,
    typer.Option(
        "--batch-tokens",
        min=1,
        metavar="N",
        help="Most tokens computed together \\[default: 4096; less needs less memory]",
        show_default=False,
    ),
]

# What writes text: predict with a language model.
Prompt = Annotated[
    list[str] | None,
    typer.Option(
        "--prompt",
        metavar="TEXT",
        help="Language model: the text to go on with; repeat for several. Two-way ones fill each ___ in it.",
        show_default=False,
    ),
]
Length = Annotated[
    int | None,
    typer.Option("--length", metavar="N", help="Language model: units to write at most \\[default: 500]", show_default=False),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        "--temperature",
        metavar="T",
        help="Language model: below 1 more probable text, above 1 odder text, 0 the most probable unit each time \\[default: 1]",
        show_default=False,
    ),
]
TopK = Annotated[
    int | None,
    typer.Option("--top-k", metavar="K", help="Language model: draw among the K most probable units \\[default: all]", show_default=False),
]
TopP = Annotated[
    float | None,
    typer.Option(
        "--top-p",
        metavar="P",
        help="Language model: draw among the most probable units that come to P together \\[default: 1]",
        show_default=False,
    ),
]
Stop = Annotated[
    str | None,
    typer.Option(
        "--stop", metavar="S", help="Language model: end where this text has been written; a line end is $'\\n'", show_default=False
    ),
]
NBest = Annotated[
    int | None,
    typer.Option(
        "--n-best",
        min=1,
        metavar="N",
        help="Two-way language model: answers for each blank \\[default: 5]. Translator: answers for each source, at most as many as the "
        "beam is wide, and so of a transcriber \\[default: 1]",
        show_default=False,
    ),
]

# Where the pairs stand: train, predict and evaluate of translators.
SourceColumn = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="COL",
        help="Pairs: column of the sources, by name or 1-based number \\[default: as in training, else the first of two]",
        show_default=False,
    ),
]
TargetColumn = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="COL",
        help="Pairs: column of the targets, by name or 1-based number \\[default: as in training, else the second of two]",
        show_default=False,
    ),
]

# What translates: predict and evaluate with a translator.
Beam = Annotated[
    int | None,
    typer.Option(
        "--beam",
        metavar="K",
        help="Translator, transcriber: hypotheses that are kept side by side; 1: the most probable unit each time \\[default: as in "
        "training]",
        show_default=False,
    ),
]
WaitK = Annotated[
    int | None,
    typer.Option(
        "--wait-k",
        metavar="K",
        help="Translator trained with --simultaneous: answer K source units behind the reading \\[default: the whole source first]",
        show_default=False,
    ),
]
WaitKs = Annotated[
    str | None,
    typer.Option(
        "--wait-k",
        metavar="K[,K...]",
        help="Translator trained with --simultaneous: score answers K source units behind the reading, a row for each K; full: after it",
        show_default=False,
    ),
]
LengthPenalty = Annotated[
    float | None,
    typer.Option(
        "--length-penalty",
        metavar="A",
        help="Translator: the higher, the longer the answers; 0: by probability alone \\[default: as in training]",
        show_default=False,
    ),
]
CoveragePenalty = Annotated[
    float | None,
    typer.Option(
        "--coverage-penalty",
        metavar="B",
        help="Translator: how much it costs to leave parts of the source unread by the attention \\[default: as in training]",
        show_default=False,
    ),
]
WithAttention = Annotated[
    bool, typer.Option("--with-attention", help="Translator: where in the source each unit of the answer was read, as weights.")
]
