"""`Classifier` in scikit-learn's manner: what it takes, what it gives back, and scikit-learn's own tools over it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.exceptions
from sklearn.base import clone, is_classifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

import tidegate
from conftest import SMALL_CLASSIFIER, topic_texts, write_table
from tidegate.errors import DataError, RecipeError, UserError

SETTINGS: dict[str, Any] = {"quiet": True, **SMALL_CLASSIFIER}
TOPICS = ["food", "music", "weather"]


def classifier(**settings: Any) -> Any:
    return tidegate.Classifier(**{**SETTINGS, **settings})


@pytest.fixture(scope="module")
def fitted() -> Any:
    return classifier().fit(*topic_texts(240), dev=topic_texts(60, seed=2))


def test_fit_predict_score_on_texts(fitted: Any) -> None:
    X, y = topic_texts(80, seed=3)
    assert fitted.classes_.tolist() == TOPICS
    labels = fitted.predict(X)
    assert labels.shape == (80,)
    assert fitted.score(X, y) == accuracy_score(y, labels) > 0.85
    probabilities = fitted.predict_proba(X)
    assert probabilities.shape == (80, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert fitted.classes_[probabilities.argmax(axis=1)].tolist() == labels.tolist()
    assert fitted.metrics_["dev"]["n"] == 60
    assert fitted.metrics_["split"] == "the development set was given"


KINDS: dict[str, tuple[list[Any], str]] = {
    # As text '10' would come before '9'.
    "int": ([9, 10, -2], "i"),
    "bool": ([False, True, True], "b"),
    "str": (["ß", "a b", "Z"], "U"),
    "float": ([0.5, 2.0, 10.0], "f"),
}


@pytest.mark.parametrize("as_array", [False, True], ids=["list", "array"])
@pytest.mark.parametrize("kind", KINDS)
def test_labels_come_back_as_the_kind_that_was_given(kind: str, as_array: bool) -> None:
    values, code = KINDS[kind]
    texts, topics = topic_texts(120)
    labels = [values[TOPICS.index(topic)] for topic in topics]
    X, y = (np.array(texts), np.array(labels)) if as_array else (texts, labels)
    model = classifier(max_epochs=4).fit(X, y)
    assert model.classes_.tolist() == sorted(set(values))
    assert model.classes_.dtype.kind == code
    given = model.predict(X)
    assert given.dtype.kind == code
    assert set(given.tolist()) == set(values)
    assert np.mean(given == np.array(labels)) == model.score(X, y) > 0.9
    assert model.classes_[model.predict_proba(X).argmax(axis=1)].tolist() == given.tolist()


SEVERAL = [["food"], ["food", "music"], [], ["weather", "music"], ["weather"]]


def several(count: int = 100) -> tuple[list[str], list[list[str]]]:
    words = {"food": "soup bread", "music": "song piano", "weather": "rain snow"}
    rows = [SEVERAL[place % len(SEVERAL)] for place in range(count)]
    return [" ".join([f"w{place}", *(words[label] for label in row)]) for place, row in enumerate(rows)], rows


def test_lists_of_labels_make_a_classifier_of_several_labels() -> None:
    X, y = several()
    model = classifier(max_epochs=8).fit(X, y)
    assert model.classes_.tolist() == TOPICS
    given = model.predict(X)
    assert given.shape == (100,)
    assert all(isinstance(row, tuple) for row in given)
    assert [set(row) for row in given] == [set(row) for row in y]
    assert model.score(X, y) == 1.0
    assert ((model.predict_proba(X) >= 0.5) == [[label in row for label in TOPICS] for row in y]).all()
    assert model.metrics_["dev"].keys() >= {"f1", "exact_match", "macro_f1"}


def test_a_matrix_of_noughts_and_ones_makes_one_whose_labels_are_the_numbers_of_its_columns() -> None:
    X, y = several()
    matrix = np.array([[label in row for label in TOPICS] for row in y], dtype=np.int64)
    model = classifier(max_epochs=8).fit(X, matrix)
    assert model.classes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(model.predict(X), matrix)
    assert ((model.predict_proba(X) >= 0.5) == matrix).all()
    assert model.score(X, matrix) == 1.0


def test_fit_on_files_finds_columns_and_score_reads_the_same(toy_texts: Path, tmp_path: Path) -> None:
    model = classifier().fit(toy_texts / "train.csv", dev=[str(toy_texts / "dev.csv")])
    assert model.classes_.tolist() == TOPICS
    assert model.metrics_["dev"]["n"] == 60
    X, y = topic_texts(80, seed=3)
    assert model.score(toy_texts / "test.csv") == pytest.approx(model.score(X, y)) == pytest.approx(accuracy_score(y, model.predict(X)))
    other = write_table(tmp_path / "odd.csv", "id,said,kind", [str(place) for place in range(80)], X, y)
    assert classifier(text="said", label="kind", max_epochs=1).fit([other]).score(other) > 0.5


def test_columns_of_a_pandas_table_are_taken_as_lists_are() -> None:
    import pandas

    table = pandas.DataFrame(dict(zip(("text", "topic"), topic_texts(90), strict=True))).query("topic != 'food'")
    model = classifier().fit(table["text"], table["topic"])
    assert model.classes_.tolist() == ["music", "weather"]
    assert model.score(table["text"], table["topic"]) == accuracy_score(table["topic"], model.predict(table["text"])) > 0.8


def test_without_dev_a_share_is_held_out_and_groups_stay_on_one_side() -> None:
    X, y = topic_texts(90)
    model = classifier(dev_share=0.2, max_epochs=1).fit(X, y)
    assert model.metrics_["train_texts"] + model.metrics_["dev"]["n"] == 90
    assert model.metrics_["dev"]["n"] == 18
    groups = [place // 9 for place in range(90)]  # ten groups of nine texts
    model = classifier(dev_share=0.2, max_epochs=1).fit(X, y, groups=groups)
    assert model.metrics_["dev"]["n"] % 9 == 0
    assert 0 < model.metrics_["dev"]["n"] < 90
    model = classifier(dev_share=0.2, max_epochs=1).fit(X, y, groups=np.array(groups))
    assert model.metrics_["train_texts"] % 9 == 0


def test_a_classifier_can_be_fitted_anew_on_other_labels() -> None:
    X, y = topic_texts(60)
    model = classifier(max_epochs=1).fit(X, y)
    model.fit(X, [len(label) for label in y])
    assert model.classes_.tolist() == [4, 5, 7]
    assert set(model.predict(X).tolist()) <= {4, 5, 7}


def test_the_same_seed_gives_the_same_probabilities() -> None:
    X, y = topic_texts(60)
    first, second, other = (classifier(max_epochs=1, seed=seed).fit(X, y).predict_proba(X) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_save_then_load_answers_alike(fitted: Any, tmp_path: Path) -> None:
    X, _ = topic_texts(20, seed=5)
    fitted.save(tmp_path / "model")
    assert tidegate.load(tmp_path / "model").predict(X) == fitted.predict(X).tolist()


def test_a_fitted_classifier_can_be_pickled_and_still_predicts_and_saves(fitted: Any, tmp_path: Path) -> None:
    copy = pickle.loads(pickle.dumps(fitted))
    X, _ = topic_texts(20, seed=5)
    np.testing.assert_array_equal(copy.predict_proba(X), fitted.predict_proba(X))
    assert copy.classes_.tolist() == TOPICS
    copy.save(tmp_path / "model")
    assert tidegate.load(tmp_path / "model").predict(X) == fitted.predict(X).tolist()


def test_clone_and_params_in_scikit_learns_manner() -> None:
    model = tidegate.Classifier(arch="gru", hidden_size=7, pooling=["max"])
    copy = clone(model)
    assert copy is not model
    assert (
        copy.get_params()
        == model.get_params()
        == {"preset": "default", "recipe": None, "quiet": False, "arch": "gru", "hidden_size": 7, "pooling": ["max"]}
    )
    assert copy.set_params(hidden_size=9) is copy
    assert copy.get_params()["hidden_size"] == 9
    assert model.get_params()["hidden_size"] == 7
    assert repr(copy) == "Classifier(arch='gru', hidden_size=9, pooling=['max'])"
    assert is_classifier(model)


def test_a_setting_that_does_not_fit_is_refused_at_once_and_changes_nothing() -> None:
    with pytest.raises(RecipeError, match=r"unknown key 'poling'\. Did you mean 'pooling'\?"):
        tidegate.Classifier(poling="max")
    model = tidegate.Classifier(hidden_size=5)
    with pytest.raises(RecipeError, match="pooling"):
        model.set_params(hidden_size=6, pooling="median")
    assert model.get_params()["hidden_size"] == 5


@pytest.mark.slow
def test_grid_search_over_texts_and_a_pipeline() -> None:
    X, y = topic_texts(60)
    search = GridSearchCV(classifier(max_epochs=1), {"arch": ["rnn", "bigru"], "wide": [True]}, cv=2).fit(np.array(X), np.array(y))
    assert list(search.cv_results_["param_arch"]) == ["rnn", "bigru"]
    assert 0.4 < search.best_score_ <= 1
    assert set(search.predict(X)) <= set(TOPICS)
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    pipeline = Pipeline([("lower", lower), ("classify", classifier(max_epochs=1))])
    search = GridSearchCV(pipeline, {"classify__hidden_size": [4, 6]}, cv=2).fit(X, y)
    assert list(search.cv_results_["param_classify__hidden_size"]) == [4, 6]
    assert search.best_estimator_.named_steps["classify"].classes_.tolist() == TOPICS


def test_cross_validation_and_a_pipeline_take_it_as_it_is() -> None:
    X, y = topic_texts(90)
    scores = cross_val_score(classifier(max_epochs=1), X, y, cv=3)
    assert scores.shape == (3,)
    assert scores.mean() > 0.5
    shout = [text.upper() for text in X]
    pipeline = Pipeline([("lower", FunctionTransformer(lambda texts: [text.lower() for text in texts])), ("classify", classifier())])
    pipeline.fit(X, y)
    assert pipeline.score(shout, y) == pipeline.score(X, y) > 0.8
    assert pipeline.classes_.tolist() == TOPICS


# The other checks fit matrices of numbers, or nonsense labels, and this is a classifier of texts. `check_set_params` and
# `check_dict_unchanged` besides want impossible values (-inf, objects) accepted until `fit`; here they are refused at once.
CHECKS = (
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_estimator_repr",
    "check_get_params_invariance",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_valid_tag_types",
    "check_mixin_order",
    "check_estimators_unfitted",
)


@pytest.mark.parametrize("estimator", [tidegate.Classifier, tidegate.Tagger])
@pytest.mark.parametrize("name", CHECKS)
def test_scikit_learns_own_check_passes(name: str, estimator: Any) -> None:
    getattr(estimator_checks, name)(estimator.__name__, estimator(hidden_size=9))


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score", "save"])
def test_asking_before_fitting_says_what_to_do_and_is_known_to_scikit_learn(method: str) -> None:
    model = tidegate.Classifier()
    given = (["rain"], ["weather"]) if method == "score" else (["rain"],)
    with pytest.raises(sklearn.exceptions.NotFittedError, match=r"this Classifier is not fitted yet; call fit\(…\) first") as raised:
        getattr(model, method)(*given)
    assert isinstance(raised.value, UserError)


def test_importing_tidegate_brings_in_neither_torch_nor_scikit_learn() -> None:
    code = "import sys, tidegate, tidegate.runtime, tidegate.errors; print([n for n in ('torch', 'sklearn', 'scipy') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_does_not_fit_together_is_refused_in_words() -> None:
    new = tidegate.Classifier
    with pytest.raises(DataError, match="X holds 2 texts, but y 1 entries; give one for each text"):
        new().fit(["a", "b"], ["x"])
    with pytest.raises(DataError, match="X holds 2 texts, but groups 3 entries"):
        new().fit(["a", "b"], ["x", "y"], groups=[1, 2, 3])
    with pytest.raises(DataError, match=r"one text was given where a list of texts is expected"):
        new().fit("train.csv", ["x"])
    with pytest.raises(DataError, match=r"y is one text where a label for each text is expected; write \[label\]"):
        new().fit(["a", "b"], "xy")
    for nothing in (None, float("nan"), np.nan):
        with pytest.raises(DataError, match=r"text 2 has no label \((None|nan)\); give it one, or leave the text out"):
            new().fit(["a", "b"], ["x", nothing])
    for matrix in (np.array([[1, 2], [0, 1]]), np.array([["x", "y"], ["x", "z"]])):
        with pytest.raises(DataError, match="y is a matrix of other values than 0 and 1"):
            new().fit(["a", "b"], matrix)
    with pytest.raises(DataError, match="text 2 is 3; a text is a str"):
        new().fit(["a", 3], ["x", "y"])
    with pytest.raises(DataError, match=r"dev must be \(texts, labels\) where X and y are texts and labels"):
        new().fit(["a", "b"], ["x", "y"], dev="dev.csv")
    with pytest.raises(DataError, match=r"^There is no text to train on"):
        new().fit([], [])
    with pytest.raises(DataError, match=r"no\.csv"):
        new().fit("no.csv")


def test_groups_with_files_are_refused(toy_texts: Path) -> None:
    with pytest.raises(
        DataError, match=r"groups were given with files; name the column that holds them, as in Classifier\(group='author'\)"
    ):
        classifier().fit(toy_texts / "train.csv", groups=[1, 2])
