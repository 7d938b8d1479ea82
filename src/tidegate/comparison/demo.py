"""The demo: five architectures on the teddy corpus, each beside what theory says it can reach."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import cast

from tidegate.data import TokenBatch, TokenRecord
from tidegate.data.teddy import SENTENCES, one_way_ceiling, one_way_ceiling_on, teddy_corpus
from tidegate.errors import OutputError
from tidegate.kernels import Architecture, architecture
from tidegate.runtime import TagModel, load
from tidegate.training.recipe import build_recipe
from tidegate.training.run import train
from tidegate.training.tagging.corpus import TagCorpus, build_corpus
from tidegate.training.tagging.recipe import TagRecipe
from tidegate.training.tagging.task import TagTask

DEMO_ARCHITECTURES = ("rnn", "lstm", "gru", "bilstm", "bigru")

# Marks a folder as the demo's own, so that a second demo may replace it and nothing else.
_MARK = ".tidegate-demo"


@dataclass(frozen=True, slots=True)
class DemoRow:
    """What one architecture reached on the test sentences.

    Attributes:
        arch: the architecture.
        model: its model directory.
        accuracy: over all tokens.
        teddy_accuracy: on the word Teddy alone.
        teddy_cut_accuracy: the same with everything to the right of Teddy deleted.
        parameters: how many.
        seconds: of the whole training.
        answers: the tags of the two demo sentences.
    """

    arch: Architecture
    model: Path
    accuracy: float
    teddy_accuracy: float
    teddy_cut_accuracy: float
    parameters: int
    seconds: float
    answers: list[list[str]]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The rows, and what they are to be held against.

    Attributes:
        ceiling, teddy_ceiling: what the best one-way reader can expect, in closed form.
        step_seconds: for each architecture, the median time of a pass over some training batches, forward and backward.
        noise, teddy_noise: two standard errors of an accuracy at the ceiling, for a test of this size.
    """

    rows: list[DemoRow]
    step_seconds: dict[str, float]
    ceiling: float
    teddy_ceiling: float
    noise: float
    teddy_noise: float
    test_tokens: int
    test_teddies: int


def demo_recipe(arch: str, seed: int) -> TagRecipe:
    """A small network with softmax heads: a CRF would let a one-way network profit from the right.

    The plain RNN takes smaller steps: without gates it does not learn to carry the first sense to the end of the sentence
    at the others' rate (test accuracy 0.936 instead of 0.957).
    """
    return build_recipe(
        TagRecipe,
        options={
            "arch": arch,
            "seed": seed,
            "label": "tag",
            "head": "softmax",
            "hidden_size": 48,
            "word_size": 32,
            "shape_size": 0,
            "character_encoder": "none",
            "max_epochs": 8,
            "patience": 8,
            "batch_tokens": 150,
            "learning_rate": 3e-3 if arch == "rnn" else 1e-2,
            "warmup_steps": 50,
            "dropout": 0.0,
            "word_dropout": 0.0,
            "average_decay": 0.99,
        },
    )


def run_demo(out: Path, *, seed: int = 1, quiet: bool = False) -> DemoResult:
    """Generates the corpus, trains the five networks into `out/ARCH`, and measures them.

    Raises:
        OutputError: `out` exists and is not an earlier demo's folder.
    """
    if out.exists() and not (out / _MARK).exists():
        raise OutputError(f"{out} exists already and is not an earlier demo's folder; nothing was written. Name another place with --out.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / _MARK).touch()
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}. Name a place that you may write with --out.") from error
    sentences = teddy_corpus(seed=seed)
    corpus = build_corpus(sentences.train, sentences.dev, [], demo_recipe(DEMO_ARCHITECTURES[0], seed))
    rows = []
    for name in DEMO_ARCHITECTURES:
        task = TagTask(demo_recipe(name, seed), corpus)
        began = time.monotonic()
        result = train(task, out / name, overwrite=True, quiet=quiet)
        seconds = time.monotonic() - began
        model = load(result.path)
        assert isinstance(model, TagModel)
        teddy, cut = teddy_accuracies(model, sentences.test)
        rows.append(
            DemoRow(
                arch=architecture(name),
                model=result.path,
                accuracy=model.evaluate(sentences.test)["accuracy"],
                teddy_accuracy=teddy,
                teddy_cut_accuracy=cut,
                parameters=result.metrics["parameters"],
                seconds=seconds,
                answers=[[str(label) for label in labels] for labels in model.predict([text.split() for text in SENTENCES])],
            )
        )
    tokens = sum(len(record) for record in sentences.test)
    teddies = sum(record.tokens.count("Teddy") for record in sentences.test)
    ceiling, teddy_ceiling = one_way_ceiling(), one_way_ceiling_on("Teddy")
    return DemoResult(
        rows=rows,
        step_seconds=step_seconds(corpus, seed=seed),
        ceiling=ceiling,
        teddy_ceiling=teddy_ceiling,
        noise=_two_standard_errors(ceiling, tokens),
        teddy_noise=_two_standard_errors(teddy_ceiling, teddies),
        test_tokens=tokens,
        test_teddies=teddies,
    )


def step_seconds(corpus: TagCorpus, *, seed: int, rounds: int = 7, batches: int = 20) -> dict[str, float]:
    """For each architecture the median seconds of the same `batches`, forward and backward, all of them in turn in every round."""
    tasks = {name: TagTask(demo_recipe(name, seed), corpus) for name in DEMO_ARCHITECTURES}
    networks = {name: task.build_network() for name, task in tasks.items()}
    chosen = [cast(TokenBatch, batch) for batch in islice(tasks[DEMO_ARCHITECTURES[0]].batches(0), batches)]
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(rounds):
        for name, network in networks.items():
            began = time.perf_counter()
            for batch in chosen:
                network.loss(batch).backward()  # type: ignore[no-untyped-call]
            seconds[name].append(time.perf_counter() - began)
    return {name: median(times[1:]) for name, times in seconds.items()}  # the first round warms up


def teddy_accuracies(model: TagModel, records: list[TokenRecord]) -> tuple[float, float]:
    """Share of right answers on the word Teddy: in whole sentences, and with all that follows each Teddy deleted."""
    whole, cut, right = [], [], []
    predicted = model.predict([record.tokens for record in records])
    places = [(number, place) for number, record in enumerate(records) for place, token in enumerate(record.tokens) if token == "Teddy"]
    predicted_cut = model.predict([records[number].tokens[: place + 1] for number, place in places])
    for (number, place), labels in zip(places, predicted_cut, strict=True):
        right.append(records[number].labels["tag"][place])
        whole.append(predicted[number][place])
        cut.append(labels[place])
    return _share_equal(right, whole), _share_equal(right, cut)


def _share_equal(right: list[str], given: list[str | None]) -> float:
    return sum(a == b for a, b in zip(right, given, strict=True)) / len(right)


def _two_standard_errors(probability: float, count: int) -> float:
    """Of a share of `count` independent answers, each right with that probability."""
    return float(2 * (probability * (1 - probability) / count) ** 0.5)
