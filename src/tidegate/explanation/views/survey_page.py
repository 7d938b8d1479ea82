"""A survey of gates as one offline HTML page: distributions, what opens and closes each gate, dead units, memory."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tidegate.explanation.views.page import page_part, put_together
from tidegate.explanation.views.sentences import Content, counted, number, places, read_of, seen

_HUES = {"z": "keep", "f": "keep", "s": "keep", "r": "use", "i": "let", "o": "show"}
_WHY = {
    "z": ("takes the new", "keeps the past"),
    "s": ("takes the new", "keeps the past"),
    "f": ("forgets", "keeps the past"),
    "r": ("ignores the past", "uses the past"),
    "i": ("stays shut", "lets in"),
    "o": ("hides", "shows"),
}
# Pixels of a histogram.
_WIDE, _TALL = 320, 92


def survey_page_of(content: Content) -> str:
    """The page for a survey's JSON (`dataset.Survey.to_json`), as text. What a word of the data holds stays text."""
    panels = content["panels"]
    names = " and ".join(dict.fromkeys(f"{panel['unit_name']}s" for panel in panels))
    notes = "".join(f"<li>{escape(note)}</li>" for note in content["notes"])
    title = f"{content['title']}: gates over {counted(content['sequences'], content['sequence_name'])}"
    return put_together(
        page_part("survey.html"),
        {
            "title": escape(f"{title} · tidegate"),
            "style": page_part("style.css") + _STYLE,
            "model": escape(f"{content['title']} · {content['task']}"),
            "heading": escape(read_of(content)),
            "notes": f'<ul class="notes">{notes}</ul>' if notes else "",
            "guide": escape(
                f"Which {names} open and close each gate, on the mean over a layer's units and over all places where they stand; {names} "
                f"met less than {counted(content['min_count'], 'time')} are left out. A gate is called closed below 0.1, open above 0.9."
            ),
            "layers": "\n".join(
                _layer(layer, panel["unit_name"], panel["name"] if len(panels) > 1 else "") for panel in panels for layer in panel["layers"]
            ),
            "made": escape(f"Made by tidegate {content['tidegate_version']}. This file is whole: it loads nothing from elsewhere."),
        },
    )


_STYLE = """
.gate { padding: 0.8rem 1rem; border-top: 1px solid var(--grid); }
.columns { display: grid; grid-template-columns: 340px minmax(0, 1fr) minmax(0, 1fr); gap: 0.5rem 2rem; margin-top: 0.4rem; }
.columns svg { max-width: 100%; height: auto; }
.columns table { width: 100%; }
.columns caption { text-align: left; font-weight: 600; padding-bottom: 0.2rem; }
.columns td.word { overflow-wrap: anywhere; white-space: normal; }
.meter { width: 30%; }
.meter span { display: block; height: 0.75em; min-width: 1px; border-radius: 2px; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
@media (max-width: 900px) { .columns { grid-template-columns: minmax(0, 1fr); } }
"""


def _layer(layer: Content, unit_name: str, panel: str) -> str:
    title = escape(f"{panel}: {layer['title']}" if panel else layer["title"])
    parts = [f'<section class="card" aria-label="{title}"><header><h2 style="margin:0">{title}</h2>']
    parts.append(f'<span class="quiet">{escape(layer["cell"])} · {counted(layer["hidden_size"], "unit")}</span></header>')
    dead = layer["dead"]
    if dead:
        parts.append(
            f'<p class="text"><strong>Dead.</strong> The state of {counted(len(dead), "unit")} hardly moves: {places(dead, 60)}.</p>'
        )
    else:
        parts.append('<p class="text">No unit is dead: every state moves over the data.</p>')
    if layer["memory"]:
        parts.append(_memory(layer["memory"], unit_name))
    parts += [_gate(name, gate, layer["hidden_size"], unit_name) for name, gate in layer["gates"].items()]
    parts.append("</section>")
    return "".join(parts)


def _memory(memory: Content, unit_name: str) -> str:
    low, _, middle, _, high = (number(value, 1) for value in memory["quantiles"])
    counts = memory["counts"]
    counts = counts[: max((place for place, count in enumerate(counts) if count), default=0) + 1]
    labels = ["<2", *(str(2**place) for place in range(1, len(counts)))]
    chart = _histogram(counts, labels, "keep", f"units by how many {unit_name}s they keep the past: {', '.join(map(str, counts))}")
    return (
        f'<div class="memory">{chart}<p><strong>Memory.</strong> Half of the units keep the past for {middle} {unit_name}s or more; a '
        f"tenth for less than {low}, a tenth for more than {high}. So long until 1/e of it is left."
        f" The bars count units from so many {unit_name}s on.</p></div>"
    )


def _gate(name: str, gate: Content, hidden: int, unit_name: str) -> str:
    hue = _HUES[name]
    shut, wide = _WHY[name]
    values = gate["counts"]
    labels = [number(place / len(values), 1) if place % 4 == 0 else "" for place in range(len(values))]
    chart = _histogram(
        values, labels, hue, f"{name} from 0 ({shut}) to 1 ({wide}), in twentieths: {', '.join(map(str, values))}", share=True
    )
    stuck = f"; stuck in {counted(len(gate['stuck']), 'unit')} of {hidden}: {places(gate['stuck'])}" if gate["stuck"] else "; none stuck"
    shares = f"mean {number(gate['mean'])}; closed {gate['closed']:.1%}, open {gate['open']:.1%} of the time{stuck}. 0 {shut}, 1 {wide}."
    opens = _groups(gate["opens"], f"{unit_name}s that open it most", unit_name, hue)
    closes = _groups(gate["closes"], f"{unit_name}s that close it most", unit_name, hue)
    return (
        f'<div class="gate"><h3><span class="letter" style="color:var(--{hue})">{name}</span>{escape(gate["role"])}</h3>'
        f'<p class="quiet" style="margin:0">{escape(shares)}</p>'
        f'<div class="columns"><div>{chart}</div>{opens}{closes}</div>{_units(name, gate, hidden)}</div>'
    )


def _groups(groups: Sequence[Content], caption: str, unit_name: str, hue: str) -> str:
    rows = "".join(
        f'<tr><td class="word">{escape(seen(group["name"]))}</td><td>{number(group["mean"])}</td><td class="meter"><span style="width:'
        f'{group["mean"]:.1%};background:var(--{hue})"></span></td><td>{group["count"]:,}</td></tr>'
        for group in groups
    )
    heads = '<th scope="col">mean</th><th scope="col" class="word">0 to 1</th><th scope="col">met</th>'
    head = f'<tr><th scope="col" class="word">{escape(unit_name)}</th>{heads}</tr>'
    return f"<table><caption>{escape(caption)}</caption><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _units(name: str, gate: Content, hidden: int) -> str:
    units = gate["units"]
    rows = []
    for unit in range(hidden):
        numbers = (f"{unit + 1}", number(units["mean"][unit]), f"{units['closed'][unit]:.0%}", f"{units['open'][unit]:.0%}")
        words = (_names(units["opens"], unit), _names(units["closes"], unit))
        cells = [f"<td>{one}</td>" for one in numbers] + [f'<td class="word">{one}</td>' for one in words]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    heads = [f'<th scope="col">{one}</th>' for one in ("unit", "mean", "closed", "open")]
    heads += [f'<th scope="col" class="word">{one}</th>' for one in ("opened by", "closed by")]
    table = f"<table><thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return (
        f'<details style="margin-left:0"><summary>Every unit of {name}</summary>'
        f'<div class="sheet" tabindex="0" role="region" aria-label="Units of {name}">{table}</div></details>'
    )


def _names(groups: Sequence[Sequence[str]], unit: int) -> str:
    return escape(", ".join(map(seen, groups[unit]))) if groups else ""


def _histogram(counts: Sequence[int], labels: Sequence[str], hue: str, said: str, *, share: bool = False) -> str:
    most, total = max(max(counts), 1), max(sum(counts), 1)
    wide = _WIDE / len(counts)
    parts = []
    for place, (count, label) in enumerate(zip(counts, labels, strict=True)):
        tall = count / most * (_TALL - 34)
        x = place * wide
        parts.append(
            f'<rect x="{x + 1:.1f}" y="{_TALL - 16 - tall:.1f}" width="{wide - 2:.1f}" height="{tall:.1f}" style="fill:var(--{hue})"/>'
        )
        if label:
            at, anchor = (x + 1, "start") if share else (x + wide / 2, "middle")
            parts.append(f'<text x="{at:.1f}" y="{_TALL - 3}" text-anchor="{anchor}">{label}</text>')
        if count and (not share or count == most):
            top = f"{count / total:.0%}" if share else f"{count:,}"
            parts.append(f'<text x="{max(x + wide / 2, 12):.1f}" y="{_TALL - 20 - tall:.1f}" text-anchor="middle">{top}</text>')
    return (
        f'<svg viewBox="0 0 {_WIDE} {_TALL}" width="{_WIDE}" height="{_TALL}" role="img" aria-label="{escape(said)}">{"".join(parts)}</svg>'
    )
