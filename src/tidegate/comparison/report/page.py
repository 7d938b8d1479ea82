"""`DIR/report.html`: the whole comparison on one page that needs nothing but itself. Read `write_report`."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidegate.artefact import write_atomically
from tidegate.comparison.report import answer_figures, cost_figures, score_figures, wording
from tidegate.comparison.report.compared import Compared, Entry, judged
from tidegate.comparison.report.drawing import Picture, Table
from tidegate.comparison.report.looks import variables
from tidegate.errors import OutputError

MOST_BYTES = 3_000_000
MOST_EXAMPLES = 60
# By whether an answer is right; None where answers are graded.
_SIGNS = {True: "right", False: "wrong", None: "graded"}
_TEMPLATES = Path(__file__).parent / "templates"


def write_report(content: Mapping[str, Any], out: Path) -> Path:
    """Writes the report of a comparison into its folder; equal results give equal bytes.

    Args:
        content: of results.json, version 2.
        out: the folder: report.html, leaderboard.svg and plots/*.svg.

    Returns:
        The path of report.html, which has at most 3 MB: where examples do not fit, fewer are shown, and the page says so.

    Raises:
        OutputError: `out` cannot be written.
    """
    compared = Compared(content)
    pictures = [
        score_figures.leaderboard(compared, has_costs=False),
        cost_figures.learning_curves(compared),
        cost_figures.costs(compared),
        score_figures.pairs(compared),
        score_figures.sizes(compared),
        answer_figures.by_label(compared),
        answer_figures.by_length(compared),
        answer_figures.by_position(compared),
        answer_figures.calibration(compared),
    ]
    drawn = {picture.name: picture for picture in pictures if picture is not None}
    try:
        (out / "plots").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out / 'plots'} cannot be written: {error.strerror}. Name a place that you may write with --out.") from error
    for picture in drawn.values():
        _write(out / "plots" / f"{picture.name}.svg", picture.standalone)
    board = score_figures.leaderboard(compared, has_costs=True)
    if board is not None:
        _write(out / "leaderboard.svg", board.standalone)
    page = out / "report.html"
    count = MOST_EXAMPLES
    while len((text := _render(compared, drawn, count)).encode()) > MOST_BYTES and count:
        count //= 2
    _write(page, text)
    return page


def _write(path: Path, text: str) -> None:
    with write_atomically(path) as file:
        file.write(text.encode())


def _render(compared: Compared, pictures: Mapping[str, Picture], most_examples: int) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["short"] = wording.short
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    content = compared.content
    examples = _examples(compared)
    return environment.get_template("report.html").render(
        compared=compared,
        content=content,
        pictures={name: {"svg": Markup(picture.inline), "picture": picture} for name, picture in pictures.items()},
        # Made by us, so it need not be escaped; what it may load and run, nothing and this script, the page itself says to the browser.
        style=Markup(
            (_TEMPLATES / "report.css").read_text(encoding="utf-8").replace("/*light*/", variables(0)).replace("/*dark*/", variables(1))
        ),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        heading=_heading(compared),
        sentences=_sentences(compared),
        facts=_facts(compared),
        board=[_board_row(compared, place, row) for place, row in enumerate(compared.rows, start=1)],
        cost=_cost(content.get("cost") or {}),
        examples=examples[:most_examples],
        is_graded=all(answer["sign"] == "graded" for example in examples for answer in example["answers"]),
        examples_left=len(examples) - len(examples[:most_examples]),
        failures=[wording.short(failure, 600) for failure in content.get("failures") or ()],
        settings=_settings(compared),
        recipe=wording.short(json.dumps(content.get("recipe") or {}, ensure_ascii=False), 20_000),
    )


def _heading(compared: Compared) -> str:
    choice = (compared.content.get("verdict") or {}).get("choice")
    if choice:
        return f"Choose {wording.short(choice)}"
    return "No verdict" if compared.scored else "Every run failed"


def _sentences(compared: Compared) -> list[str]:
    """The verdict's, without repeating what the heading says."""
    found = [wording.short(sentence, 600) for sentence in (compared.content.get("verdict") or {}).get("sentences") or ()]
    opening = f"{_heading(compared)}: "
    if found and found[0].startswith(opening):
        rest = found[0].removeprefix(opening)
        found[0] = rest[:1].upper() + rest[1:]
    return found


def _facts(compared: Compared) -> list[tuple[str, str]]:
    """What the choice comes to, in four figures."""
    choice = (compared.content.get("verdict") or {}).get("choice")
    row = next((row for row in compared.scored if row["name"] == choice), None)
    if row is None:
        return []
    spread = f" ± {wording.score(row['spread'])}" if row["spread"] is not None else ""
    found = [
        (compared.score, f"{wording.score(row['score'])}{spread}"),
        ("training", wording.seconds(row["train_seconds"])),
        ("ms per sequence", wording.milliseconds(row["ms_per_sequence"])),
        ("parameters", wording.count(row["parameters"])),
        ("MB", wording.megabytes(row["megabytes"])),
    ]
    return [(name, said) for name, said in found if said != "–"]


def _board_row(compared: Compared, place: int, row: Entry) -> dict[str, Any]:
    """One line of the leaderboard: of each cell what is read, and by what it is sorted (None: last)."""
    pair = compared.against_best.get(row["name"])
    spread = f" ± {wording.score(row['spread'])}" if row["spread"] is not None else ""
    p50, p99 = row.get("ms_per_step_p50"), row.get("ms_per_step_p99")
    adjusted = None if pair is None else pair["p"] if pair.get("p_adjusted") is None else pair["p_adjusted"]
    cells = [
        (f"{wording.score(row['score'])}{spread}" if row["score"] is not None else "failed", row["score"]),
        ("–" if pair is None else wording.score(pair["difference"], signed=True), pair and pair["difference"]),
        ("–" if pair is None else score_figures.interval(pair), pair and pair["low"]),
        (wording.probability(adjusted), adjusted),
        (wording.seconds(row["train_seconds"]), row["train_seconds"]),
        (wording.milliseconds(row["ms_per_sequence"]), row["ms_per_sequence"]),
        ("–" if p50 is None else f"{wording.milliseconds(p50)} / {wording.milliseconds(p99)}", p50),
        (wording.megabytes(row["megabytes"]), row["megabytes"]),
        (wording.count(row["parameters"]), row["parameters"]),
        ("–" if row.get("epochs_to_95") is None else f"{row['epochs_to_95']:g}", row.get("epochs_to_95")),
        (wording.score(row.get("ece")), row.get("ece")),
        (f"{row['runs'] - row['failed']} of {row['runs']}" if row["failed"] else str(row["runs"]), row["runs"] - row["failed"]),
    ]
    badges = ["choice"] if row["name"] == (compared.content.get("verdict") or {}).get("choice") else []
    if pair is not None and judged(pair, is_lower_better=compared.is_lower_better) == "tie":
        badges.append("tie")
    return {"place": place, "row": row, "look": compared.looks[row["name"]], "badges": badges, "cells": cells}


def _cost(cost: Mapping[str, Any]) -> Table | None:
    forecast, spent = cost.get("forecast") or {}, cost.get("spent") or {}
    if not forecast and not spent:
        return None
    rows = [
        ["time", wording.minutes(forecast.get("minutes")), wording.minutes(spent.get("minutes"))],
        ["MB on disk", wording.megabytes(forecast.get("megabytes")), wording.megabytes(spent.get("megabytes"))],
    ]
    pilot = forecast.get("pilot_seconds")
    return Table(
        ["", "forecast", "spent"],
        rows,
        "" if pilot is None else f"The forecast came from a pilot of {wording.seconds(pilot)}, for every epoch that may be.",
    )


def _examples(compared: Compared) -> list[dict[str, Any]]:
    """Examples where contenders differ: what each answered, who gave the same answer together, right ones first."""
    found = []
    for entry in compared.content.get("disagreements") or ():
        said: dict[tuple[str, str], list[str]] = {}
        scores = entry.get("scores") or {}
        for name in compared.names:
            if name in entry["answers"]:
                said.setdefault((_SIGNS[entry["is_right"].get(name)], wording.short(entry["answers"][name], 120)), []).append(name)
        found.append(
            {
                "input": wording.short(entry["input"], wording.TEXT),
                "right": wording.short(entry["right"], 120),
                "answers": [
                    {"sign": sign, "text": text, "names": names}
                    for (sign, text), names in sorted(said.items(), key=lambda one: (list(_SIGNS.values()).index(one[0][0]), -len(one[1])))
                ],
                # Where an answer is never simply right or wrong, what it scored.
                "scores": {name: wording.score(scores[name]) for name in scores if entry["is_right"].get(name) is None},
                # For the filter: places of the leaderboard, because names may hold any character.
                "right_ones": " ".join(str(place) for place, name in enumerate(compared.names) if entry["is_right"].get(name)),
                "wrong_ones": " ".join(str(place) for place, name in enumerate(compared.names) if entry["is_right"].get(name) is False),
            }
        )
    return found


def _settings(compared: Compared) -> list[tuple[str, str]]:
    """What must be the same for the same results."""
    content = compared.content
    found = [
        ("task", content.get("task")),
        ("architectures", ", ".join(content.get("archs") or ())),
        ("seeds", content.get("seeds")),
        ("folds", content.get("folds") or "none"),
        ("sizes of the training data", ", ".join(f"{share:.0%}" for share in content.get("shares") or ())),
        ("scored on", compared.where),
        ("tidegate", content.get("tidegate_version")),
        ("machine", content.get("machine")),
        ("records, SHA-256", content.get("records_sha256")),
    ]
    return [(name, wording.short(said, 200)) for name, said in found if said not in (None, "")]
