"""What docs/claims.md is made with: counting, the GRU that is changed, gradients by distance, and a page out of what is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("bench.claims", reason="the bench is not part of what is installed")

from bench.claims import claim as claims_of
from bench.claims import first, gradients, independence, memory, page, tagging
from bench.claims.claim import mean_and_spread, sign_test, table


def test_sign_test_counts_the_tails_of_fair_coins() -> None:
    # 9 of 10: (10 + 1) / 1024 on either side.
    assert sign_test(9, 1) == pytest.approx(2 * 11 / 1024)
    assert sign_test(5, 5) == 1.0
    assert sign_test(0, 6) == sign_test(6, 0) == pytest.approx(2 / 64)
    assert sign_test(0, 0) == 1.0


def test_epochs_are_counted_from_one_and_may_never_come() -> None:
    assert tagging.epochs_to([0.1, 0.5, 0.4, 0.6], 0.5) == 2
    assert tagging.epochs_to([0.1, 0.5], 0.6) is None


def test_a_single_value_has_no_spread() -> None:
    assert mean_and_spread([0.5], 1, 100) == "50.0"
    assert mean_and_spread([0.5, 0.7], 1, 100) == "60.0 ± 20.0"
    assert table("a; b", [["1", "2"]]) == "| a | b |\n|---|---|\n| 1 | 2 |"


@pytest.mark.parametrize("kind", ["one of 8 words", "a number"])
def test_the_gru_that_is_changed_is_the_engines_where_nothing_is_changed(kind: str) -> None:
    network = first.FirstThing("gru", kind, 1).eval()
    things = first.drawn(kind, np.random.default_rng(1), 5, 9)
    states = network.states(things).detach().numpy()
    np.testing.assert_allclose(memory.gru_states(network, things), states, atol=1e-5)
    # z = 1 behind the first step: the state stays what it was.
    held = memory.gru_states(network, things, held=1.0)
    np.testing.assert_allclose(held[:, -1], held[:, 0])
    np.testing.assert_allclose(held[:, 0], states[:, 0], atol=1e-5)
    mask = np.arange(first.HIDDEN) < 10
    gone = memory.gru_states(network, things, deleted=mask)
    assert (gone[:, :, :10] == 0).all()
    assert (gone[:, :, 10:] != 0).any()


def test_projections_give_the_norm_of_the_jacobian() -> None:
    network = first.FirstThing("rnn", "a number", 1)
    estimated = gradients.norms(network, 1, 3, sequences=1, probes=800)
    network = network.double()
    things = first.drawn("a number", np.random.default_rng([1, 4]), 1, 3)
    x = network.vectors(torch.from_numpy(things)).detach()
    jacobian = torch.autograd.functional.jacobian(lambda x: network.states_of(x)[0, -1], x)
    exact = jacobian[:, 0].square().sum(dim=(0, 2)).sqrt().flip(0)
    np.testing.assert_allclose(estimated, exact.numpy(), rtol=0.12)


def test_directions_share_nothing_below_the_join_and_all_above() -> None:
    for one in independence.measure().values():
        assert one["held"]["equal bits"]
        assert one["crossed, one layer"] == 0
        assert one["loss"]["change"] > 0.01
        assert one["crossed, two layers"] > 0


def test_the_page_tells_what_is_there_and_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_of, "KEPT", tmp_path)
    monkeypatch.setattr(page, "PAGE", tmp_path / "claims.md")
    monkeypatch.setattr(page, "IMAGES", tmp_path / "images")
    (claim,) = independence.CLAIMS
    claim.keep(claim.measure())
    assert page.write_page().endswith("1 of 11 claims")
    text = (tmp_path / "claims.md").read_text()
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert [heading[3:6] for heading in headings] == [f"({letter})" for letter in "abcdefghijk"]
    assert text.count("**Not measured yet.**") == 10
    assert "(#k-the-two-directions-learn-independently)" in text
    assert "**Verdict: holds here, not there.**" in text
