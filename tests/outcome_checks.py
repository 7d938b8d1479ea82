"""What holds of the outcomes of every task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tidegate
from tidegate.comparison.baselines import baselines_of
from tidegate.comparison.materials import Material, Portion, material_of
from tidegate.comparison.run import Comparison
from tidegate.runtime import load
from tidegate.scoring.outcomes import Examples, Outcomes


def check(outcomes: Outcomes, examples: Examples, count: int) -> None:
    """A row for each example, short texts, counts that add up by position, and outcomes are read back as they were written."""
    assert len(outcomes.counts) == len(examples.inputs) == len(examples.right) == len(examples.lengths) == count
    assert max(map(len, examples.inputs)) <= 300
    assert max(map(len, (*examples.right, *outcomes.given))) <= 100
    assert len(outcomes.confidences) == len(outcomes.hits)
    if outcomes.by_position:
        assert sum(outcomes.by_position.values()) == pytest.approx(outcomes.counts.sum(axis=0))
        assert outcomes.position_name
    again = Outcomes.from_json(outcomes.to_json())
    assert again.score == pytest.approx(outcomes.score, abs=1e-6)
    assert again.given == outcomes.given
    assert Examples.from_json(examples.to_json()) == examples


def check_network(material: Material[Any], model: Any, score: float, *, has_steps: bool) -> tuple[Any, Portion[Any], Outcomes]:
    """Outcomes of a trained network have the score that is stored with it; gives the task, the portion and the outcomes."""
    portion = material.portion(fold=None, folds=0, share=1.0)
    task = material.task(portion, material.recipe)
    outcomes, examples = material.outcomes(task, model, portion), material.examples(portion)
    check(outcomes, examples, len(portion.scored))
    assert outcomes.score == pytest.approx(score, abs=1e-9)
    assert outcomes.score_name == task.score_name
    assert outcomes.lower_is_better == task.lower_is_better
    assert material.answer_all(model, portion) > 0
    seconds = material.step_seconds(model, portion, most_seconds=0.2)
    assert (seconds is not None) == has_steps
    assert seconds is None or (len(seconds) > 3 and min(seconds) > 0)
    return task, portion, outcomes


def baseline_outcomes(material: Material[Any], task: Any, portion: Portion[Any]) -> dict[str, Outcomes]:
    """Of each baseline, checked."""
    found = {}
    for baseline in baselines_of(material):
        baseline.fit(task)
        found[baseline.name] = baseline.outcomes(task, portion, baseline.answer(portion.scored))
        check(found[baseline.name], material.examples(portion), len(portion.scored))
        assert baseline.size() >= 0
        assert found[baseline.name].score_name == task.score_name
    return found


def check_comparison(result: Comparison, archs: set[str]) -> None:
    """Every contender has a score, and that of a kept network is the one that its outcomes have."""
    assert not [run.failure for run in result.runs if run.failure]
    assert {run.name for run in result.runs if run.kind == "network"} == archs
    for run in result.runs:
        assert run.score is not None
        assert run.ms_per_sequence is not None


def again(result: Comparison, name: str, files: list[list[str]], recipe: Any) -> float:
    """The score of a kept network's outcomes, from the files anew."""
    material = material_of(recipe, *files)
    portion = material.portion(fold=None, folds=0, share=1.0)
    return material.outcomes(material.task(portion, recipe), load(result.path / "models" / name), portion).score


def compare(task: str, train: Path | str, out: Path, **options: Any) -> Comparison:
    """A comparison of one seed, small enough for a test."""
    return tidegate.compare(task, train, out=out, seeds=1, **{"max_epochs": 1, **options})
