from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.comparison.demo import DEMO_ARCHITECTURES, DemoResult, run_demo
from tidegate.errors import OutputError


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    return run_demo(tmp_path_factory.mktemp("parent") / "demo", quiet=True)


@pytest.mark.slow
def test_two_way_networks_pass_the_ceiling_and_one_way_ones_never_do(result: DemoResult) -> None:
    assert tuple(row.arch.name for row in result.rows) == DEMO_ARCHITECTURES
    for row in result.rows:
        if row.arch.is_bidirectional:
            assert row.accuracy > result.ceiling + result.noise
            assert row.teddy_accuracy > 0.98
        else:
            assert row.accuracy <= result.ceiling + result.noise
            assert row.teddy_accuracy <= result.teddy_ceiling + result.teddy_noise


@pytest.mark.slow
def test_gated_one_way_networks_come_close_to_the_ceiling(result: DemoResult) -> None:
    for row in result.rows:
        if row.arch.name in ("lstm", "gru"):
            assert row.accuracy > result.ceiling - 0.008


@pytest.mark.slow
def test_with_its_right_deleted_teddy_is_a_bet_for_every_network(result: DemoResult) -> None:
    for row in result.rows:
        assert row.teddy_cut_accuracy <= result.teddy_ceiling + result.teddy_noise


@pytest.mark.slow
def test_two_way_networks_tag_the_two_teddies_apart(result: DemoResult) -> None:
    for row in result.rows:
        first, second = (tags[0] for tags in row.answers)
        assert ((first, second) == ("PERSON", "THING")) == row.arch.is_bidirectional


@pytest.mark.slow
def test_the_models_are_kept_and_a_second_demo_replaces_them(result: DemoResult) -> None:
    for row in result.rows:
        assert (row.model / "config.json").exists()


def test_a_folder_that_is_not_the_demos_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(OutputError, match=r"mine exists already and is not an earlier demo's folder; nothing was written"):
        run_demo(tmp_path / "mine", quiet=True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
