"""The tasks `classify` and `tag` over sequences in training: their networks, their scores, their model cards."""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch

from tidegate.data.frames import FrameBatch, collate_frames
from tidegate.runtime.sequence_classify import SequenceClassifyModel
from tidegate.runtime.sequence_tag import SequenceTagModel
from tidegate.tasks.sequence import SequenceNetwork
from tidegate.training.card import card_text
from tidegate.training.frame_material import Record
from tidegate.training.frame_task import FrameTask
from tidegate.training.sequences.baseline import frame_baseline, sequence_baseline
from tidegate.training.sequences.corpus import LabelledCorpus
from tidegate.training.sequences.recipe import LabelledFramesRecipe, SequenceClassifyRecipe, SequenceTagRecipe
from tidegate.training.task import ScoreRow

# Of a sequence that is cut in training at least so much is left.
_LEAST_SHARE = 0.1


class _LabelledTask(FrameTask[SequenceNetwork]):
    """What both tasks share."""

    recipe: LabelledFramesRecipe
    score_name = "accuracy"
    corpus: LabelledCorpus
    what: str
    does: str

    def __init__(self, recipe: LabelledFramesRecipe, corpus: LabelledCorpus) -> None:
        self.corpus = corpus
        super().__init__(recipe, corpus.parts, corpus.frames)

    def with_arch(self, arch: str, time_budget: float | None) -> Self:
        _ = self._baseline  # before copying, so that the copies have it
        return super().with_arch(arch, time_budget)

    def _network(self, **more: Any) -> SequenceNetwork:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            return SequenceNetwork(
                self.settings(**more), len(self.corpus.column.labels), label_smoothing=self.recipe.label_smoothing, **self.rates
            )

    def scorable(self, record: Record) -> bool:
        return bool((self.corpus.ids(record) >= 0).all())

    @abstractmethod
    def as_model(self, network: SequenceNetwork) -> SequenceClassifyModel | SequenceTagModel:
        """The network as the runtime sees it, so that every score of training is the shipped model's own."""

    @abstractmethod
    def _baseline_scores(self) -> dict[str, Any]:
        """Scores of a linear machine beside the network."""

    @cached_property
    def _baseline(self) -> dict[str, Any]:
        return self._baseline_scores()

    def dev_score(self, network: SequenceNetwork) -> float:
        return float(self.as_model(network).evaluate(self.parts.dev)[self.score_name])

    def score_noise(self, score: float) -> float:
        """Half a standard error of a share of so many answers."""
        return 0.5 * math.sqrt(max(0.0, score * (1 - score)) / max(1, len(self.parts.dev)))

    def scores(self, network: SequenceNetwork) -> dict[str, Any]:
        model = self.as_model(network)
        result: dict[str, Any] = {"dev": model.evaluate(self.parts.dev)}
        if self.parts.test:
            result["test"] = model.evaluate(self.parts.test)
        return result | {
            "baseline": self._baseline,
            "train_sequences": len(self.parts.train),
            "train_steps": self.train_steps,
            "split": self.parts.split,
        }

    def score_rows(self, metrics: Mapping[str, Any]) -> Iterator[ScoreRow]:
        for part in ("dev", "test"):
            model, base = metrics.get(part, {}), metrics["baseline"].get(part, {})
            for key in ("accuracy", "macro_f1"):
                if key in model:
                    yield ScoreRow(part, self.corpus.column.name, key, model[key], base.get(key))

    def plan(self) -> list[tuple[str, str]]:
        labels = self.corpus.column.labels
        shown = ", ".join(labels[:12]) + (", …" if len(labels) > 12 else "")
        return [
            *self.reading(),
            ("labels", f"{len(labels)} ({shown})"),
            ("training", f"{len(self.parts.train):,} sequences, {self.train_steps:,} steps"),
            ("development", f"{len(self.parts.dev):,} sequences; {self.parts.split}"),
            ("test", f"{len(self.parts.test):,} sequences"),
        ]

    def example(self) -> str:
        return self.parts.dev[0].name

    def vocabulary_json(self) -> dict[str, Any]:
        return {"column": self.corpus.column.name, "labels": list(self.corpus.column.labels)} | super().vocabulary_json()

    def fingerprint(self) -> Iterator[bytes]:
        yield from super().fingerprint()
        for record in self.parts.train:
            yield json.dumps(self.corpus.ids(record).tolist()).encode()

    def card(self, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
        file = "recording.wav" if self.recipe.input == "sound" else "sequences.csv"
        return card_text(
            config,
            metrics,
            what=self.what,
            does=self.does.format(self.corpus.column.name),
            rows=self.score_rows(metrics),
            baseline=self.baseline_name,
            size=f"{metrics['train_sequences']:,} sequences, {metrics['train_steps']:,} steps",
            labels={self.corpus.column.name: self.corpus.column.labels},
            limits="",
            file=file,
            given=file,
        )


class SequenceClassifyTask(_LabelledTask):
    """A classifier of sequences: a label each."""

    recipe: SequenceClassifyRecipe
    baseline_name = "statistics + logistic regression"
    what, does = "classifier of sequences", "It gives every sequence one label in `{}`"

    def build_network(self) -> SequenceNetwork:
        return self._network(pools=self.recipe.pooling)

    def varied_batch(self, places: Sequence[int], epoch: int) -> FrameBatch:
        records = [self.record(place) for place in places]
        xs = []
        for record, place in zip(records, places, strict=True):
            rng = self.rng(epoch, place)
            x = self.varied.steps(record, rng)
            if rng.random() < self.recipe.prefix_share:
                x = x[: max(1, math.ceil(len(x) * rng.uniform(_LEAST_SHARE, 1)))]
            xs.append(x)
        return collate_frames(xs, np.concatenate([self.corpus.ids(record) for record in records]))

    def plain_batch(self, records: Sequence[Record]) -> FrameBatch:
        return collate_frames(
            [self.frames.of(record) for record in records], np.concatenate([self.corpus.ids(record) for record in records])
        )

    def as_model(self, network: SequenceNetwork) -> SequenceClassifyModel:
        return SequenceClassifyModel(self.stored(network))

    def dev_score(self, network: SequenceNetwork) -> float:
        return float(self.as_model(network).evaluate(self.parts.dev, shares=False)[self.score_name])

    def _baseline_scores(self) -> dict[str, Any]:
        return sequence_baseline(self.corpus)


class SequenceTagTask(_LabelledTask):
    """A tagger of steps: a label for every frame."""

    recipe: SequenceTagRecipe
    baseline_name = "logistic regression on single frames"
    what, does = "tagger of sequences", "It gives every step of a sequence a label in `{}`"

    def build_network(self) -> SequenceNetwork:
        return self._network()

    def varied_batch(self, places: Sequence[int], epoch: int) -> FrameBatch:
        records = [self.record(place) for place in places]
        xs = [self.varied.steps(record, self.rng(epoch, place)) for record, place in zip(records, places, strict=True)]
        return collate_frames(xs, [self.corpus.ids(record) for record in records], labelled="step")

    def plain_batch(self, records: Sequence[Record]) -> FrameBatch:
        return collate_frames(
            [self.frames.of(record) for record in records], [self.corpus.ids(record) for record in records], labelled="step"
        )

    def as_model(self, network: SequenceNetwork) -> SequenceTagModel:
        return SequenceTagModel(self.stored(network))

    def _baseline_scores(self) -> dict[str, Any]:
        return frame_baseline(self.corpus)
