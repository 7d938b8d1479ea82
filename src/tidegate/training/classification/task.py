"""The task `classify` in training: its network, its scores, its decisions, its model card."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tidegate.data import UNKNOWN_LABEL, TextBatch, reading_order
from tidegate.runtime import ClassifyModel
from tidegate.scoring.classification import out_of_scope_threshold, thresholds
from tidegate.tasks.classify import ClassifyNetwork, ClassifyNetworkSettings
from tidegate.training.card import card_text
from tidegate.training.classification.baseline import baseline_scores
from tidegate.training.classification.corpus import ClassifyCorpus
from tidegate.training.classification.recipe import ClassifyRecipe
from tidegate.training.task import ScoreRow, SequenceTask

_DEV_TOKENS = 4096


class ClassifyTask(SequenceTask[ClassifyNetwork]):
    """A classifier's recipe and corpus."""

    recipe: ClassifyRecipe
    baseline_name = "TF-IDF + linear SVM"

    def __init__(self, recipe: ClassifyRecipe, corpus: ClassifyCorpus) -> None:
        self.recipe = recipe.settled(corpus.tokens, len(corpus.train))
        self.corpus = corpus
        self.tokens = corpus.tokens
        self._lengths = np.array([len(text) for text in corpus.encoded], dtype=np.int64)
        self._decision: dict[str, Any] = {}

    def build_network(self) -> ClassifyNetwork:
        recipe, corpus = self.recipe, self.corpus
        settings = ClassifyNetworkSettings(
            **recipe.network_sizes(),
            pools=recipe.pooling,
            has_wide_path=recipe.wide,
            is_multi_label=corpus.is_multi_label,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            return ClassifyNetwork(
                settings,
                corpus.vocabulary,
                corpus.encoder.wide,
                label_weights=self._label_weights(),
                label_smoothing=recipe.label_smoothing,
                deep_loss=recipe.deep_loss,
                dropout=recipe.dropout,
                word_dropout=recipe.word_dropout,
                recurrent_dropout=recipe.recurrent_dropout,
                weight_drop=recipe.weight_drop,
            )

    def _label_weights(self) -> Tensor | None:
        """Balanced: texts / (labels · texts with the label), as in scikit-learn; of several labels, texts without over texts with it."""
        if self.recipe.class_weights == "none":
            return None
        corpus = self.corpus
        counts = np.zeros(len(corpus.labels))
        for text in corpus.encoded:
            counts[text.labels] += 1
        texts = len(corpus.encoded)
        weights = (texts - counts) / np.maximum(counts, 1) if corpus.is_multi_label else texts / (len(counts) * np.maximum(counts, 1))
        return torch.from_numpy(weights.astype(np.float32))

    def lengths(self) -> NDArray[np.int64]:
        return self._lengths

    @property
    def batch_tokens(self) -> int:
        return self.recipe.batch_tokens

    def batch(self, places: Sequence[int]) -> TextBatch:
        return self.corpus.encoder.collate([self.corpus.encoded[place] for place in places])

    def as_model(self, network: ClassifyNetwork) -> ClassifyModel:
        """The network as the runtime sees it, so that every score of training is the shipped model's own."""
        return ClassifyModel(self.stored(network))

    def config(self, network: ClassifyNetwork) -> dict[str, Any]:
        columns = self.corpus.columns
        decision = {"positive": self.corpus.positive, "out_of_scope": self.recipe.out_of_scope, **self._decision}
        named = {"form": columns.form, "text": columns.text, "label": columns.label, "group": columns.group}
        return super().config(network) | {"columns": named, "decision": decision}

    @property
    def score_name(self) -> str:
        """F1 where several labels a text, or one rare or named label, are at stake; else accuracy."""
        return "f1" if self.corpus.is_multi_label or self.corpus.is_rare else "accuracy"

    def dev_score(self, network: ClassifyNetwork) -> float:
        return float(self.as_model(network).evaluate(self.corpus.dev)[self.score_name])

    def score_noise(self, score: float) -> float:
        """Half a standard error of a share of so many texts; F1 hangs on the positive ones alone (on all labels, of several)."""
        corpus = self.corpus
        if corpus.is_multi_label:
            counted = sum(len(record.labels) for record in corpus.dev)
        elif self.score_name == "f1":
            counted = sum(corpus.positive in record.labels for record in corpus.dev)
        else:
            counted = len(corpus.dev)
        return 0.5 * math.sqrt(max(0.0, score * (1 - score)) / max(1, counted))

    @cached_property
    def _dev_batches(self) -> list[TextBatch]:
        encoder = self.corpus.encoder
        known = [text for text in encoder.encode(self.corpus.dev) if (text.labels != UNKNOWN_LABEL).all()]
        lengths = np.array([len(text) for text in known], dtype=np.int64)
        order = reading_order(lengths, budget_tokens=_DEV_TOKENS)
        return [encoder.collate([known[place] for place in places.tolist()]) for places in order]

    @cached_property
    def _baseline(self) -> dict[str, Any]:
        return baseline_scores(self.corpus, out_of_scope=self.recipe.out_of_scope)

    def with_arch(self, arch: str, time_budget: float | None) -> ClassifyTask:
        """The same task for another architecture; what the data alone decide is worked out once for all of them."""
        _ = self._dev_batches, self._baseline  # before copying, so that the copies have them
        other = copy(self)
        other.recipe = self.recipe.with_arch(arch, time_budget)
        other._decision = {}
        return other

    @torch.no_grad()
    def dev_loss(self, network: ClassifyNetwork) -> float:
        """Nats per text; texts with a label that training lacks take no part."""
        was_training = network.training
        network.eval()
        total = sum(float(network.loss(batch)) * len(batch.labels) for batch in self._dev_batches)
        network.train(was_training)
        return total / max(1, sum(len(batch.labels) for batch in self._dev_batches))

    @property
    def test_share(self) -> float:
        return len(self.corpus.test) / len(self.corpus.dev)

    def scores(self, network: ClassifyNetwork) -> dict[str, Any]:
        corpus = self.corpus
        self._decision = self._decide(self.as_model(network))
        model = self.as_model(network)
        result: dict[str, Any] = {"dev": model.evaluate(corpus.dev)}
        if corpus.test:
            result["test"] = model.evaluate(corpus.test)
        return result | {
            "baseline": self._baseline,
            "train_texts": len(corpus.train),
            "train_tokens": corpus.tokens,
            "split": corpus.split,
        }

    def _decide(self, model: ClassifyModel) -> dict[str, Any]:
        """What is chosen on the development data once the network stands: where to cut probabilities."""
        corpus = self.corpus
        if corpus.is_multi_label:
            return {}
        decision: dict[str, Any] = {}
        probabilities = model.predict_proba([record.text for record in corpus.dev])
        if corpus.positive:
            is_positive = np.array([record.labels[0] == corpus.positive for record in corpus.dev])
            decision["thresholds"] = thresholds(is_positive, probabilities[:, corpus.labels.index(corpus.positive)])
        outside = self.recipe.out_of_scope
        is_outside = np.array([record.labels[0] == outside for record in corpus.dev])
        if outside and is_outside.any():
            inside = np.delete(probabilities, corpus.labels.index(outside), axis=1)
            decision["out_of_scope_threshold"] = out_of_scope_threshold(is_outside, 1 - inside.max(axis=1))
        return decision

    def score_rows(self, metrics: Mapping[str, Any]) -> Iterator[ScoreRow]:
        keys = ("accuracy", "exact_match", "f1", "precision", "recall", "macro_f1", "accuracy_in_scope", "recall_out_of_scope")
        first = self.score_name
        for part in ("dev", "test"):
            model, base = metrics.get(part, {}), metrics["baseline"].get(part, {})
            for key in (first, *(key for key in keys if key != first)):
                if key in model:
                    yield ScoreRow(part, self._said_of(key), key, model[key], base.get(key))

    def _said_of(self, key: str) -> str:
        """What stands in the table's column `column`: the positive label's name where the score is its own."""
        if key in ("f1", "precision", "recall") and not self.corpus.is_multi_label:
            return self.corpus.positive
        return self.recipe.out_of_scope if key.endswith("out_of_scope") else self.corpus.vocabulary.columns[0].name

    def remarks(self, metrics: Mapping[str, Any]) -> list[str]:
        part = "test" if "test" in metrics else "dev"
        if not self.corpus.is_rare:
            return []
        found: dict[float, list[dict[str, float]]] = {}
        for entry in metrics[part].get("thresholds", []):
            found.setdefault(entry["threshold"], []).append(entry)
        said = []
        for threshold, entries in found.items():
            wanted = ", ".join(f"{entry['at_precision']:.2f}" for entry in entries)
            said.append(
                f"--threshold {threshold:.6g} was chosen for precision {wanted} on the development data; on {part} "
                f"{self.corpus.positive} then has precision {entries[0]['precision']:.4f}, recall {entries[0]['recall']:.4f}."
            )
        return said

    def plan(self) -> list[tuple[str, str]]:
        corpus = self.corpus
        columns, labels = corpus.columns, corpus.labels
        shown = ", ".join(labels[:12]) + (", …" if len(labels) > 12 else "")
        kind = "any number a text" if corpus.is_multi_label else f"positive {corpus.positive}" if corpus.positive else "one a text"
        unit = "words" if self.recipe.unit == "word" else "characters"
        wide = f"; {len(corpus.encoder.wide.table):,} n-grams count beside them" if corpus.encoder.wide is not None else ""
        group = f", group {columns.group!r}" if columns.group else ""
        return [
            ("columns", f"text {columns.text!r}, label {columns.label!r}{group} ({columns.form})"),
            ("labels", f"{len(labels)} ({shown}); {kind}"),
            ("training", f"{len(corpus.train):,} texts, {corpus.tokens:,} {unit}, {len(corpus.vocabulary.words):,} known{wide}"),
            ("development", f"{len(corpus.dev):,} texts; {corpus.split}"),
            ("test", f"{len(corpus.test):,} texts"),
            ("chosen by", f"{self.score_name} on the development data"),
        ]

    def example(self) -> str:
        text = next((record.text for record in self.corpus.dev if 0 < len(record.text) < 200), self.corpus.dev[0].text[:200])
        return " ".join(text.split())

    def vocabulary_json(self) -> dict[str, Any]:
        return self.corpus.vocabulary.to_json()

    def card(self, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
        name = self.corpus.vocabulary.columns[0].name
        several = "any number of labels" if self.corpus.is_multi_label else "one label"
        return card_text(
            config,
            metrics,
            what="classifier",
            does=f"It gives every text {several} in `{name}`",
            rows=self.score_rows(metrics),
            baseline=self.baseline_name,
            size=f"{metrics['train_texts']:,} texts, {metrics['train_tokens']:,} {self.recipe.unit}s",
            labels={name: self.corpus.labels},
            limits=f"of a text it reads the first {self.recipe.max_length:,} {self.recipe.unit}s",
        )

    def fingerprint(self) -> Iterator[bytes]:
        yield json.dumps(self.vocabulary_json(), sort_keys=True).encode()
        for text in self.corpus.encoded:
            yield text.units.forms.tobytes()
            yield text.labels.tobytes()
            yield b"" if text.wide is None else text.wide.tobytes()
