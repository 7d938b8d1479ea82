"""The task `translate` in training: its network, its pairs, its scores, its model card."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tidegate.data import reading_order
from tidegate.data.pair_batches import PairBatch, collate_pairs, encode_entries
from tidegate.data.pairs import Entry
from tidegate.errors import MissingExtraError
from tidegate.runtime import TranslateModel
from tidegate.tasks.translate import TranslateNetwork, TranslateNetworkSettings
from tidegate.training.card import card_text
from tidegate.training.task import ScoreRow, SequenceTask
from tidegate.training.translation.baseline import nearest_targets
from tidegate.training.translation.corpus import TranslateCorpus
from tidegate.training.translation.recipe import TranslateRecipe

# Of a larger development set an epoch is judged by so many entries, every n-th; the chosen network by all of them.
_JUDGED_BY = 2000
_SHOWN = ("bleu", "chrf", "exact_match", "per", "wer", "cer")


class TranslateTask(SequenceTask[TranslateNetwork]):
    """A translator's recipe and corpus."""

    recipe: TranslateRecipe
    baseline_name = "target of the nearest source"
    counted = "units"

    def __init__(self, recipe: TranslateRecipe, corpus: TranslateCorpus) -> None:
        self._lengths = np.array([len(pair) for pair in corpus.pairs], dtype=np.int64)
        self.tokens = corpus.tokens
        self.recipe = recipe.settled(corpus.source_units.kind, corpus.target_units.kind, self.tokens)
        self.corpus = corpus
        if self.score_name == "bleu" and find_spec("sacrebleu") is None:
            raise MissingExtraError("bleu", "training on words or pieces, whose score is BLEU,")

    def build_network(self) -> TranslateNetwork:
        recipe, corpus = self.recipe, self.corpus
        settings = TranslateNetworkSettings(
            arch=recipe.arch,
            hidden_size=recipe.hidden_size,
            num_layers=recipe.num_layers,
            embedding_size=recipe.embedding_size,
            decoder=recipe.decoder_cell,
            decoder_size=recipe.decoder_size,
            decoder_layers=recipe.decoder_layers,
            attention=recipe.attention,
            attention_size=recipe.decoder_size,
            is_simultaneous=recipe.simultaneous,
            layer_norm=recipe.layer_norm,
            zoneout=recipe.zoneout,
            zoneout_cell=recipe.zoneout_cell,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            return TranslateNetwork(
                settings,
                len(corpus.source_units),
                len(corpus.target_units),
                dropout=recipe.dropout,
                unit_dropout=recipe.unit_dropout,
                label_smoothing=recipe.label_smoothing,
                recurrent_dropout=recipe.recurrent_dropout,
                weight_drop=recipe.weight_drop,
            )

    def with_arch(self, arch: str, time_budget: float | None) -> TranslateTask:
        """The same task for another architecture; what the data alone decide is worked out once for all of them."""
        _ = self._nearest, self._dev_batches
        other = copy(self)
        other.recipe = self.recipe.with_arch(arch, time_budget)
        return other

    def lengths(self) -> NDArray[np.int64]:
        return self._lengths

    @property
    def batch_tokens(self) -> int:
        return self.recipe.batch_tokens

    def batch(self, places: Sequence[int]) -> PairBatch:
        return collate_pairs([self.corpus.pairs[place] for place in places], len(self.corpus.target_units))

    def as_model(self, network: TranslateNetwork) -> TranslateModel:
        """The network as the runtime sees it, so that every score of training is the shipped model's own."""
        return TranslateModel(self.stored(network))

    def config(self, network: TranslateNetwork) -> dict[str, Any]:
        lengths = {"longest_source": self.corpus.longest_source, "longest_target": self.corpus.longest_target}
        return super().config(network) | {"lengths": lengths}

    @property
    def score_name(self) -> str:
        """BLEU of words and pieces, else how many targets are right as a whole."""
        return "bleu" if self.corpus.target_units.kind in ("word", "bpe") else "exact_match"

    @cached_property
    def _judges(self) -> list[Entry]:
        dev = self.corpus.dev
        return list(dev[:: -(-len(dev) // _JUDGED_BY)])

    def dev_score(self, network: TranslateNetwork) -> float:
        """By the most probable unit at every step (beam 1)."""
        model = self.as_model(network)
        given = model.predict([entry.source for entry in self._judges], beam=1)
        return float(model.scored(given, [entry.targets for entry in self._judges])[self.score_name])

    @cached_property
    def _dev_batches(self) -> list[PairBatch]:
        """The first targets of the entries that judge, like lengths together."""
        first = [replace(entry, targets=entry.targets[:1]) for entry in self._judges]
        pairs = encode_entries(first, self.corpus.source_units, self.corpus.target_units)
        order = reading_order(np.array([len(pair) for pair in pairs]), budget_tokens=self.batch_tokens)
        return [collate_pairs([pairs[place] for place in places], len(self.corpus.target_units)) for places in order]

    @torch.no_grad()
    def dev_loss(self, network: TranslateNetwork) -> float:
        """Nats per unit of the targets, each told from the right units before it."""
        network.eval()
        total = sum(float(network.loss(batch)) * len(batch.targets) for batch in self._dev_batches)
        network.train()
        return total / sum(len(batch.targets) for batch in self._dev_batches)

    def score_noise(self, score: float) -> float:
        """One target in a thousand, or a tenth of a BLEU point."""
        return 0.1 if self.score_name == "bleu" else 0.001

    @property
    def test_share(self) -> float:
        return len(self.corpus.test) / len(self._judges)

    @cached_property
    def _nearest(self) -> list[str]:
        """For each development and test entry the target of the training source that is most alike."""
        corpus = self.corpus
        return nearest_targets(corpus.train, [entry.source for entry in (*corpus.dev, *corpus.test)])

    def _baseline(self, model: TranslateModel) -> dict[str, Any]:
        """The scores of answering so."""
        corpus, given = self.corpus, self._nearest
        parts = {"dev": (corpus.dev, given[: len(corpus.dev)]), "test": (corpus.test, given[len(corpus.dev) :])}
        return {name: model.scored(answers, [entry.targets for entry in part]) for name, (part, answers) in parts.items() if part}

    def scores(self, network: TranslateNetwork) -> dict[str, Any]:
        model, corpus = self.as_model(network), self.corpus
        result: dict[str, Any] = {"dev": model.evaluate(corpus.dev)}
        if corpus.test:
            result["test"] = model.evaluate(corpus.test)
        return result | {
            "baseline": self._baseline(model),
            "train_sources": len(corpus.train),
            "train_pairs": len(corpus.pairs),
            "train_units": self.tokens,
            "split": corpus.split,
        }

    def score_rows(self, metrics: Mapping[str, Any]) -> Iterator[ScoreRow]:
        for part in ("dev", "test"):
            for key in _SHOWN if part in metrics else ():
                if key in metrics[part]:
                    yield ScoreRow(part, "target", key, metrics[part][key], metrics["baseline"][part].get(key))

    def plan(self) -> list[tuple[str, str]]:
        corpus = self.corpus
        sides = (("source", corpus.source_units, corpus.longest_source), ("target", corpus.target_units, corpus.longest_target))
        return [
            *((name, f"{units.kind}, {len(units) - 1:,} different ones; the longest has {longest:,}") for name, units, longest in sides),
            ("training", f"{len(corpus.train):,} sources, {len(corpus.pairs):,} pairs, {self.tokens:,} units"),
            ("development", f"{len(corpus.dev):,} sources; {corpus.split}"),
            ("test", f"{len(corpus.test):,} sources"),
        ]

    def example(self) -> str:
        return self.corpus.dev[0].source

    def vocabulary_json(self) -> dict[str, Any]:
        return {"source": self.corpus.source_units.to_json(), "target": self.corpus.target_units.to_json()}

    def card(self, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
        corpus = self.corpus
        answers = "answers before a source has ended (wait-k)" if self.recipe.simultaneous else "reads a whole source before it answers"
        return card_text(
            config,
            metrics,
            what="translator",
            does=f"It gives a target ({corpus.target_units.kind} units) for a source ({corpus.source_units.kind} units), {answers},",
            rows=self.score_rows(metrics),
            baseline=self.baseline_name,
            size=f"{metrics['train_sources']:,} sources, {metrics['train_pairs']:,} pairs",
            labels={},
            limits=f"of sources longer than {corpus.longest_source} units it has met none",
        )

    def fingerprint(self) -> Iterator[bytes]:
        yield json.dumps(self.vocabulary_json(), sort_keys=True).encode()
        for pair in self.corpus.pairs:
            yield pair.source.tobytes()
            yield pair.target.tobytes()
