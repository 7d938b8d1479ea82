"""What a linear machine makes of sequences without reading them in order; scikit-learn's logistic regression.

Of a whole sequence it sees each feature's mean, spread, least, greatest, first and last value, and the means of its thirds; of a step
that step alone.
"""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.recordings import Recording
from tidegate.data.sequences import NumberSequence
from tidegate.scoring.classification import ClassScorer
from tidegate.scoring.tagging import TagScorer
from tidegate.training.frame_material import Record
from tidegate.training.sequences.corpus import LabelledCorpus, labels_of

# Steps that the machine learns from at most, spread evenly over the training data.
_MOST_STEPS = 50_000
_THIRDS = 3


def sequence_baseline(corpus: LabelledCorpus) -> dict[str, Any]:
    """Scores of the machine on the development and test sequences."""
    parts = corpus.parts
    machine = _fitted(np.stack([_statistics(corpus, record) for record in parts.train]), [record.label for record in parts.train])
    result: dict[str, Any] = {"name": "each feature's statistics, logistic regression"}
    for name, records in (("dev", parts.dev), ("test", parts.test)):
        if records:
            probabilities = machine.predict_proba(np.stack([_statistics(corpus, record) for record in records]))
            scorer = ClassScorer()
            for record, row in zip(records, probabilities, strict=True):
                scorer.add(record.label, str(machine.classes_[row.argmax()]), float(row.max()))
            result[name] = _shown(scorer.result())
    return result


def frame_baseline(corpus: LabelledCorpus) -> dict[str, Any]:
    """Scores of the machine on single steps of the development and test sequences."""
    parts = corpus.parts
    x = np.concatenate([corpus.frames.of(record) for record in parts.train])
    y = np.array([label for record in parts.train for label in labels_of(record, is_per_step=True)])
    every = -(-len(x) // _MOST_STEPS)
    machine = _fitted(x[::every], y[::every].tolist())
    result: dict[str, Any] = {"name": "single steps, logistic regression"}
    for name, records in (("dev", parts.dev), ("test", parts.test)):
        if records:
            scorer = TagScorer(None)
            for record in records:
                probabilities = machine.predict_proba(corpus.frames.of(record))
                given = machine.classes_[probabilities.argmax(axis=1)].tolist()
                right = labels_of(record, is_per_step=True)
                scorer.add(right, given, is_seen=[True] * len(right), probabilities=probabilities.max(axis=1).tolist())
            result[name] = _shown(scorer.result())
    return result


def _shown(scores: dict[str, Any]) -> dict[str, Any]:
    return {key: scores[key] for key in ("n", "accuracy", "macro_f1")}


def _statistics(corpus: LabelledCorpus, record: Record) -> NDArray[np.float64]:
    """[9 · C] of a record's steps."""
    assert isinstance(record, NumberSequence | Recording)
    x = corpus.frames.of(record).astype(np.float64)
    cuts = np.linspace(0, len(x), _THIRDS + 1).round().astype(int)
    thirds = [x[min(begin, len(x) - 1) : max(end, begin + 1)].mean(axis=0) for begin, end in pairwise(cuts)]
    return np.concatenate([x.mean(axis=0), x.std(axis=0), x.min(axis=0), x.max(axis=0), x[0], x[-1], *thirds])


def _fitted(x: NDArray[np.floating[Any]], labels: list[str]) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    machine = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged wholly changes nothing that a baseline is for
        return machine.fit(x, labels)
