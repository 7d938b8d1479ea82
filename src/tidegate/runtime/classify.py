"""The NumPy half of `classify`: a model directory answers, evaluates and is saved again. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel, copy_model
from tidegate.data import Source, TextRecord, UnknownLabels, Vocabulary
from tidegate.data.text_batches import NOTHING, Unit, units_of, words_of
from tidegate.decoding import softmax
from tidegate.errors import DataError, RecipeError
from tidegate.runtime.classify_network import ClassifyNetwork
from tidegate.runtime.classify_session import ClassifySession
from tidegate.runtime.stack_session import check_live
from tidegate.runtime.windows import BATCH_TOKENS, answered
from tidegate.scoring.classification import ClassScorer, MultiLabelScorer

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClassifyAnswer:
    """The answer to one text.

    Attributes:
        record: what was asked.
        label: the answer; None where the model abstained, or where no label of several is probable.
        labels: the answers where a text may carry several, most probable first; else just the label.
        probability: of the label (of the most probable one where there is none).
        probabilities: [K], of every label, in the order of the model's labels.
    """

    record: TextRecord
    label: str | None
    labels: tuple[str, ...]
    probability: float
    probabilities: Probabilities


class ClassifyModel:
    """A trained classifier, read from a model directory.

    Attributes:
        config, metrics: what the directory says of itself.
        column: the label column that it was trained on; `columns` names it too.
        labels: the labels by column, in the order of the probabilities.
        is_multi_label: whether a text may carry several labels.
        unit: what the network reads of a text, "word" or "char".
        positive, out_of_scope: the labels with that part; empty where there is none.
        network: gives the logits.
        stored: all that the model directory holds.
    """

    def __init__(self, model: StoredModel) -> None:
        self.stored, self._path = model, model.path
        self.config = model.config
        self.metrics = model.metrics
        vocabulary = Vocabulary.from_json(model.vocabulary)
        (self._column,) = vocabulary.columns
        self.column = self._column.name
        self.columns = (self.column,)
        self.classes = self._column.labels
        self.labels = {self.column: self.classes}
        self.is_multi_label: bool = model.config["network"]["is_multi_label"]
        decision = model.config.get("decision", {})
        self.positive: str = decision.get("positive", "")
        self.out_of_scope: str = decision.get("out_of_scope", "")
        self.thresholds: list[dict[str, float]] = decision.get("thresholds", [])
        self._doubt: float | None = decision.get("out_of_scope_threshold")
        self.unit: Unit = model.config["recipe"]["unit"]
        self._longest: int = model.config["recipe"]["max_length"]
        self.network = ClassifyNetwork(model, vocabulary)

    def answers(
        self,
        records: Iterable[TextRecord],
        *,
        batch_tokens: int = BATCH_TOKENS,
        abstain_below: float = 0.0,
        threshold: float | None = None,
    ) -> Iterator[ClassifyAnswer]:
        """An answer per text, in order, reading the texts as they are needed.

        Args:
            batch_tokens: most tokens that are computed together; bounds the memory.
            abstain_below: a label less probable than this is given as None.
            threshold: with two labels, the probability from which on a text is called positive; with several labels a text,
                from which on a label is given [0.5].

        Raises:
            RecipeError: a threshold for a model without a positive label.
        """
        if threshold is not None and not self.is_multi_label and not self.positive:
            raise RecipeError(
                f"a threshold is for a model with a positive label or with several labels a text; this one chooses among "
                f"{len(self.classes)}. Use --abstain-below, or train with --positive LABEL."
            )
        cut = _cut(records, self.unit, self._longest)
        for part in answered(cut, lambda text: len(text.units), self._probable, batch_tokens=batch_tokens):
            yield self._answer(*part, abstain_below, threshold)

    def cut(self, record: TextRecord) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """A text's words, and the units that are read of it."""
        (cut,) = _cut([record], self.unit, self._longest)
        return cut.words, cut.units

    def _probable(self, batch: list[_CutText]) -> list[tuple[TextRecord, Probabilities]]:
        probabilities = self._probabilities(self.network.logits([cut.units for cut in batch], [cut.words for cut in batch]))
        return [(cut.record, row) for cut, row in zip(batch, probabilities, strict=True)]

    def _probabilities(self, logits: NDArray[np.floating[Any]]) -> Probabilities:
        logits = logits.astype(np.float64)
        return 1 / (1 + np.exp(-np.clip(logits, -700, 700))) if self.is_multi_label else softmax(logits)

    def _answer(self, record: TextRecord, probabilities: Probabilities, abstain_below: float, threshold: float | None) -> ClassifyAnswer:
        if self.is_multi_label:
            least = 0.5 if threshold is None else threshold
            order = np.argsort(-probabilities, kind="stable").tolist()
            labels = tuple(self.classes[k] for k in order if probabilities[k] >= max(least, abstain_below))
            return ClassifyAnswer(record, labels[0] if labels else None, labels, float(probabilities[order[0]]), probabilities)
        best = self._best(probabilities, threshold)
        probability = float(probabilities[best])
        label = self.classes[best] if probability >= abstain_below else None
        return ClassifyAnswer(record, label, () if label is None else (label,), probability, probabilities)

    def _best(self, probabilities: Probabilities, threshold: float | None) -> int:
        if self.positive and threshold is not None:
            place = self.classes.index(self.positive)
            if probabilities[place] >= threshold:
                return place
            return max((k for k in range(len(self.classes)) if k != place), key=lambda k: float(probabilities[k]))
        if self._doubt is not None:
            place = self.classes.index(self.out_of_scope)
            inside = np.delete(probabilities, place)
            best = int(inside.argmax())
            return place if 1 - inside[best] >= self._doubt else best + (best >= place)
        return int(probabilities.argmax())

    def to_json(self, answer: ClassifyAnswer, *, with_input: bool = False) -> dict[str, Any]:
        """An answer as `predict` writes it."""
        content: dict[str, Any] = {"text": answer.record.text} if with_input else {}
        content |= {"label": answer.label, "probability": round(answer.probability, 6)}
        if self.is_multi_label:
            content["labels"] = list(answer.labels)
        content["probabilities"] = {label: round(p, 6) for label, p in zip(self.classes, answer.probabilities.tolist(), strict=True)}
        if with_input and answer.record.labels:
            content["input"] = {self.column: list(answer.record.labels) if self.is_multi_label else answer.record.labels[0]}
        return content

    def predict(self, texts: Iterable[str]) -> list[Any]:
        """The label of each text (None where there is none); a tuple of labels where a text may carry several.

        Raises:
            DataError: something that is no text, or one text instead of a list of them.
        """
        answers = self.answers(as_records(texts))
        return [answer.labels if self.is_multi_label else answer.label for answer in answers]

    def predict_proba(self, texts: Iterable[str]) -> Probabilities:
        """Probabilities [N, K] of every label for each text, in the order of `classes`; they sum to 1 unless a text may carry several."""
        rows = [answer.probabilities for answer in self.answers(as_records(texts))]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.classes))

    def evaluate(self, records: Iterable[TextRecord], *, batch_tokens: int = BATCH_TOKENS) -> dict[str, Any]:
        """Scores against labelled records, with the keys of `evaluate --format json`.

        A label that training did not know counts as a wrong answer; `n_unknown_labels` says how many there were.

        Raises:
            DataError: a record without a label, or more than two in a hundred labels unknown; with file and line.
        """
        unknown = UnknownLabels([self._column])
        single = ClassScorer(positive=self.positive, out_of_scope=self.out_of_scope)
        several = MultiLabelScorer()
        truth: list[bool] = []
        positive: list[float] = []
        place = self.classes.index(self.positive) if self.positive else 0
        for answer in self.answers(unknown.watch_texts(records, may_be_none=self.is_multi_label), batch_tokens=batch_tokens):
            right = answer.record.labels
            if self.is_multi_label:
                several.add(right, answer.labels)
                continue
            single.add(right[0], str(answer.label), answer.probability)
            truth.append(right[0] == self.positive)
            positive.append(float(answer.probabilities[place]))
        unknown.settle()
        result = several.result() if self.is_multi_label else single.result()
        if self.thresholds:
            result["thresholds"] = [self._at(entry, np.array(truth), np.array(positive)) for entry in self.thresholds]
        if unknown.count:
            result |= {"n_unknown_labels": unknown.count, "first_unknown_label": unknown.first}
        return result

    @staticmethod
    def _at(entry: dict[str, float], truth: NDArray[np.bool_], probabilities: Probabilities) -> dict[str, float]:
        """What a threshold that was found on the development data comes to on other data."""
        called = probabilities >= entry["threshold"]
        right = float((truth & called).sum())
        return {
            "at_precision": entry["at_precision"],
            "threshold": entry["threshold"],
            "precision": right / max(1.0, float(called.sum())),
            "recall": right / max(1.0, float(truth.sum())),
        }

    def score(self, texts: Sequence[str], labels: Sequence[Any]) -> float:
        """Share of texts with the right label (wholly right, where a text may carry several), in the manner of scikit-learn."""
        if len(texts) != len(labels):
            raise DataError(f"{len(texts)} texts, but {len(labels)} labels; give one label for each text.")
        given = self.predict(texts)
        if self.is_multi_label:
            hits = [set(right) == set(answer) for right, answer in zip(labels, given, strict=True)]
        else:
            hits = [right == answer for right, answer in zip(labels, given, strict=True)]
        return sum(hits) / max(1, len(hits))

    def session(self, *, lookahead: int | None = None) -> ClassifySession[ClassifyAnswer]:
        """A text as it comes; what it says of so much of it is what `answers` says, but for rounding.

        Args:
            lookahead: units (words or characters) that a two-way network sees ahead, by which its answers lag. None: as trained.

        Raises:
            RecipeError: a two-way network without a look-ahead, one for a one-way network, or no whole number.
        """
        network = self.network if lookahead is None else self.network.with_lookahead(lookahead)
        check_live(network.stack, "text", "WORDS" if self.unit == "word" else "CHARACTERS")

        def decide(text: str, logits: NDArray[np.floating[Any]]) -> ClassifyAnswer:
            return self._answer(TextRecord(text, Source("the text fed", 1, "text")), self._probabilities(logits)[0], 0.0, None)

        return ClassifySession(
            network, self.unit, self._longest, decide, lambda: {"model": self.stored.digest, "lookahead": network.stack.lookahead}
        )

    def save(self, path: str | Path) -> None:
        """Copies the model directory to `path`.

        Raises:
            OutputError: `path` exists or cannot be written.
        """
        copy_model(self._path, Path(path))


@dataclass(frozen=True, slots=True)
class _CutText:
    record: TextRecord
    units: tuple[str, ...]
    words: tuple[str, ...]


def _cut(records: Iterable[TextRecord], unit: Any, longest: int) -> Iterator[_CutText]:
    for record in records:
        words = words_of(record.text)
        yield _CutText(record, units_of(record.text, unit, longest) if unit == "char" else words[:longest] or (NOTHING,), words)


def as_records(texts: Iterable[str]) -> Iterator[TextRecord]:
    """Texts given in Python as records."""
    if isinstance(texts, str):
        raise DataError("one text was given where a list of texts is expected; write [text].")
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise DataError(f"text {number} is {text!r:.60}; a text is a str.")
        yield TextRecord(str(text), Source("the texts given", number, "text"))
