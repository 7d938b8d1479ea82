from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conftest import SMALL_SEQUENCES, SMALL_SOUNDS
from outcome_checks import baseline_outcomes, check_comparison, check_network, compare
from tidegate.comparison.materials import material_of
from tidegate.errors import RecipeError
from tidegate.runtime import load
from tidegate.training.recipe import build_recipe
from tidegate.training.sequences.recipe import SequenceClassifyRecipe, SequenceTagRecipe
from tidegate.training.transcription.recipe import TranscribeRecipe

FEATURES: dict[str, Any] = {"features": ("a", "b")}
SPOKEN: dict[str, Any] = {"pattern": "{text}_{}_{}", "connect": "1-3", "shift_ms": 0.0, "dev_share": 0.3}


def small(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in ("arch", "max_epochs")}


def test_outcomes_of_sequences_have_the_score_that_metrics_tell(toy_moves: Path, toy_mover: Path) -> None:
    recipe = build_recipe(SequenceClassifyRecipe, options={"label": "label", **FEATURES})
    material = material_of(recipe, [str(toy_moves / "moves.csv")], [], [str(toy_moves / "test.csv")])
    model = load(toy_mover)
    task, portion, outcomes = check_network(material, model, model.metrics["test"]["accuracy"], has_steps=True)
    assert outcomes.hits.mean() == pytest.approx(outcomes.score)
    assert material.examples(portion).length_name == "steps"
    found = baseline_outcomes(material, task, portion)
    assert found["majority"].score < found["statistics + logistic regression"].score
    base = task.scores(task.build_network())["baseline"]["test"]["accuracy"]
    assert found["statistics + logistic regression"].score == pytest.approx(base, abs=1e-9)


def test_outcomes_of_steps_have_the_score_that_metrics_tell(toy_moves: Path, train_moves: Any, tmp_path: Path) -> None:
    recipe = build_recipe(SequenceTagRecipe, options={"label": "phase", **FEATURES})
    material = material_of(recipe, [str(toy_moves / "moves.csv")], [], [str(toy_moves / "test.csv")])
    model = load(train_moves(tmp_path / "model", task="tag", arch="bigru", max_epochs=2).path)
    task, portion, outcomes = check_network(material, model, model.metrics["test"]["accuracy"], has_steps=False)
    assert outcomes.position_name == "step of the sequence"
    found = baseline_outcomes(material, task, portion)
    base = task.scores(task.build_network())["baseline"]["test"]["accuracy"]
    assert found["single steps + logistic regression"].score == pytest.approx(base, abs=1e-9)


def test_outcomes_of_recordings_have_the_score_that_metrics_tell(toy_tones: Path, toy_transcriber: Path) -> None:
    recipe = build_recipe(TranscribeRecipe, options={**small(SMALL_SOUNDS), **SPOKEN})
    material = material_of(recipe, [str(toy_tones / "*_?.wav")], [], [str(toy_tones / "*_1?.wav")])
    model = load(toy_transcriber)
    task, portion, outcomes = check_network(material, model, model.metrics["test"]["wer"], has_steps=True)
    assert outcomes.lower_is_better
    assert outcomes.counts[:, 1].sum() == model.metrics["test"]["n_units"]
    assert material.examples(portion).length_name == "milliseconds"
    assert baseline_outcomes(material, task, portion) == {}


def test_classifiers_of_numbers_are_compared_over_folds_and_a_lookahead_is_kept_where_it_can_be(toy_moves: Path, tmp_path: Path) -> None:
    result = compare(
        "classify", toy_moves / "moves.csv", tmp_path / "out", arch="gru,bigru", folds=2, label="label", lookahead="2",
        **small(SMALL_SEQUENCES), **FEATURES,
    )  # fmt: skip
    check_comparison(result, {"gru", "bigru"})
    assert (result.task, result.score, result.scored_on) == ("classify", "accuracy", "folds")
    assert {run.name for run in result.runs if run.kind == "baseline"} == {"majority", "statistics + logistic regression"}


def test_taggers_of_numbers_are_compared(toy_moves: Path, tmp_path: Path) -> None:
    result = compare(
        "tag", toy_moves / "moves.csv", tmp_path / "out", arch="gru,bigru", train_sizes=(0.5, 1.0), label="phase",
        **small(SMALL_SEQUENCES), **FEATURES,
    )  # fmt: skip
    check_comparison(result, {"gru", "bigru"})
    assert {row.share for row in result.rows} == {0.5, 1.0}


def test_classifiers_of_sound_are_compared(toy_tones: Path, tmp_path: Path) -> None:
    result = compare(
        "classify", str(toy_tones / "*.wav"), tmp_path / "out", arch="gru", pattern="{label}_{group}_{}", dev_share=0.5,
        **small(SMALL_SOUNDS),
    )  # fmt: skip
    check_comparison(result, {"gru"})
    assert result.task == "classify"


def test_transcribers_are_compared(toy_tones: Path, tmp_path: Path) -> None:
    result = compare("transcribe", str(toy_tones / "*_?.wav"), tmp_path / "out", arch="gru,bigru", **small(SMALL_SOUNDS), **SPOKEN)
    check_comparison(result, {"gru", "bigru"})
    assert result.score == "wer"


def test_a_lookahead_needs_a_two_way_network_among_those_that_are_compared(toy_moves: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="lookahead = '2' is for two-way architectures; gru never looks ahead"):
        compare("classify", toy_moves / "moves.csv", tmp_path / "out", arch="gru,lstm", lookahead="2", label="label", **FEATURES)
    assert not (tmp_path / "out").exists()
