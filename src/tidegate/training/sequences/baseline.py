"""What a linear machine makes of sequences without reading them in order; scikit-learn's logistic regression.

Of a whole sequence it sees each feature's mean, spread, least, greatest, first and last value, and the means of its thirds; of a step
that step alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.frames import Frames
from tidegate.data.recordings import Recording
from tidegate.data.sequences import NumberSequence
from tidegate.scoring.classification import ClassScorer
from tidegate.scoring.tagging import TagScorer
from tidegate.training.frame_material import Record
from tidegate.training.sequences.corpus import LabelledCorpus, labels_of

# Steps that the machine learns from at most, spread evenly over the training data.
_MOST_STEPS = 50_000
_THIRDS = 3


class SequenceMachine:
    """The machine over whole sequences, fitted on the training part of a corpus."""

    def __init__(self, corpus: LabelledCorpus) -> None:
        self._frames = corpus.frames
        records = corpus.parts.train
        self._machine = _fitted(self._statistics(records), [record.label for record in records])

    def answer(self, records: Sequence[Record]) -> list[tuple[str, float]]:
        """The label of each, and how probable it is."""
        probabilities = self._machine.predict_proba(self._statistics(records))
        return [(str(self._machine.classes_[row.argmax()]), float(row.max())) for row in probabilities]

    def _statistics(self, records: Sequence[Record]) -> NDArray[np.float64]:
        return np.stack([_statistics(self._frames, record) for record in records])


class FrameMachine:
    """The machine over single steps."""

    def __init__(self, corpus: LabelledCorpus) -> None:
        self._frames = corpus.frames
        x = np.concatenate([corpus.frames.of(record) for record in corpus.parts.train])
        y = np.array([label for record in corpus.parts.train for label in labels_of(record, is_per_step=True)])
        every = -(-len(x) // _MOST_STEPS)
        self._machine = _fitted(x[::every], y[::every].tolist())

    def answer(self, records: Sequence[Record]) -> list[tuple[list[str], list[float]]]:
        """The labels of the steps of each, and how probable they are."""
        answers = []
        for record in records:
            probabilities = self._machine.predict_proba(self._frames.of(record))
            answers.append((self._machine.classes_[probabilities.argmax(axis=1)].tolist(), probabilities.max(axis=1).tolist()))
        return answers


def sequence_baseline(corpus: LabelledCorpus) -> dict[str, Any]:
    """Scores of the machine on the development and test sequences."""
    machine = SequenceMachine(corpus)
    result: dict[str, Any] = {"name": "each feature's statistics, logistic regression"}
    for name, records in (("dev", corpus.parts.dev), ("test", corpus.parts.test)):
        if records:
            scorer = ClassScorer()
            for record, (label, probability) in zip(records, machine.answer(records), strict=True):
                scorer.add(record.label, label, probability)
            result[name] = _shown(scorer.result())
    return result


def frame_baseline(corpus: LabelledCorpus) -> dict[str, Any]:
    """Scores of the machine on single steps of the development and test sequences."""
    machine = FrameMachine(corpus)
    result: dict[str, Any] = {"name": "single steps, logistic regression"}
    for name, records in (("dev", corpus.parts.dev), ("test", corpus.parts.test)):
        if records:
            scorer = TagScorer(None)
            for record, (given, probabilities) in zip(records, machine.answer(records), strict=True):
                right = labels_of(record, is_per_step=True)
                scorer.add(right, given, is_seen=[True] * len(right), probabilities=probabilities)
            result[name] = _shown(scorer.result())
    return result


def _shown(scores: dict[str, Any]) -> dict[str, Any]:
    return {key: scores[key] for key in ("n", "accuracy", "macro_f1")}


def _statistics(frames: Frames, record: Record) -> NDArray[np.float64]:
    """[9 · C] of a record's steps."""
    assert isinstance(record, NumberSequence | Recording)
    x = frames.of(record).astype(np.float64)
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
