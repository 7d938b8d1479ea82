"""Options of what trains, `train` and `compare`, each spelled and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def complete_arch(incomplete: str) -> list[str]:
    """The architectures that begin so, for the shell's tab key; in a list with commas, what may come next."""
    from tidegate.kernels import ARCHITECTURES

    done, comma, rest = incomplete.rpartition(",")
    return [done + comma + name for name in ARCHITECTURES if name.startswith(rest)]


def complete_one_way_arch(incomplete: str) -> list[str]:
    """The same of those that read one way."""
    from tidegate.kernels import ARCHITECTURES

    return [name for name in complete_arch(incomplete) if not ARCHITECTURES[name].is_bidirectional]


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
SourceUnit = Annotated[
    str | None,
    typer.Option(
        "--source-unit",
        metavar="auto|char|word|bpe|token",
        help="What is read one after another; token: what stands between blanks, as phones do; bpe: pieces of words, needs the extra 'bpe' "
        "\\[default: auto, told by the data]",
        show_default=False,
    ),
]
TargetUnit = Annotated[
    str | None,
    typer.Option(
        "--target-unit",
        metavar="auto|char|word|bpe|token",
        help="What is written one after another, of the same kinds \\[default: auto]",
        show_default=False,
    ),
]
Attention = Annotated[
    str | None,
    typer.Option(
        "--attention",
        metavar="additive|multiplicative|none",
        help="How the decoder looks back at the source; none: all it has is one vector of the whole source \\[default: additive]",
        show_default=False,
    ),
]
Simultaneous = Annotated[
    bool,
    typer.Option("--simultaneous", help="Learn to answer before the source has ended (predict --wait-k); takes a one-way architecture."),
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
ForecastArch = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="ARCH",
        help="A one-way one, for there is no future to read: rnn, lstm, gru, gru-reset-after, mingru or minlstm \\[default: gru]",
        autocompletion=complete_one_way_arch,
        show_default=False,
    ),
]
FillArch = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="ARCH",
        help="Two-way ones read on either side of a hole: birnn, bilstm, bigru, bigru-reset-after, bimingru or biminlstm; one-way ones, as "
        "for train forecast, the past alone \\[default: bigru]",
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
        help="A trained model of this task to begin with: its units' vectors, recurrent layers and sizes; for a tagger or a classifier "
        "one of train generate too.",
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
