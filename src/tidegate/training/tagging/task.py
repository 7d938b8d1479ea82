"""The task `tag` in training: its network, its scores, its model card."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tidegate.data import TokenBatch, collate
from tidegate.runtime import TagModel
from tidegate.scoring import default_score
from tidegate.tasks.tag import Head, TagNetwork, TagNetworkSettings, forbidden_pairs
from tidegate.training.card import card_text
from tidegate.training.tagging.corpus import TagCorpus
from tidegate.training.tagging.recipe import TagRecipe
from tidegate.training.tagging.scores import DevelopmentLoss, baseline_scores
from tidegate.training.task import ScoreRow, SequenceTask

# With more labels the K² pairs of a CRF cost more than the network; measured in docs/decisions/0005.
_MOST_CRF_LABELS = 100


class TagTask(SequenceTask[TagNetwork]):
    """A tagger's recipe and corpus."""

    recipe: TagRecipe
    baseline_name = "most frequent label"

    def __init__(self, recipe: TagRecipe, corpus: TagCorpus) -> None:
        self.recipe = recipe.settled(corpus.tokens)
        self.corpus = corpus
        self.tokens = corpus.tokens
        self._lengths = np.array([len(record) for record in corpus.encoded], dtype=np.int64)

    def build_network(self) -> TagNetwork:
        recipe, corpus = self.recipe, self.corpus
        heads = self._heads()
        settings = TagNetworkSettings(
            **recipe.network_sizes(),
            heads=heads,
        )
        observed = {name: [record.labels[name] for record in corpus.encoded] for name in heads}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            return TagNetwork(
                settings,
                corpus.vocabulary,
                forbidden_pairs(corpus.vocabulary, observed),
                dropout=recipe.dropout,
                word_dropout=recipe.word_dropout,
                recurrent_dropout=recipe.recurrent_dropout,
                weight_drop=recipe.weight_drop,
            )

    def _heads(self) -> dict[str, Head]:
        """For each label column how it is decoded."""
        heads: dict[str, Head] = {}
        for column in self.corpus.vocabulary.columns:
            auto: Head = "crf" if len(column.labels) <= _MOST_CRF_LABELS else "softmax"
            heads[column.name] = auto if self.recipe.head == "auto" else self.recipe.head
        return heads

    def lengths(self) -> NDArray[np.int64]:
        return self._lengths

    @property
    def batch_tokens(self) -> int:
        return self.recipe.batch_tokens

    def batch(self, places: Sequence[int]) -> TokenBatch:
        return collate([self.corpus.encoded[place] for place in places], self.corpus.table)

    def as_model(self, network: TagNetwork) -> TagModel:
        """The network as the runtime sees it, so that every score of training is the shipped model's own."""
        return TagModel(self.stored(network))

    @property
    def score_name(self) -> str:
        """Of the first label column: strict span F1 where its labels spell spans, else accuracy."""
        return "accuracy" if self.corpus.vocabulary.columns[0].scheme is None else "span_f1"

    def dev_score(self, network: TagNetwork) -> float:
        """The mean over the label columns of each one's default score on the development records."""
        result = self.as_model(network).evaluate(self.corpus.dev)
        return float(np.mean([default_score(scores) for scores in (result, *result.get("columns", {}).values())]))

    @cached_property
    def _dev_loss(self) -> DevelopmentLoss:
        return DevelopmentLoss(self.corpus)

    @cached_property
    def _baseline(self) -> dict[str, Any]:
        return baseline_scores(self.corpus)

    def with_arch(self, arch: str, time_budget: float | None) -> TagTask:
        """The same task for another architecture; what the data alone decide is worked out once for all of them."""
        _ = self._dev_loss, self._baseline  # before copying, so that the copies have them
        other = copy(self)
        other.recipe = self.recipe.with_arch(arch, time_budget)
        return other

    def dev_loss(self, network: TagNetwork) -> float:
        return self._dev_loss(network)

    @property
    def test_share(self) -> float:
        return len(self.corpus.test) / len(self.corpus.dev)

    def scores(self, network: TagNetwork) -> dict[str, Any]:
        model, corpus = self.as_model(network), self.corpus
        result: dict[str, Any] = {"dev": model.evaluate(corpus.dev)}
        if corpus.test:
            result["test"] = model.evaluate(corpus.test)
        return result | {
            "baseline": self._baseline,
            "train_sentences": len(corpus.train),
            "train_tokens": corpus.tokens,
            "split": corpus.split,
        }

    def score_rows(self, metrics: Mapping[str, Any]) -> Iterator[ScoreRow]:
        for part in ("dev", "test"):
            for place, column in enumerate(self.corpus.vocabulary.columns if part in metrics else ()):
                model, base = metrics[part], metrics["baseline"][part]
                if place:
                    model, base = model["columns"][column.name], base["columns"][column.name]
                for key in ("span_f1", "accuracy", "accuracy_unseen"):
                    if key in model:
                        yield ScoreRow(part, column.name, key, model[key], base.get(key))

    def plan(self) -> list[tuple[str, str]]:
        corpus, rows = self.corpus, []
        heads = self._heads()
        for column in corpus.vocabulary.columns:
            shown = ", ".join(column.labels[:12]) + (", …" if len(column.labels) > 12 else "")
            scheme = column.scheme or "no span scheme"
            rows.append(("column", f"{column.name}: {len(column.labels)} labels ({shown}); {scheme}; head {heads[column.name]}"))
        words = f"{len(corpus.vocabulary.words):,} words known"
        return [
            *rows,
            ("training", f"{len(corpus.train):,} sentences, {corpus.tokens:,} tokens, {words}"),
            ("development", f"{len(corpus.dev):,} sentences; {corpus.split}"),
            ("test", f"{len(corpus.test):,} sentences"),
        ]

    def example(self) -> str:
        sentence = next(record for record in self.corpus.dev if record.tokens)
        return sentence.text or " ".join(sentence.tokens)

    def vocabulary_json(self) -> dict[str, Any]:
        return self.corpus.vocabulary.to_json()

    def card(self, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
        columns = self.corpus.vocabulary.columns
        return card_text(
            config,
            metrics,
            what="tagger",
            does=f"It gives every token a label in {', '.join(f'`{c.name}`' for c in columns)}",
            rows=self.score_rows(metrics),
            baseline="most frequent label per word",
            size=f"{metrics['train_sentences']:,} sentences, {metrics['train_tokens']:,} tokens",
            labels={c.name: c.labels for c in columns},
            limits="on words it never met it is right as often as `accuracy_unseen` says" if "accuracy_unseen" in metrics["dev"] else "",
        )

    def fingerprint(self) -> Iterator[bytes]:
        yield json.dumps(self.vocabulary_json(), sort_keys=True).encode()
        for record in self.corpus.encoded:
            yield record.forms.tobytes()
            for name in sorted(record.labels):
                yield record.labels[name].tobytes()
