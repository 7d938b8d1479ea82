"""What every run answered, kept beside results.json: what a resumed comparison is judged from.

`outcomes/<run>.json` holds the outcomes of one run, `outcomes/examples-<portion>.json` what was scored: `all`, or `fold0`, `fold1`, ...
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tidegate.artefact import write_atomically
from tidegate.comparison.leaderboard import Run
from tidegate.errors import OutputError
from tidegate.scoring.outcomes import Examples, Outcomes


def write_outcomes(out: Path, run: Run, outcomes: Outcomes) -> None:
    """Keeps what a run answered.

    Raises:
        OutputError: it cannot be written.
    """
    _write(out, run.file_name, outcomes.to_json())


def read_outcomes(out: Path, run: Run) -> Outcomes | None:
    """What a run answered; None where that was not kept whole."""
    try:
        return Outcomes.from_json(json.loads(_place(out, run.file_name).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_examples(out: Path, fold: int | None, examples: Examples) -> None:
    """Keeps what a fold's runs are scored on, or all runs where there are no folds.

    Raises:
        OutputError: it cannot be written.
    """
    _write(out, f"examples-{'all' if fold is None else f'fold{fold}'}", examples.to_json())


def _write(out: Path, name: str, content: dict[str, Any]) -> None:
    place = _place(out, name)
    try:
        place.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{place.parent} cannot be written: {error.strerror}. Name a place that you may write with --out.") from error
    with write_atomically(place) as file:
        file.write((json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8", "surrogatepass"))


def _place(out: Path, name: str) -> Path:
    return out / "outcomes" / f"{name}.json"
