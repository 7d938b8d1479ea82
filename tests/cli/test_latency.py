"""What `stream --latency` says of the times that it was told, and what it holds of them."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.cli.latency import Latency


@given(st.lists(st.floats(1e-7, 1e3), min_size=1, max_size=50), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_quantiles_are_those_of_the_times_to_a_quarter_per_cent(seconds: list[float], share: float) -> None:
    latency = Latency()
    for second in seconds:
        latency.add(second)
    assert latency.quantile(share) == pytest.approx(np.quantile(seconds, share, method="inverted_cdf"), rel=0.0026)


def test_what_is_held_does_not_grow_with_the_steps() -> None:
    latency = Latency()
    for second in np.random.default_rng(1).lognormal(-9, 1, size=100_000).tolist():
        latency.add(second)
    assert len(latency._classes) < 3000
    assert sys.getsizeof(latency._classes) < 200_000


def test_the_line_names_steps_and_how_they_compare_with_real_time(capsys: pytest.CaptureFixture[str]) -> None:
    latency = Latency("token", step_seconds=0.01)
    for second in (0.001, 0.001, 0.001, 0.005):
        latency.add(second)
    latency.add(0.0)  # a clock that did not move
    latency.print()
    assert capsys.readouterr().err == "5 tokens: 1.000 ms a token (median), 5.008 ms (99 %); 0.1600 of real time\n"
    Latency("word").print()
    assert capsys.readouterr().err == "no word was answered before the end, so none was timed\n"
