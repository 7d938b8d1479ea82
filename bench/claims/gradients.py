"""(h) How far gradients reach in an rnn, an lstm and a gru, before and after they have learnt to reach far."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from bench.claims.claim import Claim, Found, Telling, Verdict, mean_and_spread, table
from bench.claims.first import HIDDEN, SEEDS, SHOWN, FirstThing, accuracy, drawn, trained

REACHED = (0, 1, 2, 5, 10, 20, 30, 40, 50, 75, 100)
CELLS = ("rnn", "lstm", "gru")
TASKS = ("one of 8 words", "a number")
# Name, cell, whether the gate that keeps begins with 1 on its bias.
BEGINNINGS = (
    ("rnn", "rnn", True),
    ("lstm", "lstm", True),
    ("gru", "gru", True),
    ("lstm, no bias", "lstm", False),
    ("gru, no bias", "gru", False),
)


def norms(network: FirstThing, seed: int, distance: int, *, sequences: int = 16, probes: int = 8) -> list[float]:
    """‖∂h_T / ∂x_(T−k)‖ for k = 0 to `distance`, where the sequence begins: Frobenius norms, in float64, a geometric mean over sequences.

    E‖Jᵀv‖² over v of independent standard normal numbers is ‖J‖²; so many v are drawn.
    """
    network = network.double()
    things = drawn(network.kind, np.random.default_rng([seed, 4]), sequences, distance)
    x = network.vectors(torch.from_numpy(things)).detach().requires_grad_()
    last = network.states_of(x)[:, -1]
    torch.manual_seed(seed)
    squares = torch.zeros(sequences, distance + 1, dtype=torch.float64)
    for _ in range(probes):
        (gradient,) = torch.autograd.grad((last * torch.randn_like(last)).sum(), x, retain_graph=True)
        squares += gradient.square().sum(dim=2) / probes
    means = squares.sqrt().clamp_min(1e-300).log().mean(dim=0).exp()
    network.float()
    return [float(value) for value in means.flip(0)]


def reach(network: FirstThing, seed: int) -> dict[str, float]:
    """By distance the norm for the first step of sequences just so long; under 'between' that for a step in the middle of long ones."""
    found = {str(distance): norms(network, seed, distance)[-1] for distance in REACHED}
    return found | {"between": norms(network, seed, REACHED[-1])[SHOWN]}


def measure() -> Found:
    """Every cell with every seed, before and after training."""
    found: Found = {"before": {}, "after": {}, "accuracy": {}}
    for name, cell, keeps in BEGINNINGS:
        found["before"][name] = [reach(FirstThing(cell, TASKS[0], seed, keeps=keeps), seed) for seed in SEEDS]
    for task in TASKS:
        for cell in CELLS:
            name = f"{cell}, {task}"
            found["accuracy"][name] = [accuracy(trained(cell, task, seed), SHOWN, seed) for seed in SEEDS]
            found["after"][name] = [reach(trained(cell, task, seed), seed) for seed in SEEDS]
    return found


def _lost(curves: Sequence[Mapping[str, float]], distance: int | str = SHOWN) -> list[float]:
    """Of each seed how many powers of ten the norm at a distance lies below that at distance 0."""
    return [float(np.log10(curve["0"] / curve[str(distance)])) for curve in curves]


def tell(found: Found) -> Telling:
    shown = (10, 20, 50, 100)

    def lost(part: str, name: str, distance: int | str = SHOWN) -> float:
        return round(statistics.fmean(_lost(found[part][name], distance)), 1) + 0.0  # no −0.0

    def told(cell: str) -> float:
        return 100 * statistics.fmean(found["accuracy"][f"{cell}, {TASKS[0]}"])

    head = "; ".join(f"{distance} steps" for distance in shown)
    before = [[name, *(f"{lost('before', name, d):.1f}" for d in shown)] for name, _, _ in BEGINNINGS]
    after = [
        [
            task,
            cell,
            *(mean_and_spread(_lost(found["after"][f"{cell}, {task}"], d), 1) for d in shown),
            f"{lost('after', f'{cell}, {task}', 'between'):.1f}",
            mean_and_spread(found["accuracy"][f"{cell}, {task}"], 1, 100),
        ]
        for task in TASKS
        for cell in CELLS
    ]
    words, number = TASKS
    lstm, gru, rnn = (f"{cell}, {number}" for cell in ("lstm", "gru", "rnn"))
    opened = max(lost("after", lstm), lost("after", gru)) < 1
    at_once = max(lost("before", "lstm"), lost("before", "gru")) < 1
    helps = min(lost("after", rnn) - lost("after", one) for one in (lstm, gru)) > 1
    verdict: Verdict = ("holds" if at_once else "holds here, not there") if opened and helps else "does not hold"
    done = (
        f"The norm of ∂h_T / ∂x_(T−k) of rnn, lstm and gru, {HIDDEN} units, in float64 (Frobenius norm by 8 random projections, geometric "
        f"mean over 16 sequences), {len(SEEDS)} seeds: before training, and after training on the task of (g). The sequence begins at "
        'T − k, so it is the gradient towards what is to be told. "No bias" begins as torch.nn does; the others begin with 1 on the '
        "bias of the gate that keeps, as tidegate does (Jozefowicz et al. 2015)."
    )
    came_out = (
        f"Powers of ten that are lost against k = 0, means over the seeds. Before training:\n\n{table('cell; ' + head, before)}\n\nAfter "
        f"training (± distance between seeds), and how much is told over {SHOWN} "
        f"others:\n\n{table('what came first; cell; ' + head + f'; {SHOWN} steps, towards one between; told, %', after)}\n\n![Gradient "
        "norm over distance](images/claims/h-reach.svg)"
    )
    because = (
        f"Gates are no cure by themselves: before training {lost('before', 'lstm'):.1f} (lstm) and {lost('before', 'gru'):.1f} (gru) "
        f"powers of ten are lost over {SHOWN} steps, without the bias {lost('before', 'lstm, no bias'):.1f} and "
        f"{lost('before', 'gru, no bias'):.1f}; in an rnn {lost('before', 'rnn'):.1f}. What they give is that training can open a way: "
        f"where a number is to be kept, {lost('after', lstm):.1f} and {lost('after', gru):.1f} powers are lost afterwards, in the rnn "
        f"{lost('after', rnn):.1f}. And a long memory does not need a large gradient: where one of 8 words is kept, the lstm tells "
        f"{told('lstm'):.0f} % over {SHOWN} others with {lost('after', f'lstm, {words}'):.1f} powers lost, and even the rnn "
        f"{told('rnn'):.0f} % with {lost('after', f'rnn, {words}'):.1f}, since a state that falls back to one of 8 forgets how it came "
        "there (Bengio et al. 1994)."
    )
    return Telling(done, came_out, verdict, because)


def pictures(found: Found) -> Mapping[str, Any]:
    from bench.claims.pictures import lines

    series: dict[str, Any] = {}
    for part, names in (("before", CELLS), ("after", [f"{cell}, a number" for cell in CELLS])):
        for cell, name in zip(CELLS, names, strict=True):
            means = [-statistics.fmean(_lost(found[part][name], d)) for d in REACHED]
            series[f"{cell}, {part} training"] = (REACHED, means)
    title = "What is left of the gradient, task: a number (dashed: before training)"
    return {"h-reach.svg": lines(series, x="k, steps", y="powers of ten against k = 0", title=title, dashed=("before",))}


CLAIMS = (
    Claim(
        "h",
        "Gates against the vanishing gradient",
        "Since gates let states pass unchanged, gradients need not vanish over long distances in an LSTM or a GRU as they do in a plain "
        "RNN.",
        measure,
        tell,
        "three minutes",
        pictures,
    ),
)
