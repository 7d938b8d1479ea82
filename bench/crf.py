"""The CRF's training loss and answers beside torch's, on sentence lengths of UD English EWT. Prints Markdown.

    .venv/bin/python -m bench.crf --threads 2

Batches of 32 sentences. Opponents: a batched CRF in torch as pytorch-crf writes it (padded and masked, logsumexp over [B, K, K]), the
plain torch that stands in for the engine, and the NumPy twins. All are checked against each other and then take turns, round by round;
medians. Where the data folder (TIDEGATE_DATA, else ../shared/data) lacks EWT, lengths are drawn from a lognormal of its mean and spread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from tidegate.threads import use_threads

LABELS = (17, 50, 100)
BAR = 10.0  # times the batched torch CRF, forward and backward, at 50 labels


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.crf", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batches", type=int, default=4)
    options = parser.parse_args()
    run(use_threads(options.threads), options.rounds, options.batches)


def run(threads: int, rounds: int, batches: int) -> None:
    import numpy as np
    import torch

    from tidegate.decoding import Transitions, marginals, twins, viterbi
    from tidegate.kernels import engine
    from tidegate.nn import CRF

    from .kernels.shapes import ewt_lengths
    from .kernels.table import markdown

    torch.set_num_threads(threads)
    known = ewt_lengths()
    if known is None:
        draw = np.random.default_rng(4).lognormal(2.2, 0.8, size=(batches, 32))
        lengths = [np.clip(np.round(row), 1, 75).astype(int).tolist() for row in draw]
    else:
        lengths = [list(batch) for batch in known[0][:batches]]
    tokens = sum(map(sum, lengths))
    print(
        f"{batches} batches of 32 sentences, {tokens:,} tokens, lengths {'of UD English EWT' if known else 'drawn'}; {threads} threads, "
        f"engine: {engine.instruction_set()}, torch {torch.__version__}; medians of {rounds} rounds, µs a batch; in brackets how many "
        "times longer than tidegate.\n"
    )
    print(markdown(["", "labels", "tidegate", "batched torch", "own torch", "NumPy twin", "bar"], []))
    for labels in LABELS:
        random = np.random.default_rng(labels)
        crf = CRF(labels)
        with torch.no_grad():
            for parameter in crf.parameters():
                parameter.copy_(torch.from_numpy(random.normal(size=parameter.shape)))
        transitions = Transitions(*(part.detach().numpy() for part in crf.scores()))
        edges = transitions.pair, transitions.start, transitions.end
        data = []
        for batch in lengths:
            emissions = torch.from_numpy(random.normal(size=(sum(batch), labels)).astype(np.float32)).requires_grad_()
            gold = torch.from_numpy(random.integers(labels, size=sum(batch)))
            data.append((emissions, gold, np.concatenate([[0], np.cumsum(batch)]).astype(np.int64)))

        def learn(loss: Callable[..., Any], data: list[Any] = data, crf: CRF = crf) -> Callable[[], list[Any]]:
            return lambda: [torch.autograd.grad(loss(crf, *batch), [batch[0], *crf.parameters()]) for batch in data]

        def answer(function: Callable[..., Any], *more: Any, data: list[Any] = data) -> Callable[[], list[Any]]:
            arrays = [(emissions.detach().numpy(), offsets) for emissions, _, offsets in data]
            return lambda: [function(*batch, *more) for batch in arrays]

        contests: dict[str, dict[str, Callable[[], list[Any]]]] = {
            "loss, forward and backward": {
                "tidegate": learn(lambda crf, e, gold, offsets: crf.negative_log_likelihood(e, gold, offsets)),
                "batched torch": learn(batched_loss),
                "own torch": learn(own_torch_loss),
            },
            "best labels": {
                "tidegate": answer(viterbi, transitions),
                "batched torch": answer(lambda e, offsets, crf=crf: batched_viterbi(crf, torch.from_numpy(e), offsets)),
                "NumPy twin": answer(twins.viterbi, *edges),
            },
            "marginals": {"tidegate": answer(marginals, transitions), "NumPy twin": answer(twins.marginals, *edges)},
        }
        for name, sides in contests.items():
            compare(name, sides)
            medians = race(sides, rounds)
            own = medians["tidegate"]
            cells = [name, str(labels), f"{1e6 * own / batches:,.0f}"]
            for other in ("batched torch", "own torch", "NumPy twin"):
                found = medians.get(other)
                cells.append(f"{1e6 * found / batches:,.0f} ({found / own:.1f})" if found else "–")
            is_barred = name.startswith("loss") and labels == 50
            met = medians.get("batched torch", 0.0) / own >= BAR
            cells.append(f"≥ {BAR:g}{'' if met else ', MISSED'}" if is_barred else "")
            print(f"| {' | '.join(cells)} |", flush=True)


def compare(name: str, sides: dict[str, Callable[[], list[Any]]]) -> None:
    """Ends the run where a side gives other numbers than tidegate."""
    import numpy as np

    def flat(found: list[Any]) -> Any:
        leaves = [leaf for part in found for leaf in (part if isinstance(part, (tuple, list)) else [part])]
        return np.concatenate([np.asarray(leaf, dtype=np.float64).ravel() for leaf in leaves])

    wanted = flat(sides["tidegate"]())
    for side, run_side in sides.items():
        worst = np.abs(flat(run_side()) - wanted).max()
        if not worst <= 2e-3:
            raise SystemExit(f"{name}: {side} differs from tidegate by {worst:.1e}; at most 2e-3 expected.")


def race(sides: dict[str, Callable[[], list[Any]]], rounds: int) -> dict[str, float]:
    """Median seconds of each side, in turn; a short one runs several times a turn."""
    readings: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, run_side in sides.items():
            time.sleep(0.01)  # the other side's threads stop spinning
            calls, began = 0, time.perf_counter()
            while calls == 0 or time.perf_counter() - began < 0.02:
                run_side()
                calls += 1
            readings[side].append((time.perf_counter() - began) / calls)
    return {side: statistics.median(found) for side, found in readings.items()}


def padded(emissions: Any, offsets: Any) -> tuple[Any, Any]:
    """[T, B, K] and the mask [T, B] of real steps."""
    import torch

    parts = torch.split(emissions, (offsets[1:] - offsets[:-1]).tolist())
    lengths = torch.tensor([len(part) for part in parts])
    return torch.nn.utils.rnn.pad_sequence(list(parts)), torch.arange(int(lengths.max()))[:, None] < lengths


def batched_loss(crf: Any, emissions: Any, gold: Any, offsets: Any) -> Any:
    """−log p summed over the sequences, all of one step or more."""
    import torch

    pair, start, end = crf.scores()
    e, mask = padded(emissions, offsets)
    labels, _ = padded(gold, offsets)
    last, columns = mask.sum(0) - 1, torch.arange(e.shape[1])
    own = e.gather(2, labels[:, :, None])[:, :, 0]
    path = start[labels[0]] + (own * mask).sum(0) + end[labels[last, columns]] + (pair[labels[:-1], labels[1:]] * mask[1:]).sum(0)
    score = start + e[0]
    for t in range(1, len(e)):
        following = torch.logsumexp(score[:, :, None] + pair + e[t][:, None, :], dim=1)
        score = torch.where(mask[t][:, None], following, score)
    return (torch.logsumexp(score + end, dim=1) - path).sum()


def own_torch_loss(crf: Any, emissions: Any, gold: Any, offsets: Any) -> Any:
    """What runs where the engine was not built."""
    parts = crf.scores()
    return crf._log_partition(emissions, offsets, *parts).sum() - crf._path_score(emissions, gold, offsets, *parts)


def batched_viterbi(crf: Any, emissions: Any, offsets: Any) -> Any:
    """The best labels [N]."""
    import torch

    with torch.inference_mode():
        pair, start, end = crf.scores()
        e, mask = padded(emissions, offsets)
        score, back, stay = start + e[0], [], torch.arange(e.shape[2])
        for t in range(1, len(e)):
            best, before = (score[:, :, None] + pair).max(dim=1)
            running = mask[t][:, None]
            score = torch.where(running, best + e[t], score)
            back.append(torch.where(running, before, stay))
        labels = [(score + end).argmax(dim=1)]
        for before in reversed(back):
            labels.append(before.gather(1, labels[-1][:, None])[:, 0])
        return torch.stack(labels[::-1], dim=1)[mask.T]


if __name__ == "__main__":
    main()
