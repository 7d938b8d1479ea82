"""An explanation as one SVG, written by hand: influence, and of every gate that is shown the mean and the spread along the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from textwrap import wrap

from tidegate.explanation.views.choice import stretch_of, weights_along
from tidegate.explanation.views.sentences import NOISE, Content, fine, influence_sentences, memory_sentence, number, seen, shortened, signed

# Units of the input that fit on a picture.
MOST_UNITS = 60
# Pixels: where the charts begin, how wide they are, how tall a chart is.
_LEFT, _WIDTH, _TALL, _RIGHT = 190, 900, 64, 24
_HUES = {"z": "keep", "f": "keep", "s": "keep", "r": "use", "i": "let", "o": "show", "n": "offer", "g": "offer", "h": "state"}
# The colours of the page: light, and dark where the viewer prefers that.
_LIGHT = {
    "paper": "#fbfaf7", "ink": "#1c2330", "soft": "#566072", "line": "#dfe1e6", "plus": "#1d62b5", "minus": "#b04a0a", "keep": "#14706c",
    "use": "#6a45b4", "let": "#b02f5c", "show": "#8d5b00", "offer": "#566072", "state": "#1d62b5",
}  # fmt: skip
_DARK = {
    "paper": "#0f131a", "ink": "#e8ebf1", "soft": "#a3adbd", "line": "#2c3442", "plus": "#7fb6ff", "minus": "#ffa566", "keep": "#5fd0c4",
    "use": "#b79cff", "let": "#ff93b4", "show": "#f0b955", "offer": "#a3adbd", "state": "#7fb6ff",
}  # fmt: skip


def svg_of(content: Content, *, step: int | None = None, most: int = MOST_UNITS) -> str:
    """The picture, as text.

    Args:
        content: an explanation's JSON; the values of single units need not be in it.
        step: from 0; of a long input the stretch around it is drawn.
        most: units of the input that are drawn.
    """
    drawing = _Drawing()
    drawing.text(24, f"{content['title']} · {content['task']}", "soft", room=1060)
    drawing.text(24, shortened(content["source"], 600), "ink", room=1060)
    drawing.text(24, content["answer"], "ink title", room=560, line=30)
    for sentence in [*content["notes"], *influence_sentences(content)]:
        drawing.text(24, sentence, "soft", room=1060)
    for panel in content["panels"]:
        _draw_panel(drawing, content, panel, step, most)
    if content["attention"] and not any(weights_along(content, panel) for panel in content["panels"]):
        _draw_attention(drawing, content["attention"], most)
    return drawing.whole(f"{content['answer']}: what the gates did", content["source"][:200])


@dataclass(slots=True)
class _Drawing:
    """Elements, and how far down they have come."""

    parts: list[str] = field(default_factory=list)
    y: float = 20.0

    def text(self, x: float, text: str, classes: str, *, room: float, line: float = 20) -> None:
        """Lines of text below each other, broken where the room ends (about 7 pixels a character)."""
        for piece in wrap(text, max(int(room / 7.2), 10)) or [""]:
            self.y += line
            self.put(f'<text x="{x:g}" y="{self.y:g}" class="{classes}">{_shown(piece)}</text>')

    def put(self, element: str) -> None:
        self.parts.append(element)

    def whole(self, title: str, description: str) -> str:
        def rules(colours: dict[str, str]) -> str:
            own = [f".ground{{fill:{colours['paper']}}}", f"text{{fill:{colours['ink']}}}"]
            for name, colour in colours.items():
                own += [f"text.{name},.fill-{name}{{fill:{colour}}}", f".line-{name}{{stroke:{colour}}}"]
            return "".join(own)

        width, height = _LEFT + _WIDTH + _RIGHT, self.y + 28
        style = (
            "text{font:13px system-ui,'Segoe UI',Roboto,sans-serif}.title{font-size:24px;font-weight:650}.name{font-weight:600}"
            ".small{font-size:11px}.mean{fill:none;stroke-width:2;stroke-linejoin:round}.band{opacity:.22}.grid{stroke-width:1}"
            + rules(_LIGHT)
            + f"@media (prefers-color-scheme:dark){{{rules(_DARK)}}}"
        )
        stripes = (
            '<pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            '<line x1="0" y1="0" x2="0" y2="6" stroke-width="4" class="line-minus"/></pattern>'
            '<pattern id="right" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            '<line x1="0" y1="0" x2="0" y2="6" stroke-width="4" class="line-use"/></pattern>'
        )
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
            f'aria-labelledby="what which"><title id="what">{_shown(title)}</title><desc id="which">{_shown(description)}</desc>'
            f'<style>{style}</style><defs>{stripes}</defs><rect width="100%" height="100%" class="ground"/>'
        )
        return "\n".join([head, *self.parts, "</svg>\n"])


def _draw_panel(drawing: _Drawing, content: Content, panel: Content, step: int | None, most: int) -> None:
    begin, end, why = stretch_of(content, panel, most, step if step is not None and step < len(panel["units"]) else None)
    drawing.y += 14
    drawing.text(24, f"{panel['name'].capitalize()}{f': {why}' if why else ''}", "ink name", room=1060)
    if begin == end:
        drawing.text(24, "The input is empty.", "soft", room=1060)
        return
    wide = min(_WIDTH / (end - begin), 120.0)
    _draw_units(drawing, panel, begin, end, wide)
    influence = content["influence"]
    if influence and influence["panel"] == panel["name"]:
        _draw_influence(drawing, influence, len(panel["units"]), begin, end, wide)
    if weights := weights_along(content, panel):
        _draw_weights(drawing, weights[begin:end], wide)
    for layer in panel["layers"]:
        drawing.y += 10
        memory = memory_sentence(layer, panel["unit_name"])
        drawing.text(24, f"{layer['title']}  ({layer['cell']}){f' · {memory}' if memory else ''}", "ink name", room=1060)
        for name, gate in layer["gates"].items():
            _draw_gate(drawing, name, gate, begin, end, wide)


def _draw_units(drawing: _Drawing, panel: Content, begin: int, end: int, wide: float) -> None:
    """What stands along the axis, upright where it would not fit, with the answers below."""
    words = [seen(unit) for unit in panel["units"][begin:end]]
    longest = max(map(len, words))
    is_flat = wide >= min(longest, 14) * 7.4 + 6
    tall = 22 if is_flat else min(longest, 14) * 7.4 + 10
    drawing.y += tall
    for place, word in enumerate(words):
        x = _LEFT + (place + 0.5) * wide
        shown = word if len(word) <= 14 else word[:13] + "…"
        turned = "" if is_flat else f' transform="rotate(-90 {x + 4:.1f} {drawing.y:.1f})"'
        anchor = "middle" if is_flat else "start"
        drawing.put(
            f'<text x="{x if is_flat else x + 4:.1f}" y="{drawing.y:.1f}" text-anchor="{anchor}"{turned} class="ink">{_shown(shown)}</text>'
        )
    if panel["said"]:
        answers = panel["said"][begin:end]
        is_flat = wide >= max(map(len, answers)) * 6.4
        drawing.y += 16 if is_flat else min(max(map(len, answers)), 12) * 6.4 + 8
        for place, answer in enumerate(answers):
            x = _LEFT + (place + 0.5) * wide
            turned = "" if is_flat else f' transform="rotate(-90 {x + 4:.1f} {drawing.y:.1f})"'
            drawing.put(
                f'<text x="{x if is_flat else x + 4:.1f}" y="{drawing.y:.1f}" text-anchor="{"middle" if is_flat else "start"}"{turned} '
                f'class="soft small">{_shown(answer[:12])}</text>'
            )
    drawing.y += 8


def _chart(drawing: _Drawing, name: str, said: str, marks: Sequence[tuple[float, str]], tall: float, width: float) -> float:
    """Name, what it says and numbered lines of a chart; gives its top."""
    top = drawing.y + 8
    drawing.put(f'<text x="24" y="{top + 14:g}" class="ink name">{_shown(name)}</text>')
    for row, line in enumerate(wrap(said, 20)):
        drawing.put(f'<text x="24" y="{top + 31 + 14 * row:g}" class="soft small">{_shown(line)}</text>')
    for share, text in marks:
        y = top + share * tall
        drawing.put(f'<line x1="{_LEFT}" x2="{_LEFT + width:g}" y1="{y:.1f}" y2="{y:.1f}" class="grid line-line"/>')
        drawing.put(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" class="soft small">{text}</text>')
    drawing.y = top + tall + 8
    return top


def _draw_gate(drawing: _Drawing, name: str, gate: Content, begin: int, end: int, wide: float) -> None:
    hue = _HUES[name]
    most = float(gate.get("scale") or 1.0)
    least = -most if gate["signed"] else 0.0
    marks = [(share, number(most - share * (most - least), 0 if (most - least) in (1, 2) and share != 0.5 else 1)) for share in (0, 0.5, 1)]
    means = gate["mean"][begin:end]
    said = f"{gate['role']}; mean {number(min(means))} to {number(max(means))}"
    top = _chart(drawing, name, said, marks, _TALL, wide * (end - begin))

    def line(values: Sequence[float]) -> list[str]:
        return [
            f"{_LEFT + (place + 0.5) * wide:.1f},{top + (most - value) / (most - least) * _TALL:.1f}" for place, value in enumerate(values)
        ]

    band = line(gate["low"][begin:end]) + line(gate["high"][begin:end])[::-1]
    drawing.put(f'<polygon points="{" ".join(band)}" class="band fill-{hue}"/>')
    points = line(means)
    drawing.put(f'<polyline points="{" ".join(points)}" class="mean line-{hue}"/>')
    for point in points:
        x, y = point.split(",")
        drawing.put(f'<circle cx="{x}" cy="{y}" r="2.2" class="fill-{hue}"/>')


def _draw_influence(drawing: _Drawing, influence: Content, length: int, begin: int, end: int, wide: float) -> None:
    what = "the score" if influence["gradient_of"] in ("", influence["of"]) else "the number told, in the target's unit"
    for values, name, meaning in (
        (influence["occlusion"], "Blanked", "the score falls by so much without; + for, − against the answer"),
        (influence["gradient"], "Gradients", f"integrated gradients: each adds so much to {what}"),
    ):
        if len(values) == length:
            _draw_bars(drawing, values[begin:end], name, meaning, wide)
    shares = influence["left_share"]
    if len(shares) == length > 1:
        top = _chart(
            drawing,
            "Left and right",
            "the left context's share solid, the right one's striped, – where neither speaks for the answer",
            [(0, "1"), (1, "0")],
            44,
            wide * (end - begin),
        )
        for place, share in enumerate(shares[begin:end]):
            x, bar = _LEFT + (place + 0.12) * wide, wide * 0.76
            if share is None:
                drawing.put(f'<text x="{x + bar / 2:.1f}" y="{top + 26:.1f}" text-anchor="middle" class="soft small">–</text>')
                continue
            drawing.put(
                f'<rect x="{x:.1f}" y="{top + 44 * (1 - share):.1f}" width="{bar:.1f}" height="{44 * share:.1f}" class="fill-keep"/>'
            )
            drawing.put(
                f'<rect x="{x:.1f}" y="{top:.1f}" width="{bar:.1f}" height="{44 * (1 - share):.1f}" fill="url(#right)" class="line-use"/>'
            )
    falls = influence["channel_occlusion"]
    for place, channel in enumerate(influence["channels"]):
        if falls and isinstance(falls[0], list) and len(falls) == length:
            _draw_bars(drawing, [row[place] for row in falls[begin:end]], channel, "without this channel", wide, tall=36)
        elif falls and not isinstance(falls[0], list):
            added = f"; gradients {signed(influence['channel_gradient'][place])}" if influence["channel_gradient"] else ""
            drawing.text(24, f"{channel}: without it the score falls by {signed(falls[place])}{added}", "ink", room=1060)


def _draw_bars(drawing: _Drawing, values: Sequence[float], name: str, said: str, wide: float, *, tall: float = _TALL) -> None:
    most = max(max(map(abs, values)), NOISE)
    top = _chart(drawing, name, said, [(0, f"+{fine(most)}"), (0.5, "0"), (1, fine(-most))], tall, wide * len(values))
    middle = top + tall / 2
    for place, value in enumerate(values):
        if abs(value) < 0.004 * most:
            continue
        x, bar, long = _LEFT + (place + 0.14) * wide, wide * 0.72, abs(value) / most * tall / 2
        y = middle - long if value > 0 else middle
        look = 'class="fill-plus"' if value > 0 else 'fill="url(#stripes)" class="line-minus"'
        drawing.put(f'<rect x="{x:.1f}" y="{y:.1f}" width="{bar:.1f}" height="{long:.1f}" {look}/>')
        if wide >= 10 and long > 4:
            sign_y = y - 2 if value > 0 else y + long + 9
            drawing.put(
                f'<text x="{x + bar / 2:.1f}" y="{sign_y:.1f}" text-anchor="middle" class="{"plus" if value > 0 else "minus"} small">'
                f"{'+' if value > 0 else '−'}</text>"
            )


def _draw_weights(drawing: _Drawing, weights: Sequence[float], wide: float) -> None:
    """Of attention that read the input into one answer."""
    most = max(max(weights), NOISE)
    said = "so much of the answer was read there; over the whole input 1"
    top = _chart(drawing, "Attention", said, [(0, fine(most)), (1, "0")], _TALL, wide * len(weights))
    for place, weight in enumerate(weights):
        x, long = _LEFT + (place + 0.14) * wide, weight / most * _TALL
        drawing.put(
            f'<rect x="{x:.1f}" y="{top + _TALL - long:.1f}" width="{wide * 0.72:.1f}" height="{long:.1f}" class="fill-keep">'
            f"<title>{fine(weight)}</title></rect>"
        )


def _draw_attention(drawing: _Drawing, attention: Content, most: int) -> None:
    targets, sources = attention["targets"][:most], attention["sources"][:most]
    drawing.y += 14
    cut = len(attention["targets"]) > most or len(attention["sources"]) > most
    drawing.text(
        24,
        f"Attention{f' (the first {most} of each side)' if cut else ''}: the fuller a square, the more was read there",
        "ink name",
        room=1060,
    )
    cell = min(26.0, _WIDTH / max(len(sources), 1))
    drawing.y += min(max(map(len, sources), default=1), 14) * 7.4 + 8
    top = drawing.y
    for column, word in enumerate(sources):
        x = _LEFT + (column + 0.5) * cell + 4
        turned = f'transform="rotate(-90 {x:.1f} {top - 4:.1f})"'
        drawing.put(f'<text x="{x:.1f}" y="{top - 4:.1f}" {turned} class="ink">{_shown(seen(word)[:14])}</text>')
    for row, word in enumerate(targets):
        y = top + row * cell
        drawing.put(f'<text x="{_LEFT - 8}" y="{y + cell / 2 + 4:.1f}" text-anchor="end" class="ink">{_shown(seen(word)[:20])}</text>')
        for column in range(len(sources)):
            # The side of the square, not its colour, says how much.
            side = cell * min(max(attention["weights"][row][column], 0.0), 1.0) ** 0.5
            if side < 0.8:
                continue
            x = _LEFT + (column + 0.5) * cell - side / 2
            drawing.put(
                f'<rect x="{x:.1f}" y="{y + (cell - side) / 2:.1f}" width="{side:.1f}" height="{side:.1f}" class="fill-keep">'
                f"<title>{_shown(seen(word))} ← {_shown(seen(sources[column]))}: {attention['weights'][row][column]:.2f}</title></rect>"
            )
    drawing.y = top + len(targets) * cell


def _shown(text: str) -> str:
    """Text that can stand in the file: escaped, and without characters that XML does not know."""
    return escape("".join(character if _is_known(character) else "�" for character in text), quote=True)


def _is_known(character: str) -> bool:
    """To XML 1.0."""
    code = ord(character)
    return character in "\t\n" or (code >= 32 and not 0xD800 <= code <= 0xDFFF and code not in (0xFFFE, 0xFFFF))
