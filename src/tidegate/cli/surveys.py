"""`tidegate explain --survey`: what is read for it, and how it is printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tidegate.cli.inputs import Inputs, plain_lines
from tidegate.cli.standard_input import named_files
from tidegate.cli.translation_scores import labelled_entries
from tidegate.data.pair_tables import ColumnsError
from tidegate.errors import DataError
from tidegate.explanation.dataset import gate_survey
from tidegate.explanation.survey import CLOSED, OPEN
from tidegate.explanation.views.choice import chosen
from tidegate.explanation.views.sentences import Content, counted, number, places, plain, read_of, seen
from tidegate.runtime import (
    ClassifyModel,
    GenerateModel,
    SequenceClassifyModel,
    SequenceTagModel,
    TagModel,
    TranscribeModel,
    TranslateModel,
)

# Words that are printed on each side of a gate; the page has all that were told of.
_TOLD = 5
# Terminals of this width have room for words beside the numbers, and for those that open beside those that close.
_ROOM_FOR_WORDS, _ROOM_FOR_BOTH = 70, 100
# Characters of the longest bar.
_BAR = 30


def surveyed(
    model: Any, files: Sequence[str], min_count: int, *, quiet: bool, layer: int | None, direction: str | None, gate: str | None
) -> dict[str, Any]:
    """The JSON of a survey over files that `predict` reads, of what was asked for alone.

    Raises:
        DataError: a file cannot be read, or holds nothing.
        RecipeError: a model that cannot be surveyed; no such layer, direction or gate.
    """
    with named_files(files) as paths:
        content = gate_survey(model, _records(model, paths, quiet=quiet), min_count=min_count).to_json()
    return chosen(content, layer=layer, direction=direction, gate=gate)


def _records(model: Any, paths: list[str], *, quiet: bool) -> Iterable[Any]:
    if isinstance(model, TagModel | ClassifyModel):
        return Inputs(model, "auto", "", quiet).of_files(paths)
    if isinstance(model, GenerateModel):
        return (record.text for record in plain_lines(paths))
    if isinstance(model, SequenceClassifyModel | SequenceTagModel | TranscribeModel):
        records: list[Any] = model.read(paths)
        return records
    if isinstance(model, TranslateModel):
        try:
            return labelled_entries(model, paths, None, None)
        except ColumnsError as error:
            raise DataError(f"{error.found}, in columns as those of training. Give a file that has these alone.") from None
    return paths  # of tables of series


def print_survey(content: Content) -> None:
    """Prints it: for each layer and direction a row for each gate, dead units, and how long the past is kept."""
    console = Console(highlight=False)
    if (console.encoding or "").lower().startswith("utf"):
        _print(content, console)
        return
    with console.capture() as captured:
        _print(content, console)
    console.file.write(plain(captured.get()))


def _print(content: Content, console: Console) -> None:
    console.print(Text(f"{content['title']} · {content['task']} · {read_of(content)}", style="bold"))
    for note in content["notes"]:
        console.print(Text(f"note: {note}", style="yellow"))
    for panel in content["panels"]:
        for layer in panel["layers"]:
            console.print()
            title = layer["title"] if len(content["panels"]) == 1 else f"{panel['name']}: {layer['title']}"
            console.print(Text(f"{title} ({layer['cell']}, {layer['hidden_size']} units)", style="bold"))
            if layer["gates"]:
                _print_gates(console, layer, panel["unit_name"])
            for sentence in _sentences(layer, panel["unit_name"]):
                console.print(Text(sentence))
            if layer["memory"]:
                _print_memory(console, layer["memory"]["counts"], panel["unit_name"])
    console.print()
    least = counted(content["min_count"], "time")
    names = " and ".join(dict.fromkeys(f"{panel['unit_name']}s" for panel in content["panels"]))
    console.print(Text(f"closed: below {CLOSED}; open: above {OPEN}; {names} met less than {least} are not told of.", style="dim"))


def _print_gates(console: Console, layer: Content, unit_name: str) -> None:
    if console.width >= _ROOM_FOR_WORDS:
        console.print(_gates_table(layer, unit_name, is_narrow=console.width < _ROOM_FOR_BOTH))
        return
    console.print(_shares_table(layer))
    console.print(Text(f"{unit_name}s that open (▲) and close (▼) them most:"))
    for name, gate in layer["gates"].items():
        console.print(Text(f"{name} ▲ {_groups(gate['opens'])}\n  ▼ {_groups(gate['closes'])}"))


def _shares_table(layer: Content) -> Table:
    """Numbers alone, for narrow terminals."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    table.add_column("gate", no_wrap=True)
    for heading in ("mean", "closed", "open", "stuck"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, gate in layer["gates"].items():
        shares = (number(gate["mean"]), f"{gate['closed']:.0%}", f"{gate['open']:.0%}", str(len(gate["stuck"])))
        table.add_row(Text(f"{name} {gate['role']}", style="cyan"), *shares)
    return table


def _gates_table(layer: Content, unit_name: str, *, is_narrow: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("gate", no_wrap=True)
    for heading in ("mean", "closed", "open", "stuck"):
        table.add_column(heading, justify="right", no_wrap=True)
    if is_narrow:
        table.add_column(f"{unit_name}s that open and close it most")
    else:
        table.add_column(f"{unit_name}s that open it most")
        table.add_column("that close it most")
    for name, gate in layer["gates"].items():
        opens, closes = (_groups(gate[side]) for side in ("opens", "closes"))
        told = [Text(f"▲ {opens}\n▼ {closes}")] if is_narrow else [Text(opens), Text(closes)]
        shares = (f"{gate['closed']:.0%}", f"{gate['open']:.0%}", f"{len(gate['stuck'])} of {layer['hidden_size']}")
        table.add_row(Text(f"{name} {gate['role']}", style="cyan"), number(gate["mean"]), *shares, *told)
    return table


def _groups(groups: Sequence[Content]) -> str:
    return " · ".join(f"{seen(group['name'])} {number(group['mean'])}" for group in groups[:_TOLD]) or "-"


def _sentences(layer: Content, unit_name: str) -> list[str]:
    said = []
    if layer["dead"]:
        said.append(f"Dead (the state hardly moves): {len(layer['dead'])} of {layer['hidden_size']} units: {places(layer['dead'])}.")
    else:
        said.append("No unit is dead: every state moves.")
    if layer["memory"]:
        low, _, middle, _, high = (number(value, 1) for value in layer["memory"]["quantiles"])
        said.append(
            f"Memory: half of the units keep the past for {middle} {unit_name}s or more; a tenth for less than {low}, a tenth for over "
            f"{high}."
        )
    return said


def _print_memory(console: Console, counts: Sequence[int], unit_name: str) -> None:
    last = max((place for place, count in enumerate(counts) if count), default=0)
    most = max(max(counts), 1)
    for place, count in enumerate(counts[: last + 1]):
        until = (
            f"below 2 {unit_name}s"
            if place == 0
            else f"{2**place:,} to {2 ** (place + 1):,}"
            if place + 1 < len(counts)
            else f"{2**place:,} or more"
        )
        long = -(-min(_BAR, console.width - 26) * count // most)
        console.print(Text(f"  {until:>18} ").append("█" * long, style="cyan").append(f" {count}"))
