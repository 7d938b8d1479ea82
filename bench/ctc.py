"""CTC's training loss beside torch's, forward and backward from the logits. Prints Markdown.

    .venv/bin/python -m bench.ctc

Ragged batches of drawn lengths; tidegate reads them flat, torch padded, the padding itself not counted. torch: log_softmax and
torch.nn.functional.ctc_loss (its own CPU kernel, concatenated targets, lengths as int64), from logits that lie [T, B, K] and from logits
that lie [B, T, K]; the faster of the two counts. Both are checked against tidegate, and all then take turns, round by round;
medians. After that prefix beam search, tidegate alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple

from tidegate.threads import use_threads

BAR = 3.0  # times the faster torch


class Shape(NamedTuple):
    name: str
    sequences: int
    steps: tuple[int, int]
    labels: int
    transcript: tuple[int, int]


SHAPES = (
    Shape("digits", 32, (50, 200), 11, (1, 7)),
    Shape("characters", 32, (100, 500), 30, (20, 120)),
    Shape("pieces", 16, (200, 600), 500, (20, 80)),
    Shape("long", 8, (2000, 2000), 30, (300, 300)),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.ctc", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--beam", type=int, default=16)
    options = parser.parse_args()
    use_threads(max(options.threads))
    run(options.threads, options.rounds, options.beam)


def run(threads: list[int], rounds: int, beam: int) -> None:
    import numpy as np
    import torch

    from tidegate.decoding import ctc_beam, ctc_greedy
    from tidegate.kernels import engine

    from .crf import race
    from .kernels.table import markdown

    print(f"Engine: {engine.instruction_set()}, torch {torch.__version__}, float32; medians of {rounds} rounds, ms a batch.\n")
    columns = ["", "batch", "steps", "labels", "transcript", "threads", "tidegate", "torch [T, B, K]", "torch [B, T, K]", "times", "bar"]
    print(markdown(columns, []))
    for shape in SHAPES:
        logits, offsets, targets, target_offsets = drawn(shape)
        sides = sides_of(logits, offsets, targets, target_offsets)
        check(sides, offsets)
        about = [shape.name, str(shape.sequences), span(shape.steps), str(shape.labels), span(shape.transcript)]
        for count in threads:
            torch.set_num_threads(count)
            medians = race(sides, rounds)
            own, *others = (medians[side] for side in ("tidegate", "torch [T, B, K]", "torch [B, T, K]"))
            times = min(others) / own
            cells = [*about, str(count), *(f"{1e3 * found:,.2f}" for found in (own, *others)), f"{times:.1f}"]
            print(f"| {' | '.join([*cells, f'≥ {BAR:g}' + ('' if times >= BAR else ', MISSED')])} |", flush=True)
    print(f"\nTranscripts, a beam of {beam}; µs a step.\n")
    print(markdown(["", "threads", "beam", "best labels"], []))
    for shape in SHAPES:
        logits, offsets, *_ = drawn(shape)
        # As sure as a trained network: at most steps one label has nearly all of the probability.
        sure = logits + 12 * np.eye(shape.labels, dtype=np.float32)[np.random.default_rng(2).integers(shape.labels, size=len(logits))]
        for count in threads:
            answers: dict[str, Callable[[], Any]] = {
                "beam": lambda x=sure, begins=offsets, count=count: ctc_beam(x, begins, beam=beam, threads=count),
                "best labels": lambda x=sure, begins=offsets: ctc_greedy(x, begins),
            }
            medians = race(answers, rounds)
            cells = [shape.name, str(count), *(f"{1e6 * medians[name] / len(sure):.2f}" for name in answers)]
            print(f"| {' | '.join(cells)} |", flush=True)


def span(ends: tuple[int, int]) -> str:
    return f"{ends[0]:,}" if ends[0] == ends[1] else f"{ends[0]:,} to {ends[1]:,}"


def drawn(shape: Shape) -> tuple[Any, Any, Any, Any]:
    """Normal logits [N, K], offsets [B+1], targets [M] and target_offsets [B+1]; the blank is 0."""
    import numpy as np

    random = np.random.default_rng(1)
    steps = random.integers(shape.steps[0], shape.steps[1] + 1, size=shape.sequences)
    lengths = np.minimum(random.integers(shape.transcript[0], shape.transcript[1] + 1, size=shape.sequences), steps // 2)
    logits = random.normal(size=(steps.sum(), shape.labels)).astype(np.float32)
    targets = random.integers(1, shape.labels, size=lengths.sum())
    return logits, np.concatenate([[0], np.cumsum(steps)]), targets, np.concatenate([[0], np.cumsum(lengths)])


def sides_of(logits: Any, offsets: Any, targets: Any, target_offsets: Any) -> dict[str, Callable[[], Any]]:
    """Each gives the loss of the batch and its gradient, of the logits as they lie."""
    import torch
    from torch.nn import functional

    from tidegate.nn import ctc_loss

    flat = torch.from_numpy(logits).requires_grad_()
    labels, steps, lengths = torch.from_numpy(targets), torch.from_numpy(offsets).diff(), torch.from_numpy(target_offsets).diff()
    parts = list(torch.split(flat.detach(), steps.tolist()))
    by_time = torch.nn.utils.rnn.pad_sequence(parts).requires_grad_()
    by_sequence = torch.nn.utils.rnn.pad_sequence(parts, batch_first=True).requires_grad_()

    def own() -> Any:
        loss = ctc_loss(flat, offsets, labels, target_offsets).sum()
        return loss.detach(), *torch.autograd.grad(loss, flat)

    def of_torch(padded: Any, log_p: Callable[[], Any]) -> Callable[[], Any]:
        def call() -> Any:
            loss = functional.ctc_loss(log_p(), labels, steps, lengths, reduction="sum")
            return loss.detach(), *torch.autograd.grad(loss, padded)

        return call

    return {
        "tidegate": own,
        "torch [T, B, K]": of_torch(by_time, lambda: by_time.log_softmax(2)),
        "torch [B, T, K]": of_torch(by_sequence, lambda: by_sequence.log_softmax(2).transpose(0, 1)),
    }


def check(sides: dict[str, Callable[[], Any]], offsets: Any) -> None:
    """Ends the run where a side gives other numbers than tidegate: torch's float32 is off by 7e-3 after thousands of steps."""
    import torch

    steps = torch.from_numpy(offsets).diff()
    loss, gradient = sides["tidegate"]()
    for side, run_side in sides.items():
        other_loss, other = run_side()
        if side != "tidegate":
            other = torch.cat([rows[:count] for rows, count in zip(other if "[B" in side else other.transpose(0, 1), steps, strict=True)])
        worst = max(float((other - gradient).abs().max()), float((other_loss / loss - 1).abs()))
        if not worst <= 2e-2:
            raise SystemExit(f"{side} differs from tidegate by {worst:.1e}; at most 2e-2 expected.")


if __name__ == "__main__":
    main()
