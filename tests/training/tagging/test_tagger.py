from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import tidegate
from conftest import SMALL
from tidegate.data.teddy import teddy_corpus
from tidegate.errors import DataError, RecipeError, UserError


def toy(count: int, seed: int = 1) -> tuple[list[list[str]], list[list[str]]]:
    records = teddy_corpus(seed=seed, train=count, dev=0, test=0).train
    return [list(r.tokens) for r in records], [list(r.labels["tag"]) for r in records]


@pytest.fixture(scope="module")
def tagger() -> Any:
    return tidegate.Tagger(quiet=True, **{**SMALL, "max_epochs": 8}).fit(*toy(300), dev=toy(60, 2))


def test_fit_predict_score_on_sentences(tagger: Any) -> None:
    X, y = toy(80, 3)
    assert tagger.score(X, y) > 0.93
    labels = tagger.predict(X)
    assert [len(row) for row in labels] == [len(row) for row in X]
    probabilities = tagger.predict_proba(X)
    assert [row.shape for row in probabilities] == [(len(tokens), len(tagger.classes_)) for tokens in X]
    assert set(tagger.classes_) == {label for row in y for label in row}
    assert tagger.metrics_["dev"]["accuracy"] > 0.9


def test_save_then_load_answers_alike(tagger: Any, tmp_path: Path) -> None:
    tagger.save(tmp_path / "model")
    assert tidegate.load(tmp_path / "model").predict([["Teddy", "bears"]]) == tagger.predict([["Teddy", "bears"]])


def test_fit_on_files(toy_files: Path) -> None:
    tagger = tidegate.Tagger(label="upos", quiet=True, **{**SMALL, "max_epochs": 1}).fit(
        toy_files / "train.conllu", dev=[toy_files / "dev.conllu"]
    )
    assert tagger.model_.columns == ("upos",)


def test_clone_and_params_in_scikit_learns_manner() -> None:
    tagger = tidegate.Tagger(arch="gru", hidden_size=7)
    copy = clone(tagger)
    assert copy.get_params() == tagger.get_params()
    assert copy.set_params(hidden_size=9).get_params()["hidden_size"] == 9
    assert tagger.get_params()["hidden_size"] == 7


@pytest.mark.slow
def test_grid_search_runs() -> None:
    X, y = toy(60)
    search = GridSearchCV(tidegate.Tagger(quiet=True, **{**SMALL, "max_epochs": 1}), {"arch": ["rnn", "bigru"]}, cv=2)
    search.fit(np.array(X, dtype=object), np.array(y, dtype=object))
    assert set(search.cv_results_["param_arch"]) == {"rnn", "bigru"}
    assert np.isfinite(search.best_score_)


def test_an_unknown_setting_is_refused_at_once() -> None:
    with pytest.raises(RecipeError, match=r"unknown key 'hidden'\. Did you mean 'hidden_size'\?"):
        tidegate.Tagger(hidden=3)
    with pytest.raises(RecipeError, match="unknown key 'hidn'"):
        tidegate.Tagger().set_params(hidn=3)
    tagger = tidegate.Tagger(hidden_size=5)
    with pytest.raises(RecipeError):
        tagger.set_params(hidden_size=-1)
    assert tagger.get_params()["hidden_size"] == 5


def test_predicting_before_fitting_says_what_to_do() -> None:
    with pytest.raises(
        UserError, match=r"this Tagger is not fitted yet; call fit\(…\) first, or read a trained model with tidegate.load\(path\)"
    ):
        tidegate.Tagger().predict([["a"]])


def test_labels_that_do_not_fit_are_refused_with_their_sentence() -> None:
    with pytest.raises(DataError, match="X holds 2 sentences, but y 1 lists of labels"):
        tidegate.Tagger().fit([["a"], ["b"]], [["X"]])
    with pytest.raises(DataError, match="sentence 2 has 1 tokens, but 2 labels"):
        tidegate.Tagger().fit([["a"], ["b"]], [["X"], ["X", "Y"]])
    with pytest.raises(DataError, match="sentences were given without labels"):
        tidegate.Tagger().fit([["a"], ["b"]])
    with pytest.raises(DataError, match="labels were given with a path or a bare text"):
        tidegate.Tagger().fit("train.conllu", [["X"]])
    with pytest.raises(DataError, match="sentence 1 holds tokens or labels that are no text"):
        tidegate.Tagger().fit([["a"], ["b"]], [[1], [2]])
    with pytest.raises(DataError, match=r"label names 2 columns \(a, b\), but y gives one"):
        tidegate.Tagger(label="a,b").fit([["a"], ["b"]], [["X"], ["Y"]])
    with pytest.raises(DataError, match=r"dev must be \(sentences, labels\)"):
        tidegate.Tagger().fit([["a"], ["b"]], [["X"], ["Y"]], dev="dev.conllu")


def test_a_fitted_tagger_can_be_pickled_and_still_predicts(tagger: Any) -> None:
    import pickle

    copy = pickle.loads(pickle.dumps(tagger))
    assert copy.predict([["Teddy", "bears"]]) == tagger.predict([["Teddy", "bears"]])


def test_score_reads_files_as_fit_does(tagger: Any, tmp_path: Path) -> None:
    X, y = toy(40, 4)
    lines = ["\n".join(f"{token}\t{tag}" for token, tag in zip(*pair, strict=True)) for pair in zip(X, y, strict=True)]
    (tmp_path / "test.tsv").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    assert tagger.score(tmp_path / "test.tsv") == pytest.approx(tagger.score(X, y))


def test_repr_shows_what_was_set() -> None:
    assert repr(tidegate.Tagger(arch="gru", hidden_size=7)) == "Tagger(arch='gru', hidden_size=7)"
