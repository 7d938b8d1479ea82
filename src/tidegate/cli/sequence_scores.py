"""What `evaluate` does with models of sequences and sound, and what it shows of labels that were taken for others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate.errors import DataError, RecipeError

if TYPE_CHECKING:
    from tidegate.cli.sequences import SequenceModel

# More labels make a table that no terminal is wide enough for.
MOST_SHOWN = 15


def sequence_scores(
    model: SequenceModel, files: Sequence[str], asked: Mapping[str, Any], *, label: str | None, text: str | None
) -> dict[str, Any]:
    """Scores on labelled files, as `--format json` gives them; sequences without a frame are left out, with a note.

    Args:
        asked: options of the model's `evaluate`, by name; None where they were not given.
        label, text: columns in these files; None: as in training.

    Raises:
        DataError: a file cannot be read, or lacks what is needed; or no sequence has a frame.
        RecipeError: a look-ahead that does not fit.
    """
    from tidegate.cli.sequences import without_empty

    model.network(asked.get("lookahead"))  # a look-ahead that cannot be is told before anything is read
    records = model.read(files, label=label or "", text=text or "", is_labelled=True)
    filled, said = without_empty(records)
    if said and not filled:
        raise DataError(f"there is nothing to score, for all that was read is {said}. Give files with sequences of a frame at least.")
    scores: dict[str, Any] = model.evaluate(filled, **{name: value for name, value in asked.items() if value is not None})
    return scores | ({"notes": [f"left out: {said}."]} if said else {})


def draw_scores(scores: Mapping[str, Any], plot: Path, config: Mapping[str, Any]) -> str | None:
    """Draws which labels were taken for which; gives a sentence on what was left out.

    Raises:
        RecipeError: there is one table for each label, as of texts with several labels.
    """
    from tidegate.runtime.class_pictures import draw_classes

    if "confusion" not in scores:
        raise RecipeError(
            "--plot draws which label was taken for which, and of texts with several labels none stands for another. Leave it out."
        )
    over = f" over {config['input']}" if "input" in config else ""
    return draw_classes(scores, plot, title=f"{config['task']}{over}, {config['arch']}")


def print_confusion(scores: Mapping[str, Any]) -> None:
    """A row for each right label, a column for each given one; nothing where there are many."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    confusion = scores.get("confusion", {})
    labels = sorted({*confusion, *(label for row in confusion.values() for label in row)})
    if not 1 < len(labels) <= MOST_SHOWN:
        return
    print("Right label, and what was answered:")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("")
    for label in labels:
        table.add_column(Text(label), justify="right")
    for right in labels:
        counts = [confusion.get(right, {}).get(given, 0) for given in labels]
        cells = [f"{count:,}" if count else "·" for count in counts]
        table.add_row(Text(right), *(Text(cell, "bold" if given == right else "") for cell, given in zip(cells, labels, strict=True)))
    Console().print(table)


def print_by_share(scores: Mapping[str, Any]) -> None:
    """How often the answer is right after a share of each sequence, where the scores say it."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    if not scores.get("by_share"):
        return
    print("Accuracy by the share of the sequence that was seen:")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for entry in scores["by_share"]:
        table.add_column(f"{entry['share']:.0%}", justify="right")
    table.add_row(*(f"{entry['accuracy']:.3f}" for entry in scores["by_share"]))
    Console().print(table)


def print_transcript_scores(scores: Mapping[str, Any]) -> None:
    """Error rates of a transcriber, and the counts that they are made of."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{scores['n']:,} recordings, {scores['n_units']:,} units", title_justify="left")
    table.add_column("score")
    table.add_column("", justify="right")
    for key, value in scores.items():
        if isinstance(value, float):
            table.add_row(key, f"{value:.4f}")
        elif isinstance(value, int) and key not in ("n", "n_units"):
            table.add_row(key, f"{value:,}")
    Console().print(table)
