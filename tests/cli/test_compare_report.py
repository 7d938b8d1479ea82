from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from tidegate.cli import compare_report
from tidegate.cli.compare_report import Progress, print_comparison, said_cost, said_forecast
from tidegate.comparison.cost import Forecast
from tidegate.comparison.leaderboard import Run, rows_of
from tidegate.comparison.run import Comparison
from tidegate.training.run import Pilot

COST = {
    "forecast": {"minutes": 8.0, "megabytes": 21.0, "by_arch": {}, "pilot_seconds": 6.0},
    "spent": {"minutes": 5.5, "megabytes": 19.3, "peak_megabytes": 812.0},
}


def network(name: str, seed: int, score: float | None, **known: Any) -> Run:
    is_two_way = name.startswith("bi")
    measured: dict[str, Any] = {
        "parameters": 123_456, "megabytes": 12.3, "train_seconds": 1234.5, "ms_per_sequence": 0.123, "epochs_to_95": 3, "ece": 0.0123,
        "ms_per_step_p50": None if is_two_way else 0.0512, "ms_per_step_p99": None if is_two_way else 0.2345,
    }  # fmt: skip
    failed = {"failure": "RunError: the loss [bold]diverged[/]."} if score is None else measured
    return Run(name, "network", seed, None, 1.0, score=score, **{**failed, **known})


def comparison(runs: list[Run], *, pairs: list[dict[str, Any]], lower_is_better: bool = False) -> Comparison:
    from tidegate.comparison.leaderboard import failures

    rows = rows_of(runs, lower_is_better=lower_is_better)
    best = next((row.name for row in rows if row.kind == "network" and row.score is not None), None)
    content = {
        "lower_is_better": lower_is_better,
        "seeds": 2,
        "folds": 0,
        "pairs": pairs,
        "verdict": {"choice": "bigru", "best": best, "sentences": ["Choose bigru: as good as bilstm.", "Worse than bilstm: rnn."]},
        "cost": COST,
        "failures": list(failures(runs)),
    }
    return Comparison(Path("out"), "classify", "accuracy", "test", runs, rows, content)


def pair(a: str, b: str, difference: float, p: float | None) -> dict[str, Any]:
    return {"a": a, "b": b, "difference": difference, "p": p, "p_adjusted": p, "is_tie": None if p is None else p >= 0.05}


RUNS = [
    *(network("bilstm", seed, 0.986 + seed / 1000) for seed in (1, 2)),
    *(network("bigru", seed, 0.985 + seed / 1000) for seed in (1, 2)),
    *(network("rnn", seed, 0.95 + seed / 1000) for seed in (1, 2)),
    network("lstm", 1, None),
    Run("most frequent label of word, suffix", "baseline", 1, None, 1.0, score=0.9, train_seconds=0.5, megabytes=0.1, ms_per_sequence=0.01),
]
PAIRS = [
    pair("bilstm", "bigru", 0.001, 0.41),
    pair("rnn", "bilstm", -0.03, 0.0004),
    pair("most frequent label of word, suffix", "bilstm", -0.08, None),
]


def printed(result: Comparison, monkeypatch: pytest.MonkeyPatch, *, width: int) -> str:
    from rich.console import Console

    sink = io.StringIO()
    monkeypatch.setattr(compare_report, "Console", lambda: Console(file=sink, width=width))
    print_comparison(result)
    return sink.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_table_fits_the_terminal_and_no_figure_is_broken(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(comparison(RUNS, pairs=PAIRS), monkeypatch, width=width)
    assert max(map(len, text.splitlines())) <= max(width, 70)  # the heading and paths are never broken
    for figure in ("0.9875 ± 0.0007", "as good, p .41", "worse, p <.001", "best network", "1,234.5 s", "failed"):
        assert figure in text, figure
    assert ("123,456" in text) == (width >= 140)
    assert ("0.051 0.234" in text or "0.051 0.235" in text) == (width >= 100)


def test_the_verdict_the_costs_and_each_failure_with_its_cause_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(comparison(RUNS, pairs=PAIRS), monkeypatch, width=200)
    assert "Choose bigru: as good as bilstm.\nWorse than bilstm: rnn.\n" in text
    assert "failed  lstm, seed 1: RunError: the loss [bold]diverged[/].\n" in text
    assert "Spent 5:30 min and 19.3 MB on disk, 812 MB of memory at most; forecast were 8:00 min at most and 21.0 MB." in text
    assert "out/report.html · out/results.json" in text


def test_columns_that_nobody_has_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    two_way = [run for run in RUNS if run.name.startswith("bi")]
    text = printed(comparison(two_way, pairs=PAIRS[:1]), monkeypatch, width=200)
    assert "ms/step" not in text
    assert "ms/seq." in text


def test_where_lower_is_better_it_is_said_and_higher_is_called_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [network("gru", 1, 0.7), network("rnn", 1, 0.9)]
    text = printed(comparison(runs, pairs=[pair("rnn", "gru", 0.2, 0.01)], lower_is_better=True), monkeypatch, width=120)
    assert "accuracy (lower is better) on the test data" in text
    assert "worse, p .010" in text


def test_the_forecast_is_said_before_the_first_run() -> None:
    runs = [Run(name, "network", seed, None, 1.0) for seed in (1, 2) for name in ("rnn", "gru")]
    pilots = {"rnn": Pilot(60.0, 0.1, 1.0), "gru": Pilot(120.0, 0.1, 2.0)}
    forecast = Forecast(runs, pilots, 4.2, 1.0, 100)
    assert said_forecast(forecast) == [
        "Forecast from a pilot of 4 s: 4 runs take 6:18 min at most; less where training ends early, and 8.0 MB.",
        "  One run at most: rnn 1:02 min, gru 2:02 min.",
    ]
    budgeted = Forecast(runs, pilots, 4.2, 1.0, 100, time_budget=60.0, failures={"lstm": "MemoryError: no room"})
    assert said_forecast(budgeted)[0].endswith("4 runs take 1:00 min at most, as the time budget says, and 8.0 MB.")
    assert said_forecast(budgeted)[-1] == "  lstm could not be tried: MemoryError: no room"
    assert said_forecast(Forecast([], {}, 0.0, 0.0, 100)) == []
    assert said_cost(COST | {"forecast": None}) == "Spent 5:30 min and 19.3 MB on disk, 812 MB of memory at most."


def test_a_line_is_written_for_each_run_that_ends(capsys: pytest.CaptureFixture[str]) -> None:
    watch = Progress()
    watch.ended(network("gru", 2, 0.9871, train_seconds=14.0), 3, 5, 70.0)
    watch.ended(network("rnn", 2, None), 5, 5, 0.0)
    assert capsys.readouterr().err.splitlines() == [
        "[3/5] gru, seed 2: 0.9871  14 s · about 1:10 min left",
        "[5/5] rnn, seed 2: failed: RunError: the loss [bold]diverged[/].",
    ]
