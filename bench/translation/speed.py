"""How fast translators train beside the same network in torch.nn, and how fast they decode.

Training: the recipes' own networks and batches (like lengths together), a step being loss, gradients, clipping and fused AdamW on either
side; the sides take turns, medians over rounds. torch.nn is measured with packed and with padded sequences; the faster counts.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .quality import task_of


def print_training(rounds: int, steps: int) -> None:
    print("| network | tidegate units/s | torch.nn packed | torch.nn padded | ratio to the faster |\n|---|---|---|---|---|")
    for name in ("cmudict", "tatoeba_eng_spa"):
        for arch in ("bilstm", "bigru-reset-after"):
            for attention in ("additive", "multiplicative"):
                print(training_row(name, arch, attention, rounds, steps), flush=True)


def training_row(name: str, arch: str, attention: str, rounds: int, steps: int) -> str:
    """One line: units (source and target) a second of training."""
    import torch

    from .torch_side import PaddedBatch, TorchTranslator

    task = task_of(name, {"arch": arch, "attention": attention})
    network = task.build_network()
    sides: dict[str, tuple[Any, Callable[[Any], Any]]] = {"tidegate": (network, lambda batch: batch)}
    for manner in ("packed", "padded"):
        sides[manner] = (TorchTranslator(network, manner), PaddedBatch.of)  # type: ignore[arg-type]
    epoch = task.batches(0)
    batches = [batch for batch, _ in zip(epoch, range(steps + 2), strict=False)]
    check_equal(network, sides, batches[0])
    given = {side: [prepare(batch) for batch in batches] for side, (_, prepare) in sides.items()}
    optimizers = {side: torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.99), fused=True) for side, (model, _) in sides.items()}

    def step(side: str, number: int) -> None:
        model = sides[side][0]
        optimizers[side].zero_grad()
        model.loss(given[side][number]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizers[side].step()

    units = sum(batch.tokens for batch in batches[2:])
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            step(side, 0)
            step(side, 1)
            began = time.perf_counter()
            for number in range(2, len(batches)):
                step(side, number)
            rates[side].append(units / (time.perf_counter() - began))
    medians = {side: statistics.median(values) for side, values in rates.items()}
    ratio = statistics.median(
        own / max(a, b) for own, a, b in zip(*(rates[side] for side in ("tidegate", "packed", "padded")), strict=True)
    )
    said = f"{name}, {arch} {network.settings.hidden_size}, {attention}"
    return f"| {said} | {medians['tidegate']:,.0f} | {medians['packed']:,.0f} | {medians['padded']:,.0f} | {ratio:.2f} |"


def check_equal(network: Any, sides: dict[str, tuple[Any, Callable[[Any], Any]]], batch: Any) -> None:
    """Stops where two sides are not the same network: their logits without dropout must agree."""
    import torch

    wanted = None
    for side, (model, prepare) in sides.items():
        model.eval()
        with torch.no_grad():
            loss = float(model.loss(prepare(batch)))
        model.train()
        wanted = loss if wanted is None else wanted
        if abs(loss - wanted) > 1e-4:
            sys.exit(f"{side} computes another loss than tidegate, {loss} and {wanted}")


def print_decoding(directory: str, file: str, rounds: int) -> None:
    """Sources a second at beam 1 and 5, and one at a time."""
    from tidegate.data.pairs import read_pairs
    from tidegate.runtime import TranslateModel, load

    model = load(directory)
    assert isinstance(model, TranslateModel)
    sources = [entry.source for entry in read_pairs([file], stress=model.config["recipe"]["stress"]).entries]
    print(f"{Path(directory).name}, {len(sources):,} sources\n")
    print("| beam | sources/s | one at a time, sources/s |\n|---|---|---|")
    for beam in (1, 5):
        seconds = []
        for _ in range(rounds):
            began = time.perf_counter()
            model.predict(sources, beam=beam)
            seconds.append(time.perf_counter() - began)
        few = sources[:200]
        began = time.perf_counter()
        for source in few:
            model.predict([source], beam=beam)
        alone = len(few) / (time.perf_counter() - began)
        print(f"| {beam} | {len(sources) / statistics.median(seconds):,.0f} | {alone:,.0f} |", flush=True)
