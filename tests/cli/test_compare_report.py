from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tidegate.cli import compare_report
from tidegate.cli.compare_report import Progress, print_comparison, said_cost, said_forecast, said_interrupted
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
    for figure in ("0.9875 ± 0.0007", "tie, p .41", "worse, p <.001", "best network", "1,234.5 s", "failed"):
        assert figure in text, figure
    assert ("123,456" in text) == (width >= 140)
    assert ("0.051 0.234" in text or "0.051 0.235" in text) == (width >= 100)


def test_the_verdict_the_costs_and_each_failure_with_its_cause_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(comparison(RUNS, pairs=PAIRS), monkeypatch, width=200)
    assert "Choose bigru: as good as bilstm.\nWorse than bilstm: rnn.\n" in text
    assert "failed  lstm, seed 1: RunError: the loss [bold]diverged[/].\n" in text
    assert "Spent 5:30 min and 19.3 MB on disk, 812 MB of memory at most; forecast were 8:00 min with every epoch and 21.0 MB." in text
    assert "out/report.html · out/results.json" in text


def test_where_nothing_is_claimed_nobody_is_called_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    unclaimed = [{**own, "p": None, "p_adjusted": None, "is_tie": None} for own in PAIRS]
    text = printed(comparison(RUNS, pairs=unclaimed), monkeypatch, width=140)
    assert "to the best" not in text
    assert "best network" not in text


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
        "Forecast from a pilot of 4.2 s: 4 runs, about 6:18 min with every epoch, and 8.0 MB.",
        "  Less where training ends early, more where other work takes the processor; told anew after each run.",
        "  One run with every epoch: rnn 1:02 min, gru 2:02 min.",
    ]
    (ets,) = said_forecast(Forecast(runs, pilots, 4.2, 1.0, 100, baselines={"last value": 0.0, "AutoETS": 60.0}))[3:]
    assert ets == "  AutoETS stops after 1:00 min."
    budgeted = Forecast(runs, pilots, 4.2, 1.0, 100, time_budget=60.0, failures={"lstm": "MemoryError: no room"})
    assert said_forecast(budgeted)[0].endswith("4 runs, about 1:00 min as the time budget says, and 8.0 MB.")
    assert not any("told anew" in sentence for sentence in said_forecast(budgeted))
    assert said_forecast(budgeted)[-1] == "  lstm could not be tried: MemoryError: no room"
    assert said_forecast(Forecast([], {}, 0.0, 0.0, 100)) == []
    assert said_cost(COST | {"forecast": None}) == "Spent 5:30 min and 19.3 MB on disk, 812 MB of memory at most."


def test_a_line_is_written_for_each_run_that_ends(capsys: pytest.CaptureFixture[str]) -> None:
    watch = Progress()
    watch.ended(network("gru", 2, 0.9871, train_seconds=14.0), 3, 5, 70.0)
    watch.ended(network("rnn", 2, None), 5, 5, 0.0)
    assert capsys.readouterr().err.splitlines() == [
        "[3/5] gru, seed 2: 0.9871  14 s · about 1:10 min left, by the runs so far",
        "[5/5] rnn, seed 2: failed: RunError: the loss [bold]diverged[/].",
    ]


def test_after_ctrl_c_it_is_said_what_stands_there_and_how_to_go_on(tmp_path: Path) -> None:
    assert said_interrupted(tmp_path, overwrite=False) == "Interrupted before the first run; nothing was written."
    for count, said in enumerate(("before a run had finished", ". 1 finished run stands in ", ". 2 finished runs stand in ")):
        content = {"format": "tidegate-comparison", "runs": [{}] * count}
        (tmp_path / "results.json").write_text(json.dumps(content), encoding="utf-8")
        assert said_interrupted(tmp_path, overwrite=False).startswith(f"Interrupted{said if said[0] == '.' else f' {said}'}")
        assert said_interrupted(tmp_path, overwrite=False).endswith("; the same command with --resume goes on.")
        assert said_interrupted(tmp_path, overwrite=True).endswith("; the same command with --resume in place of --overwrite goes on.")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_run_that_goes_on_is_shown_and_replaced_and_in_a_file_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for sink, is_shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr("sys.stderr", sink)
        monkeypatch.setenv("COLUMNS", "200")
        watch = Progress()
        run = network("gru", 2, 0.9871, train_seconds=14.0)
        watch.epoch_ended(run, 3, 30, 2, 5, 130.0)
        watch.ended(run, 3, 5, 70.0)
        watch.epoch_ended(run, 1, 30, 3, 5, 65.0)
        watch.close()
        watch.close()
        told = sink.getvalue()
        going_on = "[2/5] gru, seed 2: epoch 3/30 · 2:10 min left in all at this speed, with every epoch"
        ended = "[3/5] gru, seed 2: 0.9871  14 s · about 1:10 min left, by the runs so far\n"
        if is_shown:
            assert told.startswith(f"\r\x1b[K{going_on}\r\x1b[K{ended}\r\x1b[K[3/5] gru, seed 2: epoch 1/30")
            assert told.endswith("with every epoch\n")
        else:
            assert told == ended
