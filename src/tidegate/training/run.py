"""The main path: a recipe and files in, a model directory out. Read `train` from top to bottom."""

from __future__ import annotations

import logging
import shutil
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from tidegate.artefact import ModelContent, StoredModel, finish_output
from tidegate.data import TokenRecord
from tidegate.errors import RunError
from tidegate.runtime import TagModel
from tidegate.scoring import MostFrequentLabel, TagScorer
from tidegate.tasks.tag import Head, TagNetwork, TagNetworkSettings, forbidden_pairs
from tidegate.training.callbacks import ENDED_EARLY, EndEarly, KeepBestAndLast, LiveProgress, ScoreDevelopment
from tidegate.training.card import model_card
from tidegate.training.corpus import TagCorpus
from tidegate.training.module import TrainingModule
from tidegate.training.recipe import TagRecipe
from tidegate.training.resumption import claim_training
from tidegate.version import __version__

# With more labels the K² pairs of a CRF cost more than the network; measured in docs/decisions/0005.
_MOST_CRF_LABELS = 100


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
    recipe: TagRecipe,
    corpus: TagCorpus,
    out: Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = False,
    started: float | None = None,
) -> TrainingResult:
    """Trains one tagger and writes its model directory.

    Args:
        recipe: the settings.
        corpus: the data, from `read_corpus`.
        out: the model directory to write.
        overwrite: replace what stands at `out`.
        resume: go on from where an interrupted run towards `out` was, to the same bits; afresh where none was.
        quiet: show no progress.
        started: `time.monotonic()` from which the recipe's time budget counts; now, if None.

    Raises:
        OutputError: `out` exists, or cannot be written.
        RunError: the loss diverged, or the disk is full. `out` is then as it was before.
    """
    began = time.monotonic() if started is None else started
    recipe = recipe.settled(corpus.tokens)
    partial = claim_training(recipe, corpus, out, overwrite=overwrite, resume=resume)
    try:
        return _train_in(partial, recipe, corpus, out, began, quiet=quiet)
    except BaseException:
        if not (partial / "training" / "last.ckpt").exists():  # nothing to resume: leave nothing behind
            shutil.rmtree(partial, ignore_errors=True)
        raise


def _train_in(partial: Path, recipe: TagRecipe, corpus: TagCorpus, out: Path, began: float, *, quiet: bool) -> TrainingResult:
    deadline = None if recipe.time_budget is None else began + recipe.time_budget
    network = build_network(recipe, corpus)
    module = TrainingModule(network, corpus.encoded, corpus.table, recipe, deadline)
    keeper, ended = _fit(module, recipe, corpus, partial / "training", deadline=deadline, quiet=quiet)
    best = torch.load(keeper.folder / "best.ckpt", weights_only=True)["state_dict"]
    network.load_state_dict({k.removeprefix("average.module."): v for k, v in best.items() if k.startswith("average.module.")})
    model = as_model(network, corpus, recipe)
    metrics: dict[str, Any] = {"dev": model.evaluate(corpus.dev)}
    if corpus.test:
        metrics["test"] = model.evaluate(corpus.test)
    metrics |= {
        "baseline": baseline_scores(corpus),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "train_sentences": len(corpus.train),
        "train_tokens": corpus.tokens,
        "split": corpus.split,
        "best_epoch": keeper.best_epoch,
        "ended": ended,
        "seconds": round(time.monotonic() - began, 2),
        "epochs": keeper.history,
    }
    config = model_config(network, recipe)
    card = model_card(config, metrics, corpus)
    finish_output(partial, out, ModelContent(config, network.tensors(), corpus.vocabulary.to_json(), metrics, card))
    if ended not in ENDED_EARLY:  # else the run can be resumed from these
        for checkpoint in ("best.ckpt", "last.ckpt"):
            (out / "training" / checkpoint).unlink(missing_ok=True)
    return TrainingResult(out, metrics, ended)


def build_network(recipe: TagRecipe, corpus: TagCorpus) -> TagNetwork:
    """A fresh network for the corpus; its weights are a function of the recipe's seed."""
    heads: dict[str, Head] = {}
    for column in corpus.vocabulary.columns:
        auto: Head = "crf" if len(column.labels) <= _MOST_CRF_LABELS else "softmax"
        heads[column.name] = auto if recipe.head == "auto" else recipe.head
    settings = TagNetworkSettings(
        arch=recipe.arch,
        hidden_size=recipe.hidden_size,
        num_layers=recipe.num_layers,
        word_size=recipe.word_size,
        shape_size=recipe.shape_size,
        character_size=recipe.character_size,
        character_embedding_size=recipe.character_embedding_size,
        character_encoder=recipe.character_encoder,
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
        )


def as_model(network: TagNetwork, corpus: TagCorpus, recipe: TagRecipe) -> TagModel:
    """The network as the runtime sees it, so that every score of training is the shipped model's own."""
    return TagModel(
        StoredModel(Path("a network in training"), model_config(network, recipe), network.tensors(), corpus.vocabulary.to_json(), {})
    )


def model_config(network: TagNetwork, recipe: TagRecipe) -> dict[str, Any]:
    """What config.json says of the model."""
    return {
        "tidegate_version": __version__,
        "task": recipe.task,
        "arch": recipe.arch,
        "network": network.settings.to_json(),
        "recipe": recipe.model_dump(mode="json"),
    }


def score_name(corpus: TagCorpus) -> str:
    """The default score of the first label column: strict span F1 where its labels spell spans, else accuracy."""
    return "accuracy" if corpus.vocabulary.columns[0].scheme is None else "span_f1"


def dev_score(network: TagNetwork, corpus: TagCorpus, recipe: TagRecipe) -> float:
    """The mean over the label columns of each one's default score on the development records."""
    result = as_model(network, corpus, recipe).evaluate(corpus.dev)
    by_column = {corpus.vocabulary.columns[0].name: result, **result.get("columns", {})}
    scores = [by_column[c.name]["accuracy" if c.scheme is None else "span_f1"] for c in corpus.vocabulary.columns]
    return float(np.mean(scores))


def baseline_scores(corpus: TagCorpus) -> dict[str, Any]:
    """Scores of the most frequent label per word, on the same development and test records, first column."""
    column = corpus.vocabulary.columns[0]
    baseline = MostFrequentLabel(corpus.train, column.name)
    seen = {token for record in corpus.train for token in record.tokens}

    def scores(records: list[TokenRecord]) -> dict[str, Any]:
        scorer = TagScorer(column.scheme)
        for record in records:
            given = baseline.predict(record.tokens)
            scorer.add(record.labels[column.name], given, is_seen=[t in seen for t in record.tokens], probabilities=[1.0] * len(record))
        result = scorer.result()
        return {key: result[key] for key in ("n", "accuracy", "accuracy_unseen", "macro_f1", "span_f1") if key in result}

    return {"name": "most frequent label per word, suffix for unknown words", "dev": scores(corpus.dev)} | (
        {"test": scores(corpus.test)} if corpus.test else {}
    )


def _fit(
    module: TrainingModule, recipe: TagRecipe, corpus: TagCorpus, folder: Path, *, deadline: float | None, quiet: bool
) -> tuple[KeepBestAndLast, str]:
    """Runs Lightning's trainer; gives the keeper of checkpoints and why training ended."""
    folder.mkdir(parents=True, exist_ok=True)
    last = folder / "last.ckpt"
    scorer, keeper = ScoreDevelopment(lambda averaged: dev_score(averaged, corpus, recipe)), KeepBestAndLast(folder)
    # After the last step the development data is scored twice more (once to choose, once in full), the test data once.
    early = EndEarly(deadline, lambda: _SECONDS_AROUND + scorer.seconds * (2 + len(corpus.test) / len(corpus.dev)))
    patience = EarlyStopping("dev_score", mode="max", patience=recipe.patience, check_on_train_epoch_end=True)
    callbacks: list[pl.Callback] = [scorer, early, patience, keeper]
    if not quiet:
        callbacks.append(LiveProgress(max_epochs=recipe.max_epochs, score_name=score_name(corpus), deadline=deadline, title=recipe.arch))
    with quiet_lightning():
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
    if not (folder / "best.ckpt").exists():
        raise RunError("training was interrupted before anything was learnt; no model was written.")
    stopped_for_patience = patience.stopped_epoch > 0
    reason = early.reason or (f"no better score for {recipe.patience} epochs" if stopped_for_patience else "max_epochs reached")
    return keeper, reason


class quiet_lightning:
    """Keeps Lightning's notes on hardware and loaders from the user's screen while a trainer runs; its errors pass."""

    _NAMES = ("lightning.pytorch", "lightning.fabric")

    def __enter__(self) -> None:
        self._levels = [(logging.getLogger(name), logging.getLogger(name).level) for name in self._NAMES]
        for logger, _ in self._levels:
            logger.setLevel(logging.ERROR)
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.filterwarnings("ignore", module=r"lightning\..*")

    def __exit__(self, *error: object) -> None:
        self._warnings.__exit__(None, None, None)
        for logger, level in self._levels:
            logger.setLevel(level)


def pilot_seconds(recipe: TagRecipe, corpus: TagCorpus, *, steps: int = 12) -> float:
    """Predicted seconds of a whole run of `max_epochs`: some steps are timed, none is kept."""
    recipe = recipe.settled(corpus.tokens)
    network = build_network(recipe, corpus)
    module = TrainingModule(network, corpus.encoded, corpus.table, recipe)
    optimizer = module.configure_optimizers()
    tokens, begin = 0, time.monotonic()
    for number, batch in enumerate(module.batches(0)):
        if number == 2:  # the first two pay for warming up
            tokens, begin = 0, time.monotonic()
        network.loss(batch).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        tokens += batch.tokens
        if number + 1 >= steps:
            break
    per_token = (time.monotonic() - begin) / tokens
    begin = time.monotonic()
    dev_score(network, corpus, recipe)
    return recipe.max_epochs * (per_token * corpus.tokens + time.monotonic() - begin)
