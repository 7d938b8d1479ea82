"""The baseline of every classifier: TF-IDF of word and character n-grams and a linear support vector machine.

It takes a second and is hard to beat on small data (Joachims 1998). scikit-learn's, with the settings of
our measurements: words 1–2 and characters 2–5 inside words, sublinear term frequency, LinearSVC at C = 1.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from tidegate.data import TextRecord
from tidegate.scoring.classification import ClassScorer, MultiLabelScorer
from tidegate.training.classification.corpus import ClassifyCorpus

NAME = "TF-IDF of word 1-2 and character 2-5 grams, LinearSVC"


def linear_baseline(texts: Iterable[str], *, is_multi_label: bool = False, seed: int = 1) -> Any:
    """An unfitted scikit-learn pipeline from texts to labels (from texts to a 0/1 matrix where a text may carry several).

    Args:
        texts: what it will be fitted on; where none of them holds a word (marks and emoji alone), only characters count.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    has_words = any(re.search(r"\w", text) for text in texts)
    features = make_union(words, characters) if has_words else characters
    machine = LinearSVC(random_state=seed)
    return make_pipeline(features, OneVsRestClassifier(machine) if is_multi_label else machine)


def baseline_scores(corpus: ClassifyCorpus, *, out_of_scope: str = "") -> dict[str, Any]:
    """The baseline's scores on the same development and test texts."""
    texts = [record.text for record in corpus.train]
    pipeline = linear_baseline(texts, is_multi_label=corpus.is_multi_label)
    result: dict[str, Any] = {"name": NAME}
    if corpus.is_multi_label:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Label .* is present in all training examples")  # may well be; it is then always given
            pipeline.fit(texts, _indicators(corpus.train, corpus.labels))
    else:
        pipeline.fit(texts, [record.labels[0] for record in corpus.train])
    for part, records in (("dev", corpus.dev), ("test", corpus.test)):
        if records:
            result[part] = _scores(pipeline, records, corpus, out_of_scope)
    return result


def _indicators(records: list[TextRecord], labels: tuple[str, ...]) -> Any:
    return np.array([[label in record.labels for label in labels] for record in records], dtype=np.int64)


def _scores(pipeline: Any, records: list[TextRecord], corpus: ClassifyCorpus, out_of_scope: str) -> dict[str, Any]:
    given = pipeline.predict([record.text for record in records])
    if corpus.is_multi_label:
        several = MultiLabelScorer()
        for record, row in zip(records, given, strict=True):
            several.add(record.labels, [label for label, is_given in zip(corpus.labels, row, strict=True) if is_given])
        scores = several.result()
    else:
        single = ClassScorer(positive=corpus.positive, out_of_scope=out_of_scope)
        for record, label in zip(records, given, strict=True):
            single.add(record.labels[0], str(label), 1.0)
        scores = single.result()
        del scores["ece"], scores["confusion"]  # a support vector machine gives no probabilities
    del scores["per_label"]
    return scores
