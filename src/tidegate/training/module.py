"""The LightningModule: one network, its moving average, its optimiser, and chance without a running generator.

Every random draw is a function of (seed, epoch, step): before each step the generator is seeded
anew, so a run that was interrupted and resumed draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from tidegate.errors import RunError
from tidegate.tasks.network import TaskNetwork
from tidegate.training.task import Batch, Batches, TrainingTask


class TrainingModule(pl.LightningModule):
    """What Lightning trains.

    Args:
        task: the recipe, and the training data in batches.
        network: the task's network.
        deadline: `time.monotonic()` at which the time budget is spent; None without one.
    """

    average: AveragedModel

    def __init__(
        self,
        task: TrainingTask[Any],
        network: TaskNetwork,
        deadline: float | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.average = AveragedModel(network, multi_avg_fn=_averaging(task.recipe.average_decay))
        self.dev_score = self.dev_loss = math.nan  # of the average, after each epoch; `callbacks.ScoreDevelopment` sets them
        self._task = task
        self._recipe = task.recipe
        self._deadline = deadline
        self._started = time.monotonic()
        self.steps_per_epoch = len(task.batches(0))

    @property
    def shown_score(self) -> float:
        """`dev_score` as the task calls it, whichever way is better."""
        return -self.dev_score if self._task.lower_is_better else self.dev_score

    def train_dataloader(self) -> Batches:
        """Asked for anew before each epoch (`reload_dataloaders_every_n_epochs=1`)."""
        return self._task.batches(self.trainer.current_epoch)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """As it is: a batch is NumPy, and the network makes tensors of it where it needs them."""
        return batch

    def configure_optimizers(self) -> torch.optim.Optimizer:
        recipe = self._recipe
        return torch.optim.AdamW(
            self.network.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.99), weight_decay=recipe.weight_decay, fused=True
        )

    def rate_factor(self, step: int) -> float:
        """What the learning rate is multiplied by: up over the warm-up, then linearly down to 0 at the last step.

        With a time budget the way down follows the clock where that is further on, so that a run that
        is cut short has cooled down too; such a run is not repeatable to the bit.
        """
        steps = self.steps_per_epoch * self._recipe.max_epochs
        progress = step / steps
        if self._deadline is not None:
            progress = max(progress, (time.monotonic() - self._started) / (self._deadline - self._started))
        warmup = min(self._recipe.warmup_steps, steps // 10)
        return min(1.0, (step + 1) / max(1, warmup)) * max(0.0, 1.0 - progress)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = self._recipe.learning_rate * self.rate_factor(self.global_step)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(step_seed(self._recipe.seed, self.current_epoch, batch_idx))
            loss = self.network.loss(batch)
        self.log("train_loss", loss, batch_size=batch.tokens, on_step=False, on_epoch=True)
        return loss

    def configure_gradient_clipping(
        self, optimizer: torch.optim.Optimizer, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        # One norm serves both: what is clipped, and whether the loss and every gradient are finite.
        parameters = [parameter for parameter in self.network.parameters() if parameter.grad is not None]
        norm = torch.nn.utils.clip_grad_norm_(parameters, gradient_clip_val or math.inf)
        if not math.isfinite(float(norm)):
            raise RunError(
                f"the loss diverged in epoch {self.current_epoch + 1} (step {self.global_step}). Lower the learning rate, "
                f"for instance --set learning_rate={self._recipe.learning_rate / 4:g}."
            )

    def on_train_batch_end(self, outputs: STEP_OUTPUT, batch: Any, batch_idx: int) -> None:
        self.average.update_parameters(self.network)


def step_seed(seed: int, epoch: int, step: int) -> int:
    """One 63-bit seed from three numbers, spread so that neighbours share nothing."""
    return int(np.random.SeedSequence([seed, epoch, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _averaging(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]:
    """An exponential moving average that begins as a plain one, so that the first weights do not linger."""

    @torch.no_grad()
    def update(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Any) -> None:
        n = float(count)
        torch._foreach_lerp_(list(averaged), list(current), 1 - min(decay, (1 + n) / (10 + n)))

    return update
