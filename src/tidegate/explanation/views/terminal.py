"""An explanation in the terminal: a row for each unit of the input, marks for the gates, bars for what the answer hangs on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tidegate.explanation.views.channels_and_attention import print_attention, print_channels
from tidegate.explanation.views.choice import stretch_of
from tidegate.explanation.views.marks import COLOURS, LEAST_MARK, MEAN, RANGE, bar_of, mark_of, share_of
from tidegate.explanation.views.sentences import (
    NOISE,
    Content,
    counted,
    digits_of,
    influence_sentences,
    memory_sentence,
    number,
    plain,
    seen,
    shortened,
    signed,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Rows that one look takes in; of longer inputs the most important stretch is shown.
MOST_ROWS = 40
# Widths in characters: of words, of a gate's mark where there is room, of a number beside it.
_WORD, _MOST_MARK, _NUMBER = 18, 14, 5


def print_explanation(content: Content, console: Console, *, step: int | None = None, most: int = MOST_ROWS) -> None:
    """Prints an explanation's JSON; units of gates need not be in it.

    Args:
        step: from 0; of a long input the stretch around it is shown.
        most: rows for one sequence.
    """
    if (console.encoding or "").lower().startswith("utf"):
        _print(content, console, step, most)
        return
    with console.capture() as captured:
        _print(content, console, step, most)
    console.file.write(plain(captured.get()))


def _print(content: Content, console: Console, step: int | None, most: int) -> None:
    from rich.text import Text

    printer = _Printer(content, console)
    console.print(Text(f"{content['title']} · {content['task']}", style="dim"))
    console.print(Text(shortened(seen(" ".join(content["source"].split()))), style="italic"))
    console.print(Text(f"→ {shortened(seen(content['answer']))}", style="bold"))
    for note in content["notes"]:
        console.print(Text(f"note: {note}", style="yellow"))
    for sentence in influence_sentences(content):
        console.print(Text(sentence))
    for panel in content["panels"]:
        printer.panel(panel, step, most)
    if content["influence"] and content["influence"]["channels"]:
        print_channels(content, console, is_narrow=printer.is_narrow)
    if content["attention"]:
        print_attention(content, console, most)


class _Printer:
    def __init__(self, content: Content, console: Console) -> None:
        self._content, self._console, self.is_narrow = content, console, False

    def panel(self, panel: Content, step: int | None, most: int) -> None:
        """One table where all fits beside each other; else one for each direction; else what the answer hangs on in one of its own.

        Where not even one direction has room beside the words, numbers stand for bars.
        """
        from rich.text import Text

        console = self._console
        begin, end, why = stretch_of(self._content, panel, most, step if step is not None and step < len(panel["units"]) else None)
        lowest = [layer for layer in panel["layers"] if layer["layer"] == min(other["layer"] for other in panel["layers"])]
        others = len({(layer["stack"], layer["layer"]) for layer in panel["layers"]}) - 1
        lowest = [layer for layer in lowest if layer["stack"] == lowest[0]["stack"]]
        cells = [[(layer, name) for name in _names(layer)] for layer in lowest]
        together = [cell for part in cells for cell in part]
        words, answers = self._words_width(panel, begin, end), self._answers_width(panel, begin, end)
        room = console.width - words

        def fits(parts: Sequence[Sequence[tuple[Content, str]]], beside: int) -> bool:
            return beside + max((sum(self._cell_width(*cell) for cell in part) for part in parts), default=0) <= room

        for self.is_narrow in (False, True):
            influence = self._influence_width(panel)
            beside = answers + influence
            if not self.is_narrow and not fits(cells, 0):
                continue
            if fits([together], beside):
                parts, is_apart = [together], False
            elif len(cells) > 1 and fits(cells, beside):
                parts, is_apart = cells, False
            else:
                parts, is_apart = [together] if fits([together], 0) else cells, bool(beside)
            if beside <= room:
                break
        if is_apart:
            console.print()
            console.print(self._table(panel, [], begin, end, 0, step, with_answers=True))
        for place, part in enumerate(parts):
            is_first = place == 0 and not is_apart
            console.print()
            console.print(self._table(panel, part, begin, end, room - (beside if is_first else 0), step, with_answers=is_first))
        for layer in lowest:
            if sentence := memory_sentence(layer, panel["unit_name"]):
                console.print(Text(f"{layer['title']}: {sentence}.", style="dim"))
        console.print(Text(self._legend(panel, together), style="dim"))
        if others > 0:
            console.print(Text(f"{counted(others, 'more layer')}: by --layer N, and all of them by --out FILE.html.", style="dim"))
        if why:
            console.print(Text(f"shown: {why}.", style="yellow"))

    def _legend(self, panel: Content, cells: Sequence[tuple[Content, str]]) -> str:
        """What marks and numbers stand for."""
        signed_scales = {name: layer["gates"][name]["scale"] for layer, name in cells if layer["gates"][name]["signed"]}
        if self.is_narrow:
            roles = dict.fromkeys(f"{name} {layer['gates'][name]['role']}" for layer, name in cells)
            said = f"means over a layer's units: {', '.join(roles)}"
            if self._falls(panel):
                said += f"; ±: so far the score falls without the {panel['unit_name']}"
            return f"{said}; left: the left context's share" if self._shares(panel) else said
        said = f"{RANGE}{MEAN}{RANGE} the middle eight tenths of a layer's units and their mean, from 0 on the left to 1"
        ranges = [f"; {name} from −{number(scale, 1)} to {number(scale, 1)}" for name, scale in signed_scales.items() if scale > 1]
        return said + "".join(ranges or [f"; {name} from −1 to 1" for name in signed_scales])

    def _words_width(self, panel: Content, begin: int, end: int) -> int:
        """Of number and word."""
        words = max((len(seen(unit)) for unit in panel["units"][begin:end]), default=1)
        return len(str(end)) + 2 + min(max(words, len(panel["unit_name"])), self._most_of_word) + 2

    @property
    def _most_of_word(self) -> int:
        return max(_WORD, self._console.width // 4)

    def _answers_width(self, panel: Content, begin: int, end: int) -> int:
        return max(min(max(map(len, panel["said"][begin:end]), default=0) + 5, _WORD + 5), 6) + 2 if panel["said"] else 0

    def _cell_width(self, layer: Content, name: str) -> int:
        """The least that a gate takes, with its heading and the gap behind it."""
        return max(len(self._heading(layer, name)), _NUMBER if self.is_narrow else LEAST_MARK + 1 + _NUMBER) + 2

    def _heading(self, layer: Content, name: str) -> str:
        role = "" if self.is_narrow else f" {layer['gates'][name]['role']}"
        return f"{name}{role} {layer['title'].split(' ')[-1]}"

    def _influence_width(self, panel: Content) -> int:
        falls, gradient, shares = (
            (8, 0, 6) if self.is_narrow else (12 + self._decimals(panel) + 3, max(10, self._gradient_decimals(panel) + 5), 13)
        )
        return (falls if self._falls(panel) else 0) + (gradient if self._gradient(panel) else 0) + (shares if self._shares(panel) else 0)

    def _decimals(self, panel: Content) -> int:
        return digits_of(max(map(abs, self._falls(panel)), default=0.0))

    def _falls(self, panel: Content) -> Sequence[float]:
        """Of each unit how far the score falls without it; empty where nothing of that panel was taken away."""
        return self._along(panel, "occlusion")

    def _gradient_decimals(self, panel: Content) -> int:
        return digits_of(max(map(abs, self._gradient(panel)), default=0.0))

    def _gradient(self, panel: Content) -> Sequence[float]:
        return self._along(panel, "gradient")

    def _shares(self, panel: Content) -> Sequence[float | None]:
        return self._along(panel, "left_share") if len(panel["units"]) > 1 else []

    def _along(self, panel: Content, name: str) -> Sequence[Any]:
        influence = self._influence(panel)
        values: Sequence[Any] = influence[name] if influence else []
        return values if len(values) == len(panel["units"]) else []

    def _influence(self, panel: Content) -> Content | None:
        influence: Content | None = self._content["influence"]
        return influence if influence and influence["panel"] == panel["name"] else None

    def _table(
        self,
        panel: Content,
        cells: Sequence[tuple[Content, str]],
        begin: int,
        end: int,
        room: int,
        step: int | None,
        *,
        with_answers: bool,
    ) -> Table:
        """Rows of words; with their answers and what these hang on, or without; and of gates."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        is_narrow = self.is_narrow
        titles = ", ".join(dict.fromkeys(layer["title"] for layer, _ in cells))
        table = Table(
            title=Text(f"{panel['name']}: {titles}" if titles else panel["name"], style="bold"),
            title_justify="left",
            box=SIMPLE_HEAD,
            pad_edge=False,
            collapse_padding=True,
            show_edge=False,
        )
        falls, gradient, shares = (self._falls(panel), self._gradient(panel), self._shares(panel)) if with_answers else ([], [], [])
        if is_narrow:
            gradient = []
        has_said = with_answers and bool(panel["said"])
        table.add_column("#", justify="right", style="dim", no_wrap=True)
        table.add_column(panel["unit_name"], no_wrap=True, max_width=self._most_of_word, overflow="ellipsis")
        if has_said:
            table.add_column("answer", no_wrap=True, max_width=_WORD + 5, overflow="ellipsis")
        if falls:
            table.add_column("±" if is_narrow else "hangs on it", no_wrap=True, justify="right" if is_narrow else "left")
        if gradient:
            table.add_column("gradient", no_wrap=True, justify="right")
        if shares:
            table.add_column("left" if is_narrow else "left/right", no_wrap=True)
        gradient_digits = self._gradient_decimals(panel)
        mark = 0 if is_narrow else max(LEAST_MARK, min(_MOST_MARK, room // max(len(cells), 1) - _NUMBER - 3))
        for layer, name in cells:
            heading = Text(self._heading(layer, name), style=COLOURS.get(name, ""))
            table.add_column(heading, no_wrap=True, justify="right" if is_narrow else "left")
        strongest, digits = max([NOISE, *map(abs, falls)]), self._decimals(panel)
        important = set(sorted(range(len(falls)), key=lambda at: -falls[at])[: _removed(self._influence(panel))])
        for at in range(begin, end):
            style = "reverse" if at == step else "bold" if at in important else ""
            row = [Text(str(at + 1)), Text(seen(panel["units"][at]), style=style)]
            if has_said:
                sure = f" {panel['probabilities'][at]:.2f}" if panel["probabilities"] else ""
                row.append(Text(panel["said"][at]).append(sure, style="dim"))
            if falls:
                row.append(bar_of(falls[at], strongest, digits, is_narrow=is_narrow))
            if gradient:
                row.append(Text(signed(gradient[at], gradient_digits), style="green" if gradient[at] > 0 else "red"))
            if shares:
                row.append(share_of(shares[at], is_narrow=is_narrow))
            row += [mark_of(layer["gates"][name], name, at, mark) for layer, name in cells]
            table.add_row(*row)
        return table


def _names(layer: Content) -> list[str]:
    """The gates of a layer; the state where it has none; what was asked for if that is one alone."""
    names = list(layer["gates"])
    if len(names) == 1:
        return names
    return [name for name in names if not layer["gates"][name]["signed"]] or ["h"]


def _removed(influence: Any) -> int:
    return influence["check"]["removed"] if influence and influence["check"] else 0
