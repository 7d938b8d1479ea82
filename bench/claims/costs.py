"""(c) What a second direction costs, and (e) what a GRU saves: parameters counted, steps timed in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from bench.claims.claim import Claim, Found, Telling, Verdict, table
from torch import nn

from tidegate.kernels import architecture
from tidegate.nn.stack import RecurrentStack

# Name; sequences, steps, input width, units of each direction, layers.
SHAPES: Mapping[str, tuple[int, int, int, int, int]] = {
    "one sentence: B 1, T 25, I 100, H 100": (1, 25, 100, 100, 1),
    "sentences: B 32, T 25, I 100, H 200": (32, 25, 100, 200, 1),
    "the same, two layers": (32, 25, 100, 200, 2),
    "long and narrow: B 16, T 200, I 32, H 64": (16, 200, 32, 64, 1),
    "wide: B 32, T 50, I 256, H 512": (32, 50, 256, 512, 1),
}
ONE_STEP = "one live step: B 1, T 1, I 128, H 128"
WAYS = ("training", "inference")
ROUNDS, TURN = 11, 0.04  # so many rounds; in each every contender works so many seconds at least

Work = Callable[[], object]


def _layer(arch: str, shape: tuple[int, int, int, int, int], way: str) -> Work:
    """One step of a stack on the engine: forward, or forward and backward to its weights and input."""
    B, T, I, H, layers = shape  # noqa: E741
    torch.manual_seed(1)
    stack = RecurrentStack(architecture(arch), I, H, layers)
    x, offsets = torch.randn(B * T, I), np.arange(B + 1, dtype=np.int64) * T
    if way == "inference":
        stack.eval()

        @torch.no_grad()
        def infer() -> object:
            return stack(x, offsets)

        return infer
    upstream = torch.randn(B * T, stack.output_size)
    x.requires_grad_()

    def learn() -> object:
        stack.zero_grad(set_to_none=True)
        x.grad = None
        return stack(x, offsets).backward(upstream)

    return learn


def _torch_layer(kind: str, shape: tuple[int, int, int, int, int], way: str) -> Work:
    """The same on torch.nn's own layer."""
    B, T, I, H, layers = shape  # noqa: E741
    torch.manual_seed(1)
    module: nn.RNNBase = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](I, H, layers)
    x = torch.randn(T, B, I)
    if way == "inference":
        module.eval()

        @torch.no_grad()
        def infer() -> object:
            return module(x)

        return infer
    upstream = torch.randn(T, B, H)
    x.requires_grad_()

    def learn() -> object:
        module.zero_grad(set_to_none=True)
        x.grad = None
        return module(x)[0].backward(upstream)

    return learn


def timed(works: Mapping[str, Work]) -> dict[str, list[float]]:
    """Seconds of the processor for one call of each, round after round, in turn; the first round warms up and does not count."""
    counts = {}
    for name, work in works.items():
        work()
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < TURN:
            work()
            count += 1
        counts[name] = max(1, count)
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            began = time.process_time()
            for _ in range(counts[name]):
                work()
            seconds[name].append((time.process_time() - began) / counts[name])
    return seconds


def ratio(seconds: Mapping[str, Sequence[float]], over: str, under: str) -> dict[str, float]:
    """Of one contender's time over another's in the same round: the median, and the quarters around it."""
    low, middle, high = statistics.quantiles([a / b for a, b in zip(seconds[over], seconds[under], strict=True)], n=4)
    return {"low": low, "median": middle, "high": high}


def parameters(arch: str, shape: tuple[int, int, int, int, int]) -> int:
    _, _, I, H, layers = shape  # noqa: E741
    return sum(parameter.numel() for parameter in RecurrentStack(architecture(arch), I, H, layers).parameters())


def measure_directions() -> Found:
    """bilstm over lstm: layers, and the whole tagger of (a)."""
    rows = []
    for name, shape in SHAPES.items():
        row: dict[str, Any] = {"name": name, "parameters": parameters("bilstm", shape) / parameters("lstm", shape)}
        for way in WAYS:
            seconds = timed({arch: _layer(arch, shape, way) for arch in ("lstm", "bilstm")})
            row[way] = ratio(seconds, "bilstm", "lstm") | {"ms": 1e3 * statistics.median(seconds["lstm"])}
        rows.append(row)
    return {"rows": rows, "tagger": _tagger()}


def _tagger() -> dict[str, Any]:
    """The whole network of (a) on parts of speech, untrained: its time hangs on its sizes alone."""
    from itertools import islice

    from bench.claims.runs import Run
    from bench.claims.sets import SETS, tagged

    from tidegate.runtime.tag import TagModel

    data = "ud_english_ewt"
    found: dict[str, Any] = {}
    learns: dict[str, Work] = {}
    answers: dict[str, Work] = {}
    records = tagged(data)[1][:300]
    task = SETS[data].task(Run(data, "lstm", 1).settings)
    batches = list(islice(iter(task.batches(0)), 10))
    for arch in ("lstm", "bilstm"):
        own = task.with_arch(arch, None)
        network = own.build_network()
        found[f"parameters {arch}"] = sum(parameter.numel() for parameter in network.parameters())
        model = TagModel(own.stored(network))

        def learn(network: Any = network) -> object:
            network.zero_grad(set_to_none=True)
            return [network.loss(batch).backward() for batch in batches]

        def answer(model: TagModel = model) -> object:
            return list(model.answers(records))

        learns[arch], answers[arch] = learn, answer
    for way, works in (("training", learns), ("inference", answers)):
        found[way] = ratio(timed(works), "bilstm", "lstm")
    return found


def _shown(one: Mapping[str, float]) -> str:
    return f"{one['median']:.2f} ({one['low']:.2f}–{one['high']:.2f})"


def tell_directions(found: Found) -> Telling:
    tagger = found["tagger"]
    whole = tagger["parameters bilstm"] / tagger["parameters lstm"]
    rows = [[row["name"], f"{row['parameters']:.3f}", *(_shown(row[way]) for way in WAYS)] for row in found["rows"]]
    rows.append(["the whole tagger of (a)", f"{whole:.3f}", _shown(tagger["training"]), _shown(tagger["inference"])])
    ratios = [row[way]["median"] for row in found["rows"] for way in WAYS if SHAPES[row["name"]][-1] == 1]
    deep = next(row for row in found["rows"] if SHAPES[row["name"]][-1] > 1)
    verdict: Verdict = "holds" if min([*ratios, whole]) >= 1.8 and max([*ratios, whole]) <= 2.2 else "holds here, not there"
    done = (
        "Bi-LSTM over LSTM, with as many units a direction, on tidegate's engine, one thread: parameters counted; seconds of the "
        f"processor for a training step (forward and backward) and for inference, {ROUNDS} rounds in turn, ratio in the same round, median "
        "and the quarters around it. The last row is a whole tagger, with vectors of words and spelling below and the labels above."
    )
    because = (
        f"Of one layer the parameters double exactly and the time comes to {min(ratios):.2f} to {max(ratios):.2f} times, "
        f"{statistics.median(ratios):.2f} in the middle. It is more with two layers, where the second reads both directions: "
        f"{deep['parameters']:.2f} times the parameters, {deep['training']['median']:.2f} times the training. And it is less in a whole "
        f"network, whose words, spelling and labels do not double: {whole:.2f} times the parameters, {tagger['training']['median']:.2f} "
        f"times the training and {tagger['inference']['median']:.2f} times the inference of the tagger. The two directions do not wait for "
        "each other, so with two cores the time need not double at all; one thread was measured here."
    )
    return Telling(done, table("shape; parameters, times; training step, times; inference, times", rows), verdict, because)


def measure_gru() -> Found:
    """GRUs over the LSTM of the same shape: the engine's, and torch.nn's."""
    rows = []
    for name, shape in {ONE_STEP: (1, 1, 128, 128, 1), **SHAPES}.items():
        row: dict[str, Any] = {"name": name, "parameters": parameters("gru", shape) / parameters("lstm", shape)}
        for way in WAYS:
            works = {arch: _layer(arch, shape, way) for arch in ("lstm", "gru", "gru-reset-after")}
            works |= {f"torch {kind}": _torch_layer(kind, shape, way) for kind in ("lstm", "gru")}
            seconds = timed(works)
            row[way] = {
                "gru": ratio(seconds, "gru", "lstm"),
                "gru-reset-after": ratio(seconds, "gru-reset-after", "lstm"),
                "torch": ratio(seconds, "torch gru", "torch lstm"),
                "lstm ms": 1e3 * statistics.median(seconds["lstm"]),
            }
        rows.append(row)
    return {"rows": rows}


def tell_gru(found: Found) -> Telling:
    kinds = ("gru", "gru-reset-after", "torch")
    rows = [
        [row["name"], way, f"{row[way]['lstm ms']:.3g}", *(_shown(row[way][kind]) for kind in kinds)]
        for row in found["rows"]
        for way in WAYS
    ]
    medians = {kind: [row[way][kind]["median"] for row in found["rows"] for way in WAYS] for kind in kinds}
    faster = {kind: sum(value < 0.97 for value in values) for kind, values in medians.items()}
    slower = {kind: sum(value > 1.03 for value in values) for kind, values in medians.items()}
    count = len(medians["gru"])
    everywhere = all(faster[kind] == count for kind in kinds)
    verdict: Verdict = "holds" if everywhere else "does not hold" if not any(faster.values()) else "holds here, not there"
    share = found["rows"][0]["parameters"]
    done = (
        f"GRU over LSTM of the same shape, one thread, seconds of the processor, {ROUNDS} rounds in turn, ratio in the same round, median "
        "and the quarters around it; below 1 the GRU is faster. Tidegate's engine runs the GRU of Cho et al. 2014 and the one with the "
        "reset gate behind the product, which is torch.nn's; the last column is torch.nn's GRU over torch.nn's LSTM."
    )
    because = (
        f"A GRU has {share:.2f} times the weights and so {share:.2f} times the products. On the engine it is faster in {faster['gru']} of "
        f"{count} rows (Cho) and {faster['gru-reset-after']} of {count} (reset after), slower in {slower['gru']} and "
        f"{slower['gru-reset-after']}, by a median of {statistics.median(medians['gru']):.2f} and "
        f"{statistics.median(medians['gru-reset-after']):.2f} times. In torch.nn it is faster in {faster['torch']} of {count} and slower "
        f"in {slower['torch']}, from {min(medians['torch']):.2f} to {max(medians['torch']):.2f} times: fewer operations are less time only "
        "where both cells are run equally well. (A row counts as faster or slower from 3 % on.)"
    )
    return Telling(done, table("shape; step; lstm, ms; gru / lstm; gru-reset-after / lstm; torch gru / torch lstm", rows), verdict, because)


CLAIMS = (
    Claim(
        "c",
        "Twice the cost in time and parameters",
        "A Bi-LSTM is two LSTMs, so it takes twice the computation and the memory of one.",
        measure_directions,
        tell_directions,
        "half a minute",
    ),
    Claim(
        "e",
        "A GRU is faster than an LSTM",
        "With two gates in place of three and no cell of its own, a GRU computes less a step and is faster.",
        measure_gru,
        tell_gru,
        "a minute",
    ),
)
