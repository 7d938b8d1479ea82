"""Scores of a tagger's run: the loss on the development data, and the baseline's."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tidegate.data import UNKNOWN_LABEL, LabelColumn, TokenRecord, collate, encode, reading_order
from tidegate.scoring import MostFrequentLabel, TagScorer
from tidegate.tasks.tag import TagNetwork
from tidegate.training.tagging.corpus import TagCorpus


class DevelopmentLoss:
    """Nats per token of a network on the development records, which are encoded once for all epochs.

    Sentences with a label that training lacks take no part.
    """

    def __init__(self, corpus: TagCorpus) -> None:
        encoded = [
            record
            for record in encode(corpus.dev, corpus.table, corpus.vocabulary.columns)
            if len(record) and all((ids != UNKNOWN_LABEL).all() for ids in record.labels.values())
        ]
        lengths = np.array([len(record) for record in encoded], dtype=np.int64)
        order = reading_order(lengths, budget_tokens=4096)
        self._batches = [collate([encoded[place] for place in places.tolist()], corpus.table) for places in order]

    @torch.no_grad()
    def __call__(self, network: TagNetwork) -> float:
        was_training = network.training
        network.eval()
        total = sum(float(network.loss(batch)) * batch.tokens for batch in self._batches)
        network.train(was_training)
        return total / max(1, sum(batch.tokens for batch in self._batches))


def baseline_scores(corpus: TagCorpus) -> dict[str, Any]:
    """Scores of the most frequent label per word on the same development and test records; further columns under `columns`."""

    baselines = {column.name: MostFrequentLabel(corpus.train, column.name) for column in corpus.vocabulary.columns}

    def scores(column: LabelColumn, records: list[TokenRecord]) -> dict[str, Any]:
        scorer = TagScorer(column.scheme)
        for record in records:
            given = baselines[column.name].predict(record.tokens)
            scorer.add(
                record.labels[column.name],
                given,
                is_seen=[corpus.table.is_known(t) for t in record.tokens],
                probabilities=[1.0] * len(record),
            )
        result = scorer.result()
        return {key: result[key] for key in ("n", "accuracy", "accuracy_unseen", "macro_f1", "span_f1") if key in result}

    first, *others = corpus.vocabulary.columns
    result: dict[str, Any] = {"name": "most frequent label per word, suffix for unknown words"}
    for part, records in (("dev", corpus.dev), ("test", corpus.test)):
        if records:
            result[part] = scores(first, records)
            if others:
                result[part]["columns"] = {column.name: scores(column, records) for column in others}
    return result
