"""The main path: a recipe and files in, a model directory out. Read `train` from top to bottom."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from tidegate.artefact import ModelContent, finish_output
from tidegate.errors import RunError
from tidegate.runtime.series_chart import draw_series
from tidegate.tasks.network import TaskNetwork
from tidegate.training.callbacks import ENDED_EARLY, EndEarly, KeepBestAndLast, LiveProgress, ScoreDevelopment, TellEpochs
from tidegate.training.chart import LOSS_CHART, draw_loss, series_chart
from tidegate.training.gate_histograms import GateHistograms
from tidegate.training.inheritance import drop_source, inherit
from tidegate.training.module import TrainingModule
from tidegate.training.resumption import claim_training
from tidegate.training.task import TrainingTask

# Around the steps of every epoch: checkpoints, histograms of the gates, curves. Measured on 2 shared cores.
_AROUND_EPOCH = 0.1
# Start-up before the clock begins and writing after the last step, reserved out of a time budget.
_SECONDS_AROUND = 1.0


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a run came to.

    Attributes:
        path: the model directory.
        metrics: what stands in its metrics.json.
        ended: why training ended: 'max_epochs reached', 'no better score for N epochs', 'interrupted', 'time budget spent'.
    """

    path: Path
    metrics: dict[str, Any]
    ended: str


def train(
    task: TrainingTask[Any],
    out: Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = False,
    started: float | None = None,
    on_epoch: Callable[[int, int], None] | None = None,
) -> TrainingResult:
    """Trains one model and writes its directory.

    Args:
        task: the settings and the data, for instance `TagTask(recipe, read_corpus(files, recipe))`.
        out: the model directory to write.
        overwrite: replace what stands at `out`.
        resume: go on from where an interrupted run towards `out` was, to the same bits; afresh where none was.
        quiet: show no progress.
        started: `time.monotonic()` from which the recipe's time budget counts; now, if None.
        on_epoch: told after each epoch how many are done, and of how many at most.

    Raises:
        OutputError: `out` exists, or cannot be written.
        RunError: the loss diverged, or the disk is full. `out` is then as it was before.
        InterruptedRunError: Ctrl-C came a second time.
        RecipeError, ModelError: the model that the recipe's `init_from` names does not fit, or is none.
    """
    began = time.monotonic() if started is None else started
    partial = claim_training(task, out, overwrite=overwrite, resume=resume)
    try:
        return _train_in(partial, task, out, began, quiet=quiet, on_epoch=on_epoch)
    except BaseException:
        if not (partial / "training" / "last.ckpt").exists():  # nothing to resume: leave nothing behind
            shutil.rmtree(partial, ignore_errors=True)
        raise


def _train_in(
    partial: Path, task: TrainingTask[Any], out: Path, began: float, *, quiet: bool, on_epoch: Callable[[int, int], None] | None
) -> TrainingResult:
    deadline = None if task.recipe.time_budget is None else began + task.recipe.time_budget
    network = task.build_network()
    if task.recipe.init_from:
        said = begin_with_source(network, task)
        if not quiet:
            print(said, file=sys.stderr)
    module = TrainingModule(task, network, deadline)
    keeper, ended = _fit(module, task, partial / "training", deadline=deadline, quiet=quiet, on_epoch=on_epoch)
    best = torch.load(keeper.best_file, weights_only=True)["state_dict"]
    network.load_state_dict({k.removeprefix("average.module."): v for k, v in best.items() if k.startswith("average.module.")})
    metrics: dict[str, Any] = task.scores(network) | {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "best_epoch": keeper.best_epoch,
        "ended": ended,
        "seconds": round(time.monotonic() - began, 2),
        "epochs": keeper.history,
    }
    title = f"{task.recipe.task}, {task.recipe.arch}"
    draw_loss(keeper.history, keeper.best_epoch, partial / LOSS_CHART, title=title)
    if pictures := task.pictures(network):
        draw_series(pictures, partial / series_chart(task.recipe.task), title=title)
    config = task.config(network)
    content = ModelContent(config, network.tensors(), task.vocabulary_json(), metrics, task.card(config, metrics))
    finish_output(partial, out, content)
    # A run that was ended early is resumed from its last whole epoch, and needs the best one before that.
    for checkpoint in ("best-half.ckpt", *(() if ended in ENDED_EARLY else ("best.ckpt", "last.ckpt"))):
        (out / "training" / checkpoint).unlink(missing_ok=True)
    if ended not in ENDED_EARLY:
        drop_source(out / "training")
    return TrainingResult(out, metrics, ended)


def begin_with_source(network: TaskNetwork, task: TrainingTask[Any]) -> str:
    """Puts what the recipe's `init_from` hands on into a fresh network; gives a sentence on what that was."""
    fresh = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    tensors, said = inherit(task.recipe, fresh, task.vocabulary_json())
    network.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in tensors.items()})
    return said


def _fit(
    module: TrainingModule,
    task: TrainingTask[Any],
    folder: Path,
    *,
    deadline: float | None,
    quiet: bool,
    on_epoch: Callable[[int, int], None] | None,
) -> tuple[KeepBestAndLast, str]:
    """Runs Lightning's trainer; gives the keeper of checkpoints and why training ended."""
    folder.mkdir(parents=True, exist_ok=True)
    last = folder / "last.ckpt"
    histograms = GateHistograms()
    scorer = ScoreDevelopment(histograms.sampled(task.dev_scores))
    recipe = task.recipe
    keeper = KeepBestAndLast(folder, recipe.patience, task.score_noise)
    # After the last step the development data is scored twice more (once to choose, once in full), the test data once.
    early = EndEarly(deadline, lambda: _SECONDS_AROUND + scorer.seconds * (2 + task.test_share))
    callbacks: list[pl.Callback] = [scorer, histograms, early, keeper]
    if not quiet:
        shown: dict[str, Any] = {"score_name": task.score_name, "counted": task.counted, "title": recipe.arch}
        callbacks.append(LiveProgress(max_epochs=recipe.max_epochs, deadline=deadline, **shown))
    if on_epoch is not None:
        callbacks.append(TellEpochs(on_epoch, recipe.max_epochs))
    with quiet_lightning(), early.listening():
        trainer = pl.Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=recipe.max_epochs,
            gradient_clip_val=recipe.clip_norm,
            callbacks=callbacks,
            logger=[CSVLogger(folder, name="csv"), TensorBoardLogger(folder, name="tensorboard")],
            log_every_n_steps=50,
            reload_dataloaders_every_n_epochs=1,
            use_distributed_sampler=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(module, ckpt_path=str(last) if last.exists() else None, weights_only=True)
    if not keeper.best_file.exists():
        raise RunError("training was interrupted before anything was learnt; no model was written.")
    reason = early.reason or (f"no better score for {recipe.patience} epochs" if keeper.is_out_of_patience else "max_epochs reached")
    return keeper, reason


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keeps Lightning's notes on hardware and loaders from the user's screen while a trainer runs; its errors pass."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class Pilot(NamedTuple):
    """What a few steps tell of a whole run.

    Attributes:
        seconds: of a run of `max_epochs`.
        dev_seconds: of scoring the development data once.
        megabytes: of the network's weights and vocabulary, as they are stored.
    """

    seconds: float
    dev_seconds: float
    megabytes: float


def pilot(task: TrainingTask[Any], *, steps: int = 12, most_seconds: float | None = None) -> Pilot:
    """Times some steps and one scoring of the development data, and keeps nothing of them.

    Args:
        steps: so many at most.
        most_seconds: after which no further step is begun; None for no limit.
    """
    network = task.build_network()
    module = TrainingModule(task, network)
    optimizer = module.configure_optimizers()
    tokens, begin = 0, time.monotonic()
    end = None if most_seconds is None else begin + most_seconds
    for number, batch in enumerate(task.batches(0)):
        if number == 2:  # the first two pay for warming up
            tokens, begin = 0, time.monotonic()
        network.loss(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
        tokens += batch.tokens
        if number + 1 >= steps or (end is not None and time.monotonic() > end):
            break
    per_token = (time.monotonic() - begin) / tokens
    begin = time.monotonic()
    task.dev_score(network)
    dev_seconds = time.monotonic() - begin
    stored = 4 * sum(parameter.numel() for parameter in network.parameters()) + len(json.dumps(task.vocabulary_json()))
    return Pilot(task.recipe.max_epochs * (per_token * task.tokens + dev_seconds + _AROUND_EPOCH), dev_seconds, stored / 1e6)


def pilot_seconds(task: TrainingTask[Any], *, steps: int = 12) -> float:
    """Predicted seconds of a whole run of `max_epochs`: some steps are timed, none is kept."""
    return pilot(task, steps=steps).seconds
