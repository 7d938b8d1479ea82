"""What happens around the steps: checkpoints, the end by Ctrl-C or by the clock, and live progress.

Called by Lightning at the moments that the method names say.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, Checkpoint
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from tidegate.errors import InterruptedRunError, RunError
from tidegate.tasks.network import TaskNetwork
from tidegate.training.durations import spoken
from tidegate.training.module import TrainingModule

# The reasons for which a run ends before it would have, and may be resumed.
INTERRUPTED, BUDGET_SPENT = "interrupted", "time budget spent"
ENDED_EARLY = (INTERRUPTED, BUDGET_SPENT)


class ScoreDevelopment(Callback):
    """Scores the averaged weights on the development data after each epoch. Comes first: the others read its score.

    Args:
        scores: of a network the score, higher is better, and the loss, nats per token, which decides between epochs of equal score.
    """

    def __init__(self, scores: Callable[[TaskNetwork], tuple[float, float]]) -> None:
        self._scores = scores
        self.seconds = 0.0  # that scoring took the last time

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        averaged = pl_module.average.module
        assert isinstance(averaged, TaskNetwork)
        began = time.monotonic()
        pl_module.dev_score, pl_module.dev_loss = self._scores(averaged)
        self.seconds = time.monotonic() - began
        pl_module.log_dict({"dev_score": pl_module.shown_score, "dev_loss": pl_module.dev_loss}, batch_size=1)


class KeepBestAndLast(Checkpoint):
    """Keeps `last.ckpt`, from which a run is resumed, and `best.ckpt`, whose weights become the model; ends a run that gets no better.

    The best epoch has the highest development score and, among equals, the lowest loss: a score that stands still at
    0 (no span found yet) or at 1 says nothing, while the loss still does. Scores that differ by less than `noise` are
    equals too: on a few hundred texts the epoch that is right once more is not the better one. Lightning's
    EarlyStopping watches one number.

    Lightning's ModelCheckpoint would also take a half epoch, ended by Ctrl-C or the clock, for a whole
    one, and resuming would then skip its other half. Here `last.ckpt` is written after whole epochs only.
    """

    def __init__(self, folder: Path, patience: int, noise: Callable[[float], float] = lambda score: 0.0) -> None:
        self.folder = folder
        self.best = (float("-inf"), float("-inf"))  # score, and minus the loss
        self._highest = float("-inf")  # of all scores, the best epoch's or not
        self._noise = noise
        self.best_epoch = 0
        self.best_file = folder / "best.ckpt"
        self.is_out_of_patience = False
        self.history: list[dict[str, float]] = []
        self._patience = patience
        self._epoch_began = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        return {"best": list(self.best), "highest": self._highest, "best_epoch": self.best_epoch, "history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        score, loss = state_dict["best"]
        self.best, self.best_epoch, self.history = (score, loss), state_dict["best_epoch"], state_dict["history"]
        self._highest = state_dict["highest"]

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._epoch_began = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        epoch = trainer.current_epoch
        seconds = time.monotonic() - self._epoch_began
        self.history.append(
            {
                "epoch": epoch + 1,
                "train_loss": float(trainer.callback_metrics["train_loss"]),
                "dev_score": pl_module.shown_score,
                "dev_loss": pl_module.dev_loss,
                "seconds": round(seconds, 3),
            }
        )
        reached = (pl_module.dev_score, -pl_module.dev_loss)
        is_better = self._is_better(*reached)
        if is_better:
            self.best, self.best_epoch = reached, epoch + 1
        elif epoch + 1 - self.best_epoch >= self._patience:
            self.is_out_of_patience = trainer.should_stop = True
        is_whole = trainer.fit_loop.epoch_loop.batch_progress.current.ready >= pl_module.steps_per_epoch
        try:
            if is_better:
                # A half epoch's weights may become the model, but a resumed run must not know of them.
                self.best_file = self.folder / ("best.ckpt" if is_whole else "best-half.ckpt")
                _save(trainer, self.best_file, weights_only=True)
            if is_whole:
                _save(trainer, self.folder / "last.ckpt", weights_only=False)
        except (OSError, RuntimeError) as error:
            raise RunError(
                f"{self.folder} could not be written: {getattr(error, 'strerror', None) or error}. Make room and run again with --resume: "
                "the last whole epoch that was saved is kept."
            ) from error

    def _is_better(self, score: float, minus_loss: float) -> bool:
        noise = self._noise(score)
        self._highest = max(self._highest, score)
        best_score, best_minus_loss = self.best
        if abs(score - best_score) <= noise:
            return score >= self._highest - noise and (minus_loss, score) > (best_minus_loss, best_score)
        return score > best_score


def _save(trainer: pl.Trainer, path: Path, *, weights_only: bool) -> None:
    """Beside the old file first: a crash while writing leaves the old one whole."""
    fresh = path.with_suffix(".fresh")
    try:
        trainer.save_checkpoint(fresh, weights_only=weights_only)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


class EndEarly(Callback):
    """Ends training at the first Ctrl-C or when the time budget is spent, after the step that runs; what was best is kept.

    A second Ctrl-C ends at once. `reason` says afterwards which it was.

    Args:
        deadline: `time.monotonic()` at which the whole command must be done; None without one.
        seconds_after: how long what comes after the last step is expected to take.
    """

    def __init__(self, deadline: float | None, seconds_after: Callable[[], float]) -> None:
        self.reason = ""
        self._deadline = deadline
        self._seconds_after = seconds_after

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Ctrl-C inside is heard here, from the trainer's first line to its last; outside as before, however the inside ended.

        Lightning by itself ends the process at a Ctrl-C, with exit code 1, and from then on ignores it.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = signal.signal(signal.SIGINT, self._on_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.SIG_DFL if previous is None else previous)  # None: a handler that Python does not know

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.reason == INTERRUPTED:
            raise InterruptedRunError(
                "interrupted a second time; no model was written. What the last whole epoch left is kept: go on with --resume."
            )
        self.reason = INTERRUPTED
        note = "\nStopping after this step; what is done is kept. Ctrl-C again ends at once.\n"
        try:
            sys.stderr.write(note)
            sys.stderr.flush()
        except RuntimeError:  # the signal came while this very stream was being written, which takes nothing in between
            os.write(2, note.encode())

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self._deadline is not None and not self.reason and time.monotonic() + self._seconds_after() >= self._deadline:
            self.reason = BUDGET_SPENT
        if self.reason:
            trainer.should_stop = True

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if isinstance(exception, KeyboardInterrupt | InterruptedRunError):
            # Ctrl-C may have broken off a call of TensorBoard's queue; closing its writer then waits for ever (2 of 30 times), or fails.
            trainer.loggers = []


class TellEpochs(Callback):
    """Tells after each epoch how many are done, and of how many at most."""

    def __init__(self, on_epoch: Callable[[int, int], None], max_epochs: int) -> None:
        self._on_epoch, self._max_epochs = on_epoch, max_epochs

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._on_epoch(trainer.current_epoch + 1, self._max_epochs)


class LiveProgress(Callback):
    """One live line with time left and tokens a second on a terminal; elsewhere one line an epoch. On standard error."""

    def __init__(self, *, max_epochs: int, score_name: str, counted: str, deadline: float | None, title: str) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[status]}"),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._max_epochs, self._deadline, self._title = max_epochs, deadline, title
        self._score_name, self._counted = score_name, counted
        self._tokens = 0
        self._began = self._epoch_began = time.monotonic()
        self._steps_done = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        self._began = time.monotonic()
        total = pl_module.steps_per_epoch * self._max_epochs
        self._steps_done = 0
        if self._console.is_terminal:
            self._progress.start()
            self._task = self._progress.add_task(self._title, total=total, completed=trainer.global_step, status="")

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._epoch_began, self._tokens = time.monotonic(), 0

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        assert isinstance(pl_module, TrainingModule)
        self._tokens += batch.tokens
        self._steps_done += 1
        if self._task is None:
            return
        now = time.monotonic()
        total = pl_module.steps_per_epoch * self._max_epochs
        left = (now - self._began) / self._steps_done * (total - trainer.global_step)
        if self._deadline is not None:
            left = min(left, max(0.0, self._deadline - now))
        rate = self._tokens / max(1e-9, now - self._epoch_began)
        status = f"epoch {trainer.current_epoch + 1}/{self._max_epochs} · {rate:,.0f} {self._counted}/s · at most {spoken(left)} left"
        self._progress.update(self._task, completed=trainer.global_step, status=status)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        seconds = time.monotonic() - self._epoch_began
        loss = float(trainer.callback_metrics["train_loss"])
        self._console.print(
            f"{self._title}  epoch {trainer.current_epoch + 1:>2}/{self._max_epochs}  loss {loss:.4f}  dev "
            f"{self._score_name} {pl_module.shown_score:.4f}"
            f"  {self._tokens / max(1e-9, seconds):,.0f} {self._counted}/s  {spoken(seconds)}",
            highlight=False,
        )

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._progress.stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._progress.stop()  # gives the terminal its cursor back: there is no teardown after an exception
