"""The NumPy half of `classify` over sequences of numbers and sound: a model directory answers, evaluates and is saved again. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data import LabelColumn, TextRecord, UnknownLabels
from tidegate.decoding import softmax
from tidegate.errors import DataError
from tidegate.runtime.frame_model import LabelModel, Lookahead, Record, Steps
from tidegate.runtime.frame_session import SequenceSession
from tidegate.runtime.sequence_network import SequenceNetwork
from tidegate.runtime.windows import BATCH_TOKENS
from tidegate.scoring.classification import ClassScorer
from tidegate.scoring.sequences import SHARES, by_share, seen_steps

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SequenceAnswer:
    """The answer to one sequence.

    Attributes:
        record: what was asked.
        label: the answer; None where the model abstained.
        probability: of the most probable label; NaN where there was no frame to answer.
        probabilities: [K], of every label, in the order of the model's labels; [0] then.
    """

    record: Record
    label: str | None
    probability: float
    probabilities: Probabilities


class SequenceClassifyModel(LabelModel):
    """A trained classifier of sequences, read from a model directory."""

    def answers(
        self, records: Iterable[Record], *, batch_tokens: int = BATCH_TOKENS, abstain_below: float = 0.0, lookahead: Lookahead = None
    ) -> Iterator[SequenceAnswer]:
        """An answer per sequence, in order, reading the records as they are needed.

        Args:
            batch_tokens: most steps that are computed together; bounds the memory.
            abstain_below: a label less probable than this is given as None.
            lookahead: steps, or a span such as "100ms", that a two-way network sees ahead; as trained if None.

        Raises:
            DataError: a record without a step, or with other features.
            RecipeError: a look-ahead that is none, or for a network that reads one way.
        """
        network = self.network(lookahead)

        def answer(batch: list[Steps], x: Array, offsets: Ids) -> Iterator[SequenceAnswer]:
            for steps, row in zip(batch, softmax(network.logits(x, offsets)), strict=True):
                yield self._answer(steps.record, row, abstain_below)

        return self.answered(records, answer, batch_tokens=batch_tokens)

    def _answer(self, record: Record, probabilities: Probabilities, abstain_below: float = 0.0) -> SequenceAnswer:
        best = int(probabilities.argmax())
        probability = float(probabilities[best])
        return SequenceAnswer(record, self.classes[best] if probability >= abstain_below else None, probability, probabilities)

    def to_json(self, answer: SequenceAnswer, *, with_input: bool = False) -> dict[str, Any]:
        """An answer as `predict` writes it."""
        content: dict[str, Any] = {"name": answer.record.name} if with_input else {}
        content |= {"label": answer.label, "probability": None if math.isnan(answer.probability) else round(answer.probability, 6)}
        # None of a sequence without a frame.
        content["probabilities"] = {label: round(p, 6) for label, p in zip(self.classes, answer.probabilities.tolist(), strict=False)}
        if with_input and answer.record.label:
            content["input"] = {self.column: answer.record.label}
        return content

    def predict(self, sequences: Any) -> list[str]:
        """The label of each sequence: arrays [T, D] of numbers, of sound samples [n] at the rate that the model reads; or records.

        Raises:
            DataError: something else, a sequence without a step or with other features.
        """
        return [str(answer.label) for answer in self.answers(self.records(sequences))]

    def predict_proba(self, sequences: Any) -> Probabilities:
        """Probabilities [N, K] of every label for each sequence, in the order of `classes`."""
        rows = [answer.probabilities for answer in self.answers(self.records(sequences))]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.classes))

    def score(self, sequences: Any, labels: Sequence[Any]) -> float:
        """Share of sequences with the right label, in the manner of scikit-learn."""
        given = self.predict(sequences)
        if len(given) != len(labels):
            raise DataError(f"{len(given)} sequences, but {len(labels)} labels; give one label for each sequence.")
        return sum(str(right) == answer for right, answer in zip(labels, given, strict=True)) / max(1, len(given))

    def evaluate(
        self, records: Iterable[Record], *, batch_tokens: int = BATCH_TOKENS, shares: bool = True, lookahead: Lookahead = None
    ) -> dict[str, Any]:
        """Scores against labelled records, with the keys of `evaluate --format json`.

        A label that training did not know counts as a wrong answer; `n_unknown_labels` says how many there were.

        Args:
            shares: whether `by_share` tells the accuracy where only the first tenth of the steps of each sequence is seen, and so on.

        Raises:
            DataError: a record without a label, or more than two in a hundred labels unknown; with file and line.
        """
        network = self.network(lookahead)
        unknown = UnknownLabels([LabelColumn(self.column, self.classes, None)])
        scorer = ClassScorer()
        is_right: list[NDArray[np.bool_]] = []

        def answer(batch: list[Steps], x: Array, offsets: Ids) -> Iterator[tuple[SequenceAnswer, NDArray[np.bool_]]]:
            hits = np.zeros((len(batch), len(SHARES)), dtype=bool)
            if shares:
                each = _logits_by_share(network, x, offsets)
                for number, logits in enumerate(each):
                    hits[:, number] = [
                        self.classes[k] == steps.record.label for k, steps in zip(logits.argmax(axis=1).tolist(), batch, strict=True)
                    ]
                logits = each[-1]
            else:
                logits = network.logits(x, offsets)
            for steps, row, hit in zip(batch, softmax(logits), hits, strict=True):
                yield self._answer(steps.record, row), hit

        for given, hit in self.answered(watched(unknown, records), answer, batch_tokens=batch_tokens):
            scorer.add(given.record.label, str(given.label), given.probability)
            is_right.append(hit)
        unknown.settle()
        result = scorer.result()
        if shares and is_right:
            result["by_share"] = by_share(np.array(is_right))
        if unknown.count:
            result |= {"n_unknown_labels": unknown.count, "first_unknown_label": unknown.first}
        return result

    def session(self, *, lookahead: Lookahead = None, rate: int | None = None) -> SequenceSession:
        """One sequence as it comes.

        Args:
            lookahead: as of `answers`; the session's answers lag so far behind.
            rate: of the samples that will be fed; the model's own if None.

        Raises:
            RecipeError: the network reads the whole sequence both ways; or a rate where there is no sound.
        """
        steps, network, kind = self.live(lookahead, rate)
        return SequenceSession(steps, network, self.classes, kind)


def watched(unknown: UnknownLabels, records: Iterable[Record]) -> Iterator[Record]:
    """Passes the records on, and looks at their labels, or at those of their steps.

    Raises:
        DataError: a record carries none.
    """
    for record in records:
        labels = getattr(record, "labels", ()) or tuple(filter(None, [record.label]))
        if not labels:
            raise DataError(f"{record.source}: '{record.name}' carries no label; every one needs one here. Name the column with --label.")
        for _ in unknown.watch_texts([TextRecord("", record.source, labels)], may_be_none=False):
            yield record


def _logits_by_share(network: SequenceNetwork, x: Array, offsets: Ids) -> list[Array]:
    """For each of `SHARES` the logits [B, K] of so much of each sequence, a step at least; the last are those of all."""
    begins, lengths = offsets[:-1], np.diff(offsets)
    # Read one way, the states of a beginning are the beginning of the states.
    is_one_way = not network.stack.architecture.is_bidirectional
    states = network.states(x, offsets) if is_one_way else None
    found = []
    for share in SHARES:
        counts = seen_steps(lengths, share)
        cut = np.concatenate([[0], np.cumsum(counts)])
        rows = np.arange(cut[-1]) + np.repeat(begins - cut[:-1], counts)
        if states is None:
            found.append(network.logits(x[rows], cut))
        else:
            assert network.pooling is not None
            found.append(network.head(network.pooling(states[rows], cut)))
    return found
