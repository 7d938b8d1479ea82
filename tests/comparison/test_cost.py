from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.comparison.cost import Forecast, spent
from tidegate.comparison.leaderboard import Run
from tidegate.training.run import Pilot

RUNS = [
    Run("majority", "baseline", 1, None, 1.0),
    *(Run(name, "network", seed, None, 1.0) for seed in (1, 2) for name in ("rnn", "bigru")),
]
PILOTS = {"rnn": Pilot(seconds=10.0, dev_seconds=0.2, megabytes=1.0), "bigru": Pilot(seconds=40.0, dev_seconds=0.4, megabytes=3.0)}


def forecast(**known: object) -> Forecast:
    return Forecast(**{"runs": RUNS, "pilots": PILOTS, "pilot_seconds": 3.0, "counting": 2.0, "examples": 1000, **known})  # type: ignore[arg-type]


def test_a_forecast_adds_up_what_every_run_takes_and_counting_once_a_seed() -> None:
    found = forecast()
    assert found.seconds_of(RUNS[0]) == 2.0
    assert found.seconds_of(RUNS[1]) == pytest.approx(10 + 5 * 0.2 + 1.5)
    assert found.seconds_of(RUNS[2]) == pytest.approx(40 + 5 * 0.4 + 1.5)
    assert forecast(baselines={"majority": 60.0}).seconds_of(RUNS[0]) == 62.0  # of one that may take its time
    assert found.seconds == pytest.approx(2 + 2 * 12.5 + 2 * 43.5 + 2 * 2 + 3 + 4)
    assert found.megabytes == pytest.approx(2.0 + 2 * 1.0 + 2 * 3.0 + 5 * 0.06)
    assert found.by_run() == {"rnn": pytest.approx(12.5), "bigru": pytest.approx(43.5)}
    content = found.to_json()
    assert content["minutes"] == pytest.approx(found.seconds / 60)
    assert content["by_arch"]["rnn"]["minutes"] == pytest.approx(25 / 60)


def test_smaller_shares_and_folds_keep_no_models_and_a_share_takes_that_much_of_the_time() -> None:
    quarter = Run("rnn", "network", 1, None, 0.25)
    found = forecast(runs=[quarter, Run("rnn", "network", 1, 0, 1.0)])
    assert found.seconds_of(quarter) == pytest.approx(2.5 + 1 + 1.5)
    assert found.megabytes == pytest.approx(2.0 + 2 * 0.06)


def test_a_time_budget_is_the_most_that_is_spent() -> None:
    assert forecast(time_budget=60.0).seconds == 60.0
    assert forecast(time_budget=60.0).is_budgeted
    assert not forecast(time_budget=6000.0).is_budgeted


def test_an_architecture_whose_pilot_failed_is_taken_for_the_mean_of_the_others() -> None:
    found = forecast(pilots={"rnn": PILOTS["rnn"]}, failures={"bigru": "MemoryError: no room"})
    assert found.seconds_of(RUNS[2]) == pytest.approx(10 + 1.5)
    assert forecast(pilots={}).seconds_of(RUNS[2]) == 1.5


def test_what_is_left_is_foreseen_by_what_the_same_architecture_took() -> None:
    found = forecast()
    # rnn ended after half of its forecast, bigru as forecast; of each one is left.
    finished = [(RUNS[0], 0.1), (RUNS[1], 12.5 / 2), (RUNS[2], 43.5)]
    assert found.seconds_left(RUNS[3:], finished) == pytest.approx(12.5 / 2 + 43.5)
    # Before any bigru ended, by the rnn.
    assert found.seconds_left([RUNS[2]], finished[:2]) == pytest.approx(43.5 / 2)
    assert found.seconds_left([], finished) == 0.0
    assert found.seconds_left(RUNS[3:4], []) == pytest.approx(12.5)


def test_a_run_that_goes_on_tells_what_it_and_the_others_will_take() -> None:
    found = forecast()
    # A quarter of its epochs took 25 s: 75 s more, and the other rnn, alike, 100 s; bigru by the same measure.
    assert found.seconds_left_within(RUNS[1], 0.25, 25.0, [RUNS[3]], []) == pytest.approx(75 + 100)
    assert found.seconds_left_within(RUNS[1], 0.25, 25.0, [RUNS[2]], []) == pytest.approx(75 + 43.5 * 100 / 12.5)
    # What has finished counts too: two of them took 100 s and 50 s where 12.5 s were foreseen for each.
    assert found.seconds_left_within(RUNS[1], 0.25, 25.0, [RUNS[3]], [(RUNS[3], 50.0)]) == pytest.approx(75 + 75)
    assert found.seconds_left_within(RUNS[1], 1.0, 25.0, [], []) == 0.0


def test_a_resumed_comparison_adds_to_what_was_spent(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "weights").write_bytes(b"\0" * 250_000)
    found = spent(tmp_path, 30.0, before=2.0)
    assert found["minutes"] == pytest.approx(2.5)
    assert found["megabytes"] == pytest.approx(0.25)
    assert found["peak_megabytes"] is None or found["peak_megabytes"] > 20
    assert forecast(spent_before=2.0).to_json()["minutes"] == pytest.approx(2.0 + forecast().seconds / 60)
