from __future__ import annotations

from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from conftest import SMALL, SMALL_CLASSIFIER
from outcome_checks import check
from tidegate.comparison.baselines import baselines_of
from tidegate.comparison.materials import material_of
from tidegate.comparison.materials.label_outcomes import class_outcomes, tag_outcomes
from tidegate.comparison.materials.material import WARM_STEPS, timed
from tidegate.data import TextRecord
from tidegate.decoding import Scheme
from tidegate.runtime import load
from tidegate.scoring.tagging import TagScorer
from tidegate.training.classification.recipe import ClassifyRecipe
from tidegate.training.recipe import build_recipe
from tidegate.training.tagging.recipe import TagRecipe


def test_outcomes_of_texts_have_the_score_that_metrics_tell(toy_texts: Path, toy_classifier: Path) -> None:
    files = [[str(toy_texts / f"{name}.csv")] for name in ("train", "dev", "test")]
    recipe = build_recipe(ClassifyRecipe, options={"wide": False})
    material = material_of(recipe, *files)
    portion = material.portion(fold=None, folds=0, share=1.0)
    task, model = material.task(portion, material.recipe), load(toy_classifier)
    outcomes, examples = material.outcomes(task, model, portion), material.examples(portion)
    check(outcomes, examples, 80)
    stored = model.metrics["test"]
    assert outcomes.score == pytest.approx(stored["accuracy"], abs=1e-9)
    assert outcomes.hits.mean() == pytest.approx(stored["accuracy"], abs=1e-9)
    assert {label: counts[0] / counts[1] for label, counts in outcomes.by_label.items()} == pytest.approx(
        {label: scores["recall"] for label, scores in stored["per_label"].items()}
    )
    assert examples.lengths[0] == len(portion.scored[0].text.split())
    assert material.answer_all(model, portion) == 80
    assert material.step_seconds(model, portion, most_seconds=1.0) is None
    for baseline in baselines_of(material):
        baseline.fit(task)
        check(baseline.outcomes(task, portion, baseline.answer(portion.scored)), examples, 80)
    assert baseline.outcomes(task, portion, baseline.answer(portion.scored)).score == pytest.approx(
        task.scores(task.build_network())["baseline"]["test"]["accuracy"], abs=1e-9
    )


def test_outcomes_of_sentences_have_the_score_that_metrics_tell(toy_files: Path, toy_model: Path) -> None:
    files = [[str(toy_files / f"{name}.conllu")] for name in ("train", "dev", "test")]
    material = material_of(build_recipe(TagRecipe), *files)
    portion = material.portion(fold=None, folds=0, share=1.0)
    task, model = material.task(portion, material.recipe), load(toy_model)
    outcomes, examples = material.outcomes(task, model, portion), material.examples(portion)
    check(outcomes, examples, 80)
    assert outcomes.score == pytest.approx(model.metrics["test"]["accuracy"], abs=1e-9)
    assert len(outcomes.hits) == outcomes.counts[:, 1].sum() == model.metrics["test"]["n"]
    assert sum(outcomes.by_position.values()).tolist() == outcomes.counts.sum(axis=0).tolist()  # type: ignore[union-attr]
    assert list(outcomes.by_position)[:2] == ["1", "2"]
    assert material.answer_all(model, portion) == 80
    for baseline in baselines_of(material):
        baseline.fit(task)
        own = baseline.outcomes(task, portion, baseline.answer(portion.scored))
        check(own, examples, 80)
    assert own.score == pytest.approx(task.scores(task.build_network())["baseline"]["test"]["accuracy"], abs=1e-9)


def test_f1_of_a_positive_label_and_of_several_labels_adds_up() -> None:
    rights: list[Any] = [("spam",), ("ham",), ("spam",), ("ham",)]
    givens: list[Any] = [("spam",), ("spam",), ("ham",), ("ham",)]
    outcomes = class_outcomes(rights, givens, [[0.9], [0.6], [0.7], [0.8]], score_name="f1", positive="spam")
    assert outcomes.counts.tolist() == [[1, 1, 1], [0, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert outcomes.score == 0.5
    assert outcomes.hits.tolist() == [True, False, False, True]
    several = class_outcomes([("a", "b"), ()], [("b",), ("a",)], [[0.9], [0.6]], score_name="f1", is_multi_label=True)
    assert several.counts.tolist() == [[1, 1, 2], [0, 1, 0]]
    assert several.score == pytest.approx(2 * 1 / (2 + 2))


def test_span_f1_adds_up_and_stands_at_the_word_where_a_span_begins() -> None:
    rng = np.random.default_rng(1)
    labels = np.array(["O", "B-PER", "I-PER", "B-ORG", "I-ORG"])
    rights = [labels[rng.integers(0, 5, length)].tolist() for length in rng.integers(1, 130, 40)]
    givens = [np.where(rng.random(len(right)) < 0.7, right, labels[rng.integers(0, 5, len(right))]).tolist() for right in rights]
    scheme: Scheme = "IOB2"
    scorer = TagScorer(scheme)
    for right, given in zip(rights, givens, strict=True):
        scorer.add(right, given, is_seen=[True] * len(right), probabilities=[1.0] * len(right))
    outcomes = tag_outcomes(rights, givens, None, scheme=scheme, position_name="word")
    assert outcomes.score == pytest.approx(scorer.result()["span_f1"], abs=1e-12)
    assert sum(outcomes.by_position.values()).tolist() == outcomes.counts.sum(axis=0).tolist()  # type: ignore[union-attr]
    assert [*outcomes.by_position][-4:] == ["21–30", "31–50", "51–100", "from 101"]
    assert len(outcomes.confidences) == 0


def test_texts_of_a_group_hang_together_and_long_ones_are_cut(tmp_path: Path) -> None:
    rows = [f"{'many words ' * 60}{k},{'a' if k % 2 else 'b'},g{k // 2}" for k in range(80)]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label,who", *rows]) + "\n", encoding="utf-8")
    material = material_of(build_recipe(ClassifyRecipe, options={"group": "who", "label": "label"}), [str(tmp_path / "texts.csv")], [], [])
    portion = material.portion(fold=1, folds=3, share=1.0)
    examples = material.examples(portion)
    records: list[TextRecord] = portion.scored
    assert examples.groups == tuple(record.group for record in records)
    assert {len(text) for text in examples.inputs} == {300}
    assert examples.inputs[0].endswith("…")


@pytest.mark.parametrize("unit", ["word", "char"])
def test_steps_of_one_way_classifiers_are_timed_a_unit_at_a_time(toy_texts: Path, unit: str) -> None:
    files = [[str(toy_texts / f"{name}.csv")] for name in ("train", "dev", "test")]
    material = material_of(build_recipe(ClassifyRecipe, options={**SMALL_CLASSIFIER, "arch": "gru", "unit": unit}), *files)
    portion = material.portion(fold=None, folds=0, share=1.0)
    task = material.task(portion, material.recipe)
    seconds = material.step_seconds(task.as_model(task.build_network().eval()), portion, most_seconds=60.0)
    assert seconds is not None
    units = sum(len(record.text.split() if unit == "word" else record.text) for record in portion.scored)
    assert len(seconds) == units - WARM_STEPS


@pytest.mark.parametrize("unit", ["word", "char"])
def test_of_texts_that_are_cut_only_what_is_read_is_timed(toy_texts: Path, unit: str) -> None:
    files = [[str(toy_texts / f"{name}.csv")] for name in ("train", "dev", "test")]
    material = material_of(build_recipe(ClassifyRecipe, options={**SMALL_CLASSIFIER, "arch": "gru", "unit": unit, "max_length": 3}), *files)
    portion = material.portion(fold=None, folds=0, share=1.0)
    task = material.task(portion, material.recipe)
    seconds = material.step_seconds(task.as_model(task.build_network().eval()), portion, most_seconds=60.0)
    assert seconds is not None
    assert (
        len(seconds) == sum(min(3, len(record.text.split() if unit == "word" else record.text)) for record in portion.scored) - WARM_STEPS
    )


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_steps_of_one_way_taggers_are_timed_a_token_at_a_time(toy_files: Path, head: str) -> None:
    files = [[str(toy_files / f"{name}.conllu")] for name in ("train", "dev", "test")]
    material = material_of(build_recipe(TagRecipe, options={**SMALL, "arch": "lstm", "head": head}), *files)
    portion = material.portion(fold=None, folds=0, share=1.0)
    task = material.task(portion, material.recipe)
    seconds = material.step_seconds(task.as_model(task.build_network().eval()), portion, most_seconds=60.0)
    assert seconds is not None
    assert len(seconds) == sum(map(len, portion.scored)) - WARM_STEPS


def test_steps_are_timed_for_so_long_but_some_are_whatever_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count()  # each look at the clock finds it a second later
    monkeypatch.setattr("tidegate.comparison.materials.material.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    steps = [lambda: None] * 40
    assert timed(steps, most_seconds=0.5) == [1.0] * 10
    assert timed(steps, most_seconds=39.0) == [1.0] * 20  # two seconds each, the look before and the look after
    assert timed(steps[:8], most_seconds=0.5) == [1.0] * 3  # there are no more
    assert timed(steps[:2], most_seconds=0.5) == []
