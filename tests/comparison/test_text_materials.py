from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import SMALL_GENERATOR, SMALL_TRANSLATOR, toy_text
from outcome_checks import baseline_outcomes, check_comparison, check_network, compare
from tidegate.comparison.materials import material_of
from tidegate.comparison.materials.material import Portion
from tidegate.comparison.materials.pairs import pair_outcomes
from tidegate.comparison.plan import Plan, check_plan
from tidegate.data.pairs import Entry
from tidegate.errors import RecipeError
from tidegate.runtime import load
from tidegate.scoring.translation import translation_scores
from tidegate.training.generation.corpus import GenerateFiles, read_corpus
from tidegate.training.generation.recipe import GenerateRecipe
from tidegate.training.generation.task import GenerateTask
from tidegate.training.recipe import build_recipe
from tidegate.training.run import train
from tidegate.training.translation.recipe import TranslateRecipe


def small(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != "max_epochs"}


@pytest.fixture(scope="module")
def running_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("running") / "teddies.txt"
    path.write_text(toy_text(400), encoding="utf-8")
    return path


@pytest.mark.parametrize("arch", ["gru", "bigru"])
def test_outcomes_of_running_text_have_the_score_that_metrics_tell(arch: str, running_text: Path, tmp_path: Path) -> None:
    options = {**SMALL_GENERATOR, "max_epochs": 1, "arch": arch, "unit": "word", "test_share": 0.2}
    recipe = build_recipe(GenerateRecipe, options=options)
    path = train(GenerateTask(recipe, read_corpus(GenerateFiles([str(running_text)]), recipe)), tmp_path / "model", quiet=True).path
    material, model = material_of(recipe, [str(running_text)], [], []), load(path)
    task, portion, outcomes = check_network(material, model, model.metrics["test"]["nats"], has_steps=arch == "gru")
    assert outcomes.counts[:, 1].sum() == model.metrics["test"]["n"]
    assert material.examples(portion).lengths[0] == 200
    found = baseline_outcomes(material, task, portion)
    if arch == "bigru":
        assert found.keys() == {"unit frequencies"}
    else:
        assert found["n-grams"].score == pytest.approx(model.metrics["baseline"]["test"]["nats"], abs=1e-9)
        assert found["n-grams"].score < found["unit frequencies"].score


def test_outcomes_of_pairs_have_the_score_that_metrics_tell(toy_sounds: Path, toy_translator: Path) -> None:
    files = [[str(toy_sounds / f"{name}.dict")] for name in ("train", "dev", "test")]
    material, model = material_of(build_recipe(TranslateRecipe, options=SMALL_TRANSLATOR), *files), load(toy_translator)
    task, portion, outcomes = check_network(material, model, model.metrics["test"]["exact_match"], has_steps=False)
    assert material.examples(portion).length_name == "characters"
    found = baseline_outcomes(material, task, portion)
    base = model.metrics["baseline"]["test"]["exact_match"]
    assert found["target of the nearest source"].score == pytest.approx(base, abs=1e-9)
    assert outcomes.each.mean() == pytest.approx(outcomes.score)


def test_an_interpreter_is_timed_step_by_step(toy_sounds: Path, toy_interpreter: Path) -> None:
    options = {**SMALL_TRANSLATOR, "arch": "gru", "simultaneous": True}
    files = [[str(toy_sounds / f"{name}.dict")] for name in ("train", "dev", "test")]
    material, model = material_of(build_recipe(TranslateRecipe, options=options), *files), load(toy_interpreter)
    portion = material.portion(fold=None, folds=0, share=1.0)
    seconds = material.step_seconds(model, portion, most_seconds=0.1)
    assert seconds is not None
    assert len(seconds) > 3
    with pytest.raises(RecipeError, match="bigru"):
        check_plan(material.recipe, Plan(("gru", "bigru")))


def test_counts_of_bleu_add_up_to_that_of_the_library() -> None:
    pytest.importorskip("sacrebleu")
    rng, words = np.random.default_rng(1), np.array("the old dog sees a small red house near Rome today".split())
    entries = []
    given = []
    for _ in range(60):
        right = words[rng.integers(0, len(words), rng.integers(4, 12))]
        other = words[rng.integers(0, len(words), rng.integers(4, 12))]
        targets = (" ".join(right), " ".join(other)) if rng.random() < 0.3 else (" ".join(right),)
        entries.append(Entry("x", targets))
        given.append(" ".join(np.where(rng.random(len(right)) < 0.8, right, words[0])[: rng.integers(3, 12)]))

    class Units:
        kind = "word"

    class Corpus:
        target_units = Units()

    class Task:
        score_name, corpus = "bleu", Corpus()

    outcomes = pair_outcomes(given, Portion([], entries, []), Task())  # type: ignore[arg-type]
    assert outcomes.score == pytest.approx(translation_scores("word", given, [entry.targets for entry in entries])["bleu"], abs=1e-9)


def test_language_models_of_one_kind_are_compared(running_text: Path, tmp_path: Path) -> None:
    result = compare("generate", running_text, tmp_path / "out", arch="gru,rnn", **small(SMALL_GENERATOR), unit="word")
    check_comparison(result, {"gru", "rnn"})
    assert result.score == "nats"
    assert {run.name for run in result.runs if run.kind == "baseline"} == {"n-grams", "unit frequencies"}


def test_language_models_of_both_kinds_are_not_compared_and_text_has_no_folds(running_text: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"whose nats do not compare\. Make two comparisons, --arch gru,rnn and --arch bigru\."):
        compare("generate", running_text, tmp_path / "out", arch="gru,bigru,rnn")
    with pytest.raises(
        RecipeError, match=r"there are no folds in a comparison of generate, whose data are cut by position: .* --folds out"
    ):
        compare("generate", running_text, tmp_path / "out", arch="gru", folds=2)
    with pytest.raises(RecipeError, match=r"there are no shares of the training data in a comparison of generate"):
        compare("generate", running_text, tmp_path / "out", arch="gru", train_sizes=(0.5, 1.0))
    assert not (tmp_path / "out").exists()


def test_translators_are_compared_over_sizes(toy_sounds: Path, tmp_path: Path) -> None:
    result = compare(
        "translate", toy_sounds / "dev.dict", tmp_path / "out", arch="gru,bigru", train_sizes=(0.5, 1.0), test_share=0.2, dev_share=0.2,
        **small(SMALL_TRANSLATOR),
    )  # fmt: skip
    check_comparison(result, {"gru", "bigru"})
    assert (result.score, result.scored_on) == ("exact_match", "test")
    assert {row.share for row in result.rows} == {0.5, 1.0}
