"""What the main path asks of a task: its data in numbers, its network, its scores.

`run.train` knows no task by name. A task reads its files into a corpus, and a `TrainingTask` joins
corpus and recipe: `tagging.TagTask`, `classification.ClassifyTask`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel
from tidegate.data import training_order
from tidegate.runtime.series_chart import Picture
from tidegate.tasks.network import TaskNetwork
from tidegate.training.recipe import Recipe
from tidegate.version import __version__

N = TypeVar("N", bound=TaskNetwork)


class Batch(Protocol):
    """A training batch; what else it holds is between a task and its network."""

    @property
    def tokens(self) -> int: ...


class Batches(Protocol):
    """The batches of one epoch."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Batch]: ...


class ScoreRow(NamedTuple):
    """One line of what is shown of a run: on which data, for which column, which score; the model's and the baseline's."""

    part: str
    column: str
    score: str
    model: float
    baseline: float | None


class TrainingTask(ABC, Generic[N]):
    """Recipe and corpus of one run, and everything that the main path needs to know of the task.

    Attributes:
        recipe: the settings, with everything settled that hangs on the size of the data.
        tokens: in the training data.
    """

    recipe: Recipe
    tokens: int

    @abstractmethod
    def build_network(self) -> N:
        """A fresh network; its weights are a function of the recipe's seed."""

    @abstractmethod
    def with_arch(self, arch: str, time_budget: float | None) -> TrainingTask[N]:
        """The same task for another architecture; what the data alone decide is worked out once for all of them."""

    def with_seed(self, seed: int) -> Self:
        """The same task by another seed, where no draw of it has shaped the corpus."""
        other = copy(self)
        other.recipe = self.recipe.model_copy(update={"seed": seed})
        return other

    @abstractmethod
    def batches(self, epoch: int) -> Batches:
        """The batches of the epoch of that number, from 0: a function of (seed, epoch), so nothing of it is saved or restored."""

    @property
    @abstractmethod
    def score_name(self) -> str:
        """The score on the development data by which epochs are chosen, as it is shown and stands in metrics.json."""

    lower_is_better: ClassVar[bool] = False  # of the score as it is shown; what `dev_score` gives is then its negative
    counted: str = "tokens"  # what `Batch.tokens` counts, for the progress line

    @abstractmethod
    def dev_score(self, network: N) -> float:
        """That score, or its negative where lower is better."""

    @abstractmethod
    def dev_loss(self, network: N) -> float:
        """Nats per token or sequence on the development data; decides between epochs of equal score."""

    def dev_scores(self, network: N) -> tuple[float, float]:
        """`dev_score` and `dev_loss`, for tasks that find both at once."""
        return self.dev_score(network), self.dev_loss(network)

    def score_noise(self, score: float) -> float:
        """By how much two scores of epochs may differ and mean nothing; the loss then decides."""
        return 0.0

    @property
    @abstractmethod
    def test_share(self) -> float:
        """Size of the test data over that of the development data: how much longer scoring it takes."""

    @abstractmethod
    def scores(self, network: N) -> dict[str, Any]:
        """What goes into metrics.json of the chosen network: `dev`, `test`, `baseline`, and the size of the data."""

    def pictures(self, network: N) -> list[Picture]:
        """Series as the chosen network tells them, beside what came; they are drawn at the end. Most tasks have none."""
        return []

    @abstractmethod
    def score_rows(self, metrics: Mapping[str, Any]) -> Iterator[ScoreRow]:
        """What is worth showing of such metrics, in order."""

    @property
    @abstractmethod
    def baseline_name(self) -> str:
        """What the baseline is, in a few words."""

    @abstractmethod
    def plan(self) -> list[tuple[str, str]]:
        """What a dry run says of columns, labels and sizes: (name, said)."""

    @abstractmethod
    def example(self) -> str:
        """A text of the development data, for the commands that are shown at the end."""

    def remarks(self, metrics: Mapping[str, Any]) -> list[str]:
        """Sentences worth printing below the scores."""
        return []

    @abstractmethod
    def vocabulary_json(self) -> dict[str, Any]:
        """What goes into vocabulary.json."""

    @abstractmethod
    def card(self, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
        """The model card, Markdown."""

    @abstractmethod
    def fingerprint(self) -> Iterator[bytes]:
        """Everything that the training data tells the network, piece by piece; equal data give equal pieces."""

    def stored(self, network: N) -> StoredModel:
        """The network as its model directory would hold it, for the runtime's model of it."""
        return StoredModel(Path("a network in training"), self.config(network), network.tensors(), self.vocabulary_json(), {})

    def config(self, network: N) -> dict[str, Any]:
        """What config.json says of the model."""
        return {
            "tidegate_version": __version__,
            "task": self.recipe.task,
            "arch": self.recipe.arch,
            "network": network.settings_json(),
            "recipe": self.recipe.model_dump(mode="json"),
        }


class SequenceTask(TrainingTask[N]):
    """A task whose training data are many sequences, in any order."""

    @abstractmethod
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each training sequence."""

    @abstractmethod
    def batch(self, places: Sequence[int]) -> Batch:
        """The training sequences at these places as one batch."""

    @property
    @abstractmethod
    def batch_tokens(self) -> int:
        """Tokens of one training batch at most."""

    def batches(self, epoch: int) -> EpochBatches:
        return EpochBatches(self, epoch)


class EpochBatches:
    """The batches of one epoch over sequences: like lengths together, in an order drawn anew."""

    def __init__(self, task: SequenceTask[Any], epoch: int) -> None:
        self._task = task
        self._order = training_order(task.lengths(), budget_tokens=task.batch_tokens, seed=task.recipe.seed, epoch=epoch)

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Batch]:
        for places in self._order:
            yield self._task.batch(places.tolist())
