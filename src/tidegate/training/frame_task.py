"""What training over frames of any kind has in common: batches of records varied anew each epoch, and what is stored of frames."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from tidegate.data import reading_order, training_order
from tidegate.data.frames import FrameBatch, Frames
from tidegate.data.recordings import Recording
from tidegate.kernels import architecture
from tidegate.tasks.sequence import FrameNetwork, SequenceNetworkSettings
from tidegate.training.frame_material import Parts, Record, VariedRecords
from tidegate.training.frame_recipe import FrameRecipe
from tidegate.training.task import TrainingTask

F = TypeVar("F", bound=FrameNetwork)

_DEV_STEPS = 8192
# Rows of windows that a look-ahead may make of a batch: what bounds the memory.
_MOST_ROWS = 2_000_000


class FrameTask(TrainingTask[F]):
    """A recipe and records of frames.

    Args:
        recipe: the settings.
        parts, frames: of the corpus.
    """

    recipe: FrameRecipe
    counted = "steps"
    # Batches that an epoch has at least: of few records several passes make one, since a score after every few steps says little.
    least_batches: ClassVar[int] = 30

    def __init__(self, recipe: FrameRecipe, parts: Parts, frames: Frames) -> None:
        self.parts, self.frames = parts, frames
        self.varied = VariedRecords(parts.train, frames, recipe)
        once = self.pass_lengths(recipe)
        self.train_steps = int(once.sum())
        batch_steps = recipe.settled_batch_steps(self.train_steps, len(once))
        if recipe.lookahead:  # each step is then read once for each of those before it that see it
            batch_steps = min(batch_steps, max(1, _MOST_ROWS // (1 + frames.lookahead_steps(recipe.lookahead))))
        passes = -(-self.least_batches // max(1, self.train_steps // batch_steps))
        self.lengths = np.tile(once, passes)
        self.tokens = passes * self.train_steps
        epochs = recipe.settled_epochs(self.tokens // batch_steps)
        self.recipe = recipe.model_copy(update={"batch_steps": batch_steps, "max_epochs": epochs})
        self._dev: list[FrameBatch] | None = None

    def pass_lengths(self, recipe: FrameRecipe) -> NDArray[np.int64]:
        """Steps, before they are varied, of what is trained on in one pass: of each training record."""
        return self.varied.lengths()

    def record(self, place: int) -> Record:
        """The training record at a place among `lengths`."""
        return self.varied.records[place % len(self.varied.records)]

    def settings(self, **more: Any) -> SequenceNetworkSettings:
        """The sizes of a network."""
        recipe = self.recipe
        is_bounded = bool(recipe.lookahead) and architecture(recipe.arch).is_bidirectional
        return SequenceNetworkSettings(
            arch=recipe.arch,
            hidden_size=recipe.hidden_size,
            num_layers=recipe.num_layers,
            embedding_size=recipe.embedding_size,
            inputs=self.frames.width,
            lookahead=self.frames.lookahead_steps(recipe.lookahead) if is_bounded else None,
            layer_norm=recipe.layer_norm,
            zoneout=recipe.zoneout,
            zoneout_cell=recipe.zoneout_cell,
            **more,
        )

    @property
    def rates(self) -> dict[str, float]:
        """Dropouts of the network."""
        recipe = self.recipe
        return {"dropout": recipe.dropout, "recurrent_dropout": recipe.recurrent_dropout, "weight_drop": recipe.weight_drop}

    @abstractmethod
    def varied_batch(self, places: Sequence[int], epoch: int) -> FrameBatch:
        """What is trained on at these places among `lengths` as a batch, varied as it is in that epoch."""

    @abstractmethod
    def plain_batch(self, records: Sequence[Record]) -> FrameBatch:
        """Records as they are as a batch."""

    def scorable(self, record: Record) -> bool:
        """Whether a development record has a loss: of one with an answer that training lacks there is none."""
        return True

    def batches(self, epoch: int) -> VariedBatches:
        return VariedBatches(self, epoch)

    def rng(self, epoch: int, place: int) -> np.random.Generator:
        """The chance by which what stands at a place among `lengths` is varied in an epoch."""
        return np.random.default_rng([self.recipe.seed, epoch, place])

    def with_arch(self, arch: str, time_budget: float | None) -> Self:
        """The same task for another architecture; a look-ahead is kept where it reads both ways."""
        _ = self._dev_batches
        other = copy(self)
        other.recipe = self.recipe.with_arch(arch, time_budget)
        return other

    @property
    def _dev_batches(self) -> list[FrameBatch]:
        if self._dev is None:
            known = [record for record in self.parts.dev if self.scorable(record)]
            lengths = np.array([self.frames.steps_of(record) for record in known], dtype=np.int64)
            order = reading_order(lengths, budget_tokens=_DEV_STEPS)
            self._dev = [self.plain_batch([known[place] for place in places.tolist()]) for places in order]
        return self._dev

    @torch.no_grad()
    def dev_loss(self, network: F) -> float:
        was_training = network.training
        network.eval()
        sizes = [max(1, len(batch.labels)) for batch in self._dev_batches]
        total = sum(float(network.loss(batch)) * size for batch, size in zip(self._dev_batches, sizes, strict=True))
        network.train(was_training)
        return total / max(1, sum(sizes))

    @property
    def test_share(self) -> float:
        return len(self.parts.test) / len(self.parts.dev)

    def config(self, network: F) -> dict[str, Any]:
        return super().config(network) | {"input": self.recipe.input}

    def vocabulary_json(self) -> dict[str, Any]:
        return {"frames": self.frames.to_json(), "columns": self.parts.columns.to_json()}

    def fingerprint(self) -> Iterator[bytes]:
        yield json.dumps(self.vocabulary_json(), sort_keys=True).encode()
        for record in self.parts.train:
            yield record.name.encode("utf-8", "surrogatepass")
            yield np.ascontiguousarray(record.samples if isinstance(record, Recording) else record.values).tobytes()

    def reading(self) -> list[tuple[str, str]]:
        """What a dry run says of how frames are read."""
        frames, recipe = self.frames, self.recipe
        seconds = f", {1000 * frames.step_seconds:g} ms each" if frames.step_seconds else ""
        ahead = "to the end" if architecture(recipe.arch).is_bidirectional else "nothing"
        return [
            ("input", f"{recipe.input}: {frames.width} values a step{seconds}"),
            ("looks ahead", recipe.lookahead or ahead),
        ]


class VariedBatches:
    """The batches of one epoch: like lengths together, in an order drawn anew, each record varied anew."""

    def __init__(self, task: FrameTask[Any], epoch: int) -> None:
        self._task, self._epoch = task, epoch
        self._order = training_order(task.lengths, budget_tokens=task.recipe.batch_steps, seed=task.recipe.seed, epoch=epoch)

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[FrameBatch]:
        for places in self._order:
            yield self._task.varied_batch(places.tolist(), self._epoch)
