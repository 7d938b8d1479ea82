"""Options over sequences of numbers and sound, each spelled and explained once; which of them fit what a file holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tidegate.data.sequence_detection import Material

# What `train classify` and `train tag` read.
ClassifyInput = Annotated[
    str,
    typer.Option(
        "--input",
        metavar="auto|text|numbers|sound",
        help="What TRAIN holds: texts, sequences of numbers or recordings; auto: by the files' names, columns and first rows.",
    ),
]
TagInput = Annotated[
    str,
    typer.Option(
        "--input",
        metavar="auto|tokens|numbers",
        help="What TRAIN holds: sentences, or sequences of numbers with a label a step; auto: by the files' names, columns and first rows.",
    ),
]
Sequence = Annotated[
    str | None,
    typer.Option(
        "--sequence",
        metavar="COL",
        help="Numbers: column that says which sequence a row belongs to \\[default: found, else each file is one]",
        show_default=False,
    ),
]
Step = Annotated[
    str | None,
    typer.Option(
        "--step",
        metavar="COL",
        help="Numbers: column of the steps or times by which a sequence's rows are ordered \\[default: found, else as they stand]",
        show_default=False,
    ),
]
Features = Annotated[
    str | None,
    typer.Option(
        "--features",
        metavar="COL[,COL...]",
        help="Numbers: columns of what is measured at each step \\[default: all numbers that are nothing else]",
        show_default=False,
    ),
]
Missing = Annotated[
    str | None,
    typer.Option(
        "--missing",
        metavar="TEXT,...",
        help="Numbers: further cells that stand for a missing value, for instance -9999 (empty, NA, NaN, null and ? always do)",
        show_default=False,
    ),
]
RecordingPath = Annotated[
    str | None,
    typer.Option(
        "--path",
        metavar="COL",
        help="Sound: the table's column of .wav files, relative to the table \\[default: found]",
        show_default=False,
    ),
]
Pattern = Annotated[
    str | None,
    typer.Option(
        "--pattern",
        metavar="P",
        help="Sound: how files are named, for instance {label}_{group}_{}; also {text}; {} is anything \\[default: folders are labels]",
        show_default=False,
    ),
]
Transcript = Annotated[
    str | None,
    typer.Option(
        "--text", metavar="COL", help="The table's column of what is said in each recording \\[default: found]", show_default=False
    ),
]
SpokenUnit = Annotated[
    str | None,
    typer.Option(
        "--unit",
        metavar="word|char",
        help="What a transcript is made of: words between blanks, or characters \\[default: word]",
        show_default=False,
    ),
]
Connect = Annotated[
    str | None,
    typer.Option(
        "--connect",
        metavar="1-7",
        help="Join so many training recordings into one, afresh each epoch, with silence between \\[default: as they are]",
        show_default=False,
    ),
]
TrainLookahead = Annotated[
    str | None,
    typer.Option(
        "--lookahead",
        metavar="K|100ms",
        help="Numbers, sound: how much of the future a two-way network may see, so that it can answer live: steps, of sound a time too "
        "\\[default: the whole sequence]",
        show_default=False,
    ),
]

# What such models answer: predict, evaluate, stream.
Lookahead = Annotated[
    str | None,
    typer.Option(
        "--lookahead",
        metavar="K|100ms",
        help="Two-way model of sequences: how much of the future it may see, steps or a time \\[default: as in training]",
        show_default=False,
    ),
]
ClassPlot = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        help="Classifier, tagger: draw which labels were taken for which, and the accuracy over the share of a sequence that was seen; "
        ".svg or .png",
        show_default=False,
    ),
]
LiveLookahead = Annotated[
    str | None,
    typer.Option(
        "--lookahead",
        metavar="K|100ms",
        help="By how much answers may lag, which a two-way model needs: tokens, words, characters or steps, of sound a time too "
        "\\[default: as in training]",
        show_default=False,
    ),
]
Latency = Annotated[
    bool, typer.Option("--latency", help="At the end tell on standard error how long a step took, and how that compares with real time.")
]

_CLASSIFY: Mapping[str, tuple[str, ...]] = {
    "--text": ("text",),
    "--label-separator": ("text",),
    "--unit": ("text",),
    "--positive": ("text",),
    "--sequence": ("numbers",),
    "--step": ("numbers",),
    "--features": ("numbers",),
    "--missing": ("numbers",),
    "--path": ("sound",),
    "--pattern": ("sound",),
    "--lookahead": ("numbers", "sound"),
}
_TAG: Mapping[str, tuple[str, ...]] = {
    "--group": ("numbers",),
    **dict.fromkeys(("--sequence", "--step", "--features", "--missing", "--lookahead"), ("numbers",)),
}
_SPOKEN = {"text": "texts", "tokens": "sentences", "numbers": "sequences of numbers", "sound": "sound"}
# What each kind of material alone asks for; giving one says what files hold that do not look like it.
_TELLING: Mapping[Material, tuple[str, ...]] = {"numbers": ("--sequence", "--step", "--features"), "sound": ("--pattern",)}


def input_of(task: str, asked: str, files: list[str], given: Mapping[str, Any], *, recipe: str | None, settings: list[str] | None) -> str:
    """What the files of `train classify` or `train tag` hold: 'text' or 'tokens', 'numbers' or 'sound'.

    Args:
        task: 'classify' or 'tag'.
        asked: the option --input.
        files: of the training data.
        given: options that fit some inputs alone by the names of their keys, None where they were not given.
        recipe, settings: --recipe and --set, which may say it too.

    Raises:
        RecipeError: no such input, or an option that does not fit it.
    """
    from tidegate.data.sequence_detection import material_of
    from tidegate.errors import RecipeError, nearest
    from tidegate.training.recipe import parse_setting

    fitting = _CLASSIFY if task == "classify" else _TAG
    known = ("text", "numbers", "sound") if task == "classify" else ("tokens", "numbers")
    if asked not in ("auto", *known):
        instead = " Sound is classified or transcribed: tidegate train classify, tidegate train transcribe." if asked == "sound" else ""
        raise RecipeError(f"--input {asked} is not one of auto, {', '.join(known)}.{instead or nearest(asked, known)}")
    said = _said(recipe) | dict(map(parse_setting, settings or []))
    found = asked if asked != "auto" else str(said.get("input", "auto"))
    if found == "auto":
        every = said | {key: value for key, value in given.items() if value}
        material = material_of(files, path=str(every.get("path", "")))
        if material == "text":
            material = next((kind for kind, options in _TELLING.items() if any(every.get(_key(option)) for option in options)), material)
        found = "tokens" if task == "tag" and material == "text" else material
    if found not in known:
        raise RecipeError(
            f"{files[0]} holds sound, and a tagger labels the tokens of sentences or the steps of sequences of numbers. Classify or "
            "transcribe sound: tidegate train classify, tidegate train transcribe."
        )
    for option, fits in fitting.items():
        if given.get(_key(option)) and found not in fits:
            whom = " and ".join(_SPOKEN[kind] for kind in fits)
            otherwise = f" --input {'|'.join(known)} says otherwise." if asked == "auto" else ""
            how = "is read as" if asked == "auto" else "was to be read as"
            raise RecipeError(f"{option} is for {whom}, and {files[0]} {how} {_SPOKEN[found]}.{otherwise} Leave {option} out.")
    return found


def _key(option: str) -> str:
    """The key of a recipe that an option stands for."""
    return option.removeprefix("--").replace("-", "_")


def _said(recipe: str | None) -> dict[str, Any]:
    """What a recipe says, where it is a file that is there or one for sequences that comes with tidegate."""
    from tidegate.training.recipe import recipe_content, recipe_names
    from tidegate.training.sequences.recipe import SequenceClassifyRecipe

    if recipe is None or not (Path(recipe).is_file() or recipe in recipe_names(SequenceClassifyRecipe)):
        return {}
    return recipe_content(SequenceClassifyRecipe, recipe)
