"""Options of `tidegate compare`, each spelled and explained once; those of what is trained are `train`'s own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli import train_options

Train = Annotated[list[str], typer.Argument(metavar="TRAIN...", help="Files as for `tidegate train`; globs allowed.", show_default=False)]
Archs = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="A,B,...",
        help="Architectures, with commas between them \\[default: rnn,lstm,gru,bilstm,bigru]",
        autocompletion=train_options.complete_arch,
        show_default=False,
    ),
]
TextArchs = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="A,B,...",
        help="Architectures that write text (one-way), or such as fill blanks (two-way), but not both: their scores do not compare "
        "\\[default: rnn,lstm,gru,mingru]",
        autocompletion=train_options.complete_arch,
        show_default=False,
    ),
]
ForecastArchs = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="A,B,...",
        help="One-way architectures, for there is no future to read \\[default: rnn,lstm,gru,mingru]",
        autocompletion=train_options.complete_one_way_arch,
        show_default=False,
    ),
]
Seeds = Annotated[int, typer.Option("--seeds", min=1, metavar="N", help="Seeds for each architecture.")]
Baselines = Annotated[str, typer.Option("--baselines", metavar="auto|none", help="Whether what needs no network takes part too.")]
Folds = Annotated[int, typer.Option("--folds", min=0, metavar="K", help="Cross-validation in K folds of TRAIN, each tested once; 0: none.")]
TrainSizes = Annotated[
    str,
    typer.Option("--train-sizes", metavar="25,50,75,100%", help="Shares of the training data: would more of it help?"),
]
# Of what is cut by time or position; asked for all the same, they are refused with the reason.
NoFolds = Annotated[int, typer.Option("--folds", min=0, hidden=True)]
NoTrainSizes = Annotated[str, typer.Option("--train-sizes", hidden=True)]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder for the results \\[default: ./<stem>-comparison/]", show_default=False),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with an interrupted comparison; what is done stays, what failed is tried again.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier comparison at DIR.")]
TimeBudget = Annotated[
    str | None,
    typer.Option("--time-budget", metavar="T", help="90s, 10m, 2h … for all runs together, dealt out evenly.", show_default=False),
]
