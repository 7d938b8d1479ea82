"""The NumPy half of `tag` over sequences of numbers: a label for each step. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data import LabelColumn, UnknownLabels
from tidegate.decoding import softmax
from tidegate.errors import DataError
from tidegate.runtime.frame_model import LabelModel, Lookahead, Record, Steps
from tidegate.runtime.frame_session import SequenceTagSession
from tidegate.runtime.sequence_classify import watched
from tidegate.runtime.windows import BATCH_TOKENS
from tidegate.scoring import TagScorer

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SequenceTagAnswer:
    """The answer to one sequence.

    Attributes:
        record: what was asked.
        labels: T, one a step; None where the model abstained.
        probabilities: [T], of the most probable label of each step.
    """

    record: Record
    labels: list[str | None]
    probabilities: Probabilities


class SequenceTagModel(LabelModel):
    """A trained tagger of steps, read from a model directory."""

    def answers(
        self, records: Iterable[Record], *, batch_tokens: int = BATCH_TOKENS, abstain_below: float = 0.0, lookahead: Lookahead = None
    ) -> Iterator[SequenceTagAnswer]:
        """An answer per sequence, in order, reading the records as they are needed.

        Args:
            batch_tokens: most steps that are computed together; bounds the memory.
            abstain_below: labels less probable than this are given as None.
            lookahead: steps that a two-way network sees ahead; as trained if None.

        Raises:
            DataError: a record without a step, or with other features.
            RecipeError: a look-ahead that is none, or for a network that reads one way.
        """
        network = self.network(lookahead)

        def answer(batch: list[Steps], x: Array, offsets: Ids) -> Iterator[SequenceTagAnswer]:
            probabilities = softmax(network.logits(x, offsets))
            best = probabilities.argmax(axis=1)
            sure = np.take_along_axis(probabilities, best[:, None], axis=1)[:, 0]
            for steps, begin, end in zip(batch, offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
                labels = [
                    self.classes[k] if p >= abstain_below else None
                    for k, p in zip(best[begin:end].tolist(), sure[begin:end].tolist(), strict=True)
                ]
                yield SequenceTagAnswer(steps.record, labels, sure[begin:end])

        return self.answered(records, answer, batch_tokens=batch_tokens)

    def to_json(self, answer: SequenceTagAnswer, *, with_input: bool = False) -> dict[str, Any]:
        """An answer as `predict` writes it."""
        content: dict[str, Any] = {"name": answer.record.name} if with_input else {}
        content |= {"labels": answer.labels, "probabilities": [round(p, 6) for p in answer.probabilities.tolist()]}
        if with_input and (right := getattr(answer.record, "labels", ())):
            content["input"] = {self.column: list(right)}
        return content

    def predict(self, sequences: Any) -> list[list[str]]:
        """The labels of each sequence's steps; arrays [T, D], or records.

        Raises:
            DataError: something else, a sequence without a step or with other features.
        """
        return [[str(label) for label in answer.labels] for answer in self.answers(self.records(sequences))]

    def predict_proba(self, sequences: Any) -> list[Probabilities]:
        """Per sequence the probability [T, K] of every label, in the order of `classes`."""

        def answer(batch: list[Steps], x: Array, offsets: Ids) -> list[Probabilities]:
            return np.split(softmax(self._network.logits(x, offsets)), offsets[1:-1])

        return list(self.answered(self.records(sequences), answer, batch_tokens=BATCH_TOKENS))

    def score(self, sequences: Any, labels: Sequence[Sequence[Any]]) -> float:
        """Share of steps with the right label, in the manner of scikit-learn."""
        given = self.predict(sequences)
        if [len(answer) for answer in given] != [len(right) for right in labels]:
            raise DataError("the labels are not as many as the steps; give of each sequence a label for each step.")
        hits = [a == str(b) for answer, right in zip(given, labels, strict=True) for a, b in zip(answer, right, strict=True)]
        return sum(hits) / max(1, len(hits))

    def evaluate(self, records: Iterable[Record], *, batch_tokens: int = BATCH_TOKENS, lookahead: Lookahead = None) -> dict[str, Any]:
        """Scores against labelled records, with the keys of `evaluate --format json`; every step counts once.

        A label that training did not know counts as a wrong answer; `n_unknown_labels` says how many there were.

        Raises:
            DataError: a record without labels, or more than two in a hundred labels unknown; with file and line.
        """
        unknown = UnknownLabels([LabelColumn(self.column, self.classes, None)])
        scorer = TagScorer(None)
        for answer in self.answers(watched(unknown, records), batch_tokens=batch_tokens, lookahead=lookahead):
            right = getattr(answer.record, "labels", ())
            if len(right) != len(answer.labels):
                raise DataError(
                    f"{answer.record.source}: '{answer.record.name}' has {len(right)} labels and {len(answer.labels)} steps; every step "
                    "needs one. Name the column with --label."
                )
            given = [str(label) for label in answer.labels]
            scorer.add(right, given, is_seen=[True] * len(given), probabilities=answer.probabilities.tolist())
        unknown.settle()
        result = scorer.result()
        if unknown.count:
            result |= {"n_unknown_labels": unknown.count, "first_unknown_label": unknown.first}
        return result

    def session(self, *, lookahead: Lookahead = None, rate: int | None = None) -> SequenceTagSession:
        """One sequence as it comes; the labels lag behind by the look-ahead.

        Raises:
            RecipeError: the network reads the whole sequence both ways; or a rate where there is no sound.
        """
        steps, network, kind = self.live(lookahead, rate)
        return SequenceTagSession(steps, network, self.classes, kind)
