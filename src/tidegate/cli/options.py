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


def complete_arch(incomplete: str) -> list[str]:
    """The architectures that begin so, for the shell's tab key; in a list with commas, what may come next."""
    from tidegate.kernels import ARCHITECTURES

    done, comma, rest = incomplete.rpartition(",")
    return [done + comma + name for name in ARCHITECTURES if name.startswith(rest)]


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
    typer.Option("--n-best", min=1, metavar="N", help="Two-way language model: answers for each blank \\[default: 5]", show_default=False),
]

# What trains: train, compare.
Dev = Annotated[
    list[str] | None,
    typer.Option(
        "--dev", metavar="FILE", help="Development file; repeat for several \\[default: a seeded share of TRAIN]", show_default=False
    ),
]
TextDev = Annotated[
    list[str] | None,
    typer.Option("--dev", metavar="FILE", help="Development text; repeat for several \\[default: the end of TRAIN]", show_default=False),
]
Test = Annotated[
    list[str] | None,
    typer.Option("--test", metavar="FILE", help="Test file, scored once at the end; repeat for several.", show_default=False),
]
TagLabel = Annotated[
    str | None,
    typer.Option(
        "--label",
        metavar="COL[,COL...]",
        help="Label columns by name or 1-based number; CoNLL-U: upos, xpos, feats, lemma \\[default: CoNLL-U upos, else the last column]",
        show_default=False,
    ),
]
TextColumn = Annotated[
    str | None,
    typer.Option("--text", metavar="COL", help="Column of the text, by name or 1-based number \\[default: found]", show_default=False),
]
ClassLabel = Annotated[
    str | None,
    typer.Option("--label", metavar="COL", help="Column of the label, by name or 1-based number \\[default: found]", show_default=False),
]
LabelSeparator = Annotated[
    str | None,
    typer.Option(
        "--label-separator",
        metavar="S",
        help="Cuts a label cell into several labels, for instance '|' \\[default: one label a text]",
        show_default=False,
    ),
]
Unit = Annotated[
    str | None,
    typer.Option("--unit", metavar="word|char", help="What the network reads one after another \\[default: word]", show_default=False),
]
TextUnit = Annotated[
    str | None,
    typer.Option(
        "--unit",
        metavar="char|word|bpe",
        help="What the network reads and writes one after another; bpe: pieces of words, needs the extra 'bpe' \\[default: char]",
        show_default=False,
    ),
]
Positive = Annotated[
    str | None,
    typer.Option(
        "--positive",
        metavar="LABEL",
        help="The label whose precision, recall and F1 count; named, or rarer than 30 %, its F1 also chooses the epochs "
        "\\[default: the rarer of two]",
        show_default=False,
    ),
]
Group = Annotated[
    str | None,
    typer.Option("--group", metavar="COL", help="Texts that agree in this column stay on one side of a split.", show_default=False),
]
Arch = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="ARCH",
        help="rnn, lstm, gru, birnn, bilstm, bigru, gru-reset-after, bigru-reset-after, mingru, minlstm, bimingru or biminlstm "
        "\\[default: bilstm]",
        autocompletion=complete_arch,
        show_default=False,
    ),
]
TextArch = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="ARCH",
        help="One-way ones write text: rnn, lstm, gru, gru-reset-after, mingru or minlstm; two-way ones fill blanks: birnn, bilstm, bigru, "
        "bigru-reset-after, bimingru or biminlstm \\[default: gru]",
        autocompletion=complete_arch,
        show_default=False,
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Model directory to write \\[default: ./<stem>-<arch>/]", show_default=False)
]
RecipeFile = Annotated[
    str | None,
    typer.Option(
        "--recipe", metavar="NAME|FILE", help="Settings from a TOML file, or a recipe that comes with tidegate.", show_default=False
    ),
]
InitFrom = Annotated[
    str | None,
    typer.Option(
        "--init-from",
        metavar="DIR",
        help="A trained model to begin with, of train generate or of this task: its word vectors, recurrent layers and sizes.",
        show_default=False,
    ),
]
Preset = Annotated[str, typer.Option("--preset", metavar="fast|default|best", help="Sizes and epochs.")]
TimeBudget = Annotated[
    str | None, typer.Option("--time-budget", metavar="T", help="End within 90s, 10m, 2h …, the best so far kept.", show_default=False)
]
MaxEpochs = Annotated[
    int | None, typer.Option("--max-epochs", min=1, metavar="N", help="Passes over the training data at most.", show_default=False)
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any key of the recipe; repeat for several.", show_default=False)
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run towards DIR was; afresh where none was.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what stands at DIR.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print columns, split, labels, parameters and predicted minutes; train nothing.")]
