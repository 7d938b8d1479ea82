"""The NumPy half of `tag`: a model directory answers, evaluates and is saved again. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.artefact import StoredModel, copy_model
from tidegate.data import Source, TokenRecord, UnknownLabels, Vocabulary
from tidegate.data.words import tokenise
from tidegate.decoding import marginals, softmax, spans_of, viterbi
from tidegate.decoding.sampling import is_whole
from tidegate.errors import DataError, RecipeError
from tidegate.runtime.stack_session import check_live
from tidegate.runtime.tag_network import TagNetwork
from tidegate.runtime.tag_session import TagSession
from tidegate.runtime.windows import BATCH_TOKENS, answered
from tidegate.scoring import TagScorer, default_score


@dataclass(frozen=True, slots=True)
class TagAnswer:
    """The answer to one record.

    Attributes:
        record: what was asked.
        columns: for each label column, a label per token; None where the model abstained.
        probabilities: for each label column, the probability of each token's label.
        spans: (start, end, label, probability) of the first column, if its labels spell spans; token
            indices, end exclusive; a span is as probable as the least probable of its labels.
    """

    record: TokenRecord
    columns: dict[str, list[str | None]]
    probabilities: dict[str, list[float]]
    spans: list[tuple[int, int, str, float]]

    def to_json(self, *, with_input: bool = False) -> dict[str, Any]:
        """The answer as `predict` writes it."""
        first = next(iter(self.columns))
        record = self.record
        answer: dict[str, Any] = {"text": record.text} if with_input and record.text is not None else {}
        answer |= {"tokens": list(record.tokens), "labels": self.columns[first]}
        answer["probabilities"] = [round(p, 6) for p in self.probabilities[first]]
        answer["columns"] = self.columns
        answer["spans"] = [self._span_to_json(*span) for span in self.spans]
        if with_input and record.labels:
            answer["input"] = {name: list(labels) for name, labels in record.labels.items()}
        return answer

    def _span_to_json(self, start: int, end: int, label: str, probability: float) -> dict[str, Any]:
        record = self.record
        span: dict[str, Any] = {"start": start, "end": end, "label": label, "probability": round(probability, 6)}
        if record.text is None or not record.offsets:
            return span | {"text": " ".join(record.tokens[start:end])}
        start_char, end_char = record.offsets[start][0], record.offsets[end - 1][1]
        return span | {"text": record.text[start_char:end_char], "start_char": start_char, "end_char": end_char}


class TagModel:
    """A trained tagger, read from a model directory.

    Attributes:
        config, metrics: what the directory says of itself.
        columns: the label columns that it fills; `labels` lists the labels of each.
        network: gives the logits.
    """

    def __init__(self, model: StoredModel) -> None:
        self.stored, self._path = model, model.path
        self.config = model.config
        self.metrics = model.metrics
        vocabulary = Vocabulary.from_json(model.vocabulary)
        self._columns = vocabulary.columns
        self.columns = tuple(column.name for column in vocabulary.columns)
        self.labels = {column.name: column.labels for column in vocabulary.columns}
        self.network = TagNetwork(model, vocabulary)

    def answers(
        self, records: Iterable[TokenRecord], *, batch_tokens: int = BATCH_TOKENS, abstain_below: float = 0.0
    ) -> Iterator[TagAnswer]:
        """An answer per record, in order, reading the records as they are needed.

        Args:
            batch_tokens: most tokens that are computed together; bounds the memory.
            abstain_below: labels less probable than this are given as None.
        """
        return answered(records, len, lambda batch: self._answer_batch(batch, abstain_below), batch_tokens=batch_tokens)

    def _answer_batch(self, records: list[TokenRecord], abstain_below: float) -> Iterator[TagAnswer]:
        logits, offsets = self.network.logits([record.tokens for record in records])
        labels: dict[str, list[str]] = {}
        probabilities: dict[str, list[float]] = {}
        for column in self._columns:
            scores = logits[column.name]
            if column.name in self.network.transitions:
                transitions = self.network.transitions[column.name]
                best, probability = viterbi(scores, offsets, transitions), marginals(scores, offsets, transitions)
            else:
                best, probability = scores.argmax(axis=1), softmax(scores)
            labels[column.name] = [column.labels[number] for number in best.tolist()]
            probabilities[column.name] = np.take_along_axis(probability, best[:, None], axis=1)[:, 0].tolist()
        bounds = offsets.tolist()
        for record, begin, end in zip(records, bounds[:-1], bounds[1:], strict=True):
            yield self._answer(
                record,
                {name: values[begin:end] for name, values in labels.items()},
                {name: values[begin:end] for name, values in probabilities.items()},
                abstain_below,
            )

    def _answer(
        self, record: TokenRecord, labels: dict[str, list[str]], probabilities: dict[str, list[float]], abstain_below: float
    ) -> TagAnswer:
        first = self._columns[0]
        spans = []
        if first.scheme is not None:
            sure = probabilities[first.name]
            spans = [(s, e, label, min(sure[s:e])) for s, e, label in spans_of(labels[first.name], first.scheme)]
            spans = [span for span in spans if span[3] >= abstain_below]
        columns: dict[str, list[str | None]] = {
            name: [label if p >= abstain_below else None for label, p in zip(values, probabilities[name], strict=True)]
            for name, values in labels.items()
        }
        return TagAnswer(record, columns, probabilities, spans)

    def predict(self, sentences: Iterable[str | Sequence[str]]) -> list[list[str | None]]:
        """The labels of the first column for each sentence: a list of tokens, or a text, which is cut by the word rule.

        `predict(["the", "cat"])` is two texts; one sentence of two tokens is `predict([["the", "cat"]])`.

        Raises:
            DataError: a sentence is neither, or one text was given instead of a list of them.
        """
        first = self.columns[0]
        return [answer.columns[first] for answer in self.answers(as_records(sentences))]

    def predict_proba(self, sentences: Iterable[str | Sequence[str]]) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
        """Per sentence the probability [T, K] of every label of the first column, in the order of `labels`."""
        column = self.columns[0]
        result = []
        for record in as_records(sentences):
            logits, offsets = self.network.logits([record.tokens])
            transitions = self.network.transitions.get(column)
            scores = logits[column]
            result.append(softmax(scores) if transitions is None else marginals(scores, offsets, transitions))
        return result

    def evaluate(self, records: Iterable[TokenRecord], *, batch_tokens: int = BATCH_TOKENS) -> dict[str, Any]:
        """Scores against labelled records, with the keys of `evaluate --format json`; further columns under `columns`.

        A label that training did not know counts as a wrong answer; `n_unknown_labels` says how many there were.

        Raises:
            DataError: a column is missing, or more than two in a hundred labels are unknown; with file and line.
        """
        scorers = {column.name: TagScorer(column.scheme) for column in self._columns}
        unknown = UnknownLabels(self._columns)
        for answer in self.answers(unknown.watch(records), batch_tokens=batch_tokens):
            seen = [self.network.is_seen(token) for token in answer.record.tokens]
            for name, scorer in scorers.items():
                given = [str(label) for label in answer.columns[name]]
                scorer.add(answer.record.labels[name], given, is_seen=seen, probabilities=answer.probabilities[name])
        unknown.settle()
        results = {name: scorer.result() for name, scorer in scorers.items()}
        first, *others = self.columns
        result = results[first] | ({"columns": {name: results[name] for name in others}} if others else {})
        if unknown.count:
            result |= {"n_unknown_labels": unknown.count, "first_unknown_label": unknown.first}
        return result

    def score(self, sentences: Sequence[Sequence[str]], labels: Sequence[Sequence[str]]) -> float:
        """Strict span F1 where labels spell spans, else accuracy, of the first column; in the manner of scikit-learn."""
        if len(sentences) != len(labels):
            raise DataError(f"{len(sentences)} sentences, but {len(labels)} lists of labels; give one list of labels for each sentence.")
        scorer = TagScorer(self._columns[0].scheme)
        for number, (tokens, right) in enumerate(zip(sentences, labels, strict=True), 1):
            if len(tokens) != len(right):
                raise DataError(f"sentence {number} has {len(tokens)} tokens, but {len(right)} labels; give a label for each token.")
        for right, given in zip(labels, self.predict(sentences), strict=True):
            scorer.add(right, [str(label) for label in given], is_seen=[True] * len(right), probabilities=[1.0] * len(right))
        return default_score(scorer.result())

    def session(self, *, lookahead: int | None = None) -> TagSession:
        """A sentence as it comes, token by token.

        Args:
            lookahead: tokens by which the labels lag: a two-way network sees so many ahead of each; read one way, a CRF decides so
                much later (fixed-lag Viterbi). None: as trained, else 0.

        Raises:
            RecipeError: a two-way network without a look-ahead, one for a network that neither reads two ways nor has a CRF, or no
                whole number.
        """
        network, lag = self.network, 0
        if network.transitions and not network.stack.architecture.is_bidirectional:
            lag = 0 if lookahead is None else lookahead
            if not is_whole(lag, least=0):
                raise RecipeError(f"look-ahead is {lookahead}; expected how many tokens, a whole number from 0 on.")
            lag = int(lag)  # 3.0 and NumPy's 3 are whole too
        elif lookahead is not None:
            network = network.with_lookahead(lookahead)
        check_live(network.stack, "sentence", "TOKENS")
        return TagSession(
            network, self._columns, lag, lambda: {"model": self.stored.digest, "lookahead": lag + (network.stack.lookahead or 0)}
        )

    def save(self, path: str | Path) -> None:
        """Copies the model directory to `path`.

        Raises:
            OutputError: `path` exists or cannot be written.
        """
        copy_model(self._path, Path(path))


def as_records(sentences: Iterable[str | Sequence[str]]) -> Iterator[TokenRecord]:
    """Sentences given in Python as records: lists of tokens as they are, texts cut by the word rule."""
    if isinstance(sentences, str):
        raise DataError("one text was given where a list of sentences is expected; write [text], or [[token, token, …]].")
    for number, sentence in enumerate(sentences, 1):
        source = Source("the sentences given", number, "sentence")
        if isinstance(sentence, str):
            offsets = tuple(tokenise(sentence))
            yield TokenRecord(tuple(sentence[b:e] for b, e in offsets), source, text=sentence, offsets=offsets)
            continue
        tokens = tuple(sentence) if isinstance(sentence, Iterable) else (sentence,)
        if not all(isinstance(token, str) for token in tokens):
            raise DataError(f"sentence {number} is {sentence!r:.60}; a sentence is a text or a list of tokens, each a str.")
        yield TokenRecord(tokens, source)
