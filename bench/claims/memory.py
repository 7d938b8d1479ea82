"""(g) Whether z goes to 1 where what came first is to be told at the end."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from bench.claims.claim import Claim, Found, Telling, Verdict, mean_and_spread, table
from bench.claims.first import (
    BATCH,
    DISTANCES,
    HIDDEN,
    KINDS,
    LONGEST,
    NEAR,
    SEEDS,
    SHOWN,
    STEPS,
    TESTED,
    FirstThing,
    Floats,
    accuracy,
    drawn,
    tested,
    trained,
)
from numpy.typing import NDArray

from tidegate.kernels.gates import gates_of, states_before
from tidegate.kernels.twins import logistic

HELD = (0.5, 0.9)  # values at which z is held
DELETED = 0.25  # share of the units that are deleted
_QUARTER = HIDDEN // 4


def gru_states(network: FirstThing, things: Floats, *, held: float | None = None, deleted: NDArray[np.bool_] | None = None) -> Floats:
    """[B, T, H] of a GRU (Cho et al. 2014) step by step; behind the first thing z held at a value, or units of h set to 0 at every step."""
    w = network.weights()
    inputs = things @ network.vectors.weight.detach().numpy().T.astype(np.float64) + network.vectors.bias.detach().numpy()
    matrix, bias = w.recurrent
    w_r, w_z, w_n = np.split(w.weight_ih.astype(np.float64), 3)
    u_r, u_z, u_n = np.split(matrix.astype(np.float64), 3)
    b_r, b_z, b_n = np.split((w.bias_ih + bias).astype(np.float64), 3)
    h, states = np.zeros((len(things), HIDDEN)), np.empty((*things.shape[:2], HIDDEN))
    for step in range(things.shape[1]):
        x = inputs[:, step]
        r, z = logistic(x @ w_r.T + h @ u_r.T + b_r), logistic(x @ w_z.T + h @ u_z.T + b_z)
        if held is not None and step:
            z = np.full_like(z, held)
        n = np.tanh(x @ w_n.T + (r * h) @ u_n.T + b_n)
        h = z * h + (1 - z) * n
        if deleted is not None:
            h = np.where(deleted, 0.0, h)
        states[:, step] = h
    return states


def changed_accuracy(network: FirstThing, between: int, seed: int, **change: Any) -> float:
    """As `accuracy`, the GRU changed as `gru_states` says."""
    things = tested(network.kind, seed, between)
    return network.right(gru_states(network, things, **change)[:, -1], things)


def z_over_steps(network: FirstThing, seed: int) -> Floats:
    """[T, H], z at each step, a mean over sequences with `SHOWN` things behind the first."""
    things = drawn(network.kind, np.random.default_rng([seed, 2]), 200, SHOWN)
    with torch.no_grad():
        x = network.vectors(torch.from_numpy(things).float())
        states = network.states_of(x).numpy().reshape(-1, HIDDEN)
    before = states_before(states, np.arange(len(things) + 1) * (SHOWN + 1))
    z = gates_of("gru", network.weights(), x.numpy().reshape(len(states), -1), before)["z"]
    means: Floats = z.reshape(len(things), SHOWN + 1, HIDDEN).mean(axis=0).astype(np.float64)
    return means


def measure() -> Found:
    """The GRU with every kind of thing and every seed."""
    found: Found = {kind: [_of(kind, seed) for seed in SEEDS] for kind in KINDS}
    untrained = [float(z_over_steps(FirstThing("gru", "a number", seed).eval(), seed)[1:].mean()) for seed in SEEDS]
    return {"kinds": found, "untrained": statistics.fmean(untrained)}


def _of(kind: str, seed: int) -> dict[str, Any]:
    network = trained("gru", kind, seed)
    some = tested(kind, seed, SHOWN)[:4]
    away = np.abs(gru_states(network, some) - network.states(some).detach().numpy()).max()
    if away > 1e-4:
        raise ArithmeticError(f"the GRU written out here is {away:.1e} away from the engine's")
    z = z_over_steps(network, seed)
    kept = z[1:].mean(axis=0)
    order, rng, count = np.argsort(-kept), np.random.default_rng([seed, 3]), round(DELETED * HIDDEN)

    def without(places: NDArray[np.int64]) -> float:
        mask = np.zeros(HIDDEN, dtype=bool)
        mask[places] = True
        return changed_accuracy(network, SHOWN, seed, deleted=mask)

    return {
        "accuracy": {str(d): accuracy(network, d, seed) for d in DISTANCES},
        "held": {str(held): changed_accuracy(network, SHOWN, seed, held=held) for held in HELD},
        "deleted": {
            "keeping": without(order[:count]),
            "others": without(order[-count:]),
            "random": statistics.fmean(without(rng.permutation(HIDDEN)[:count]) for _ in range(5)),
        },
        "z": {
            "later": float(kept.mean()),
            "quarter": float(kept[order[:_QUARTER]].mean()),
            "above": float((kept > 0.9).mean()),
        },
        "steps": {
            "the quarter that keeps most": z[:, order[:_QUARTER]].mean(axis=1).round(4).tolist(),
            "all units": z.mean(axis=1).round(4).tolist(),
        },
    }


def tell(found: Found) -> Telling:
    kinds = found["kinds"]

    def over(kind: str, pick: Callable[[Any], float]) -> str:
        return mean_and_spread([pick(one) for one in kinds[kind]], 1, 100)

    def mean(kind: str, pick: Callable[[Any], float]) -> float:
        return statistics.fmean(pick(one) for one in kinds[kind])

    by_distance = table(
        "what came first; " + "; ".join(f"{d} between" for d in DISTANCES),
        [[kind, *(over(kind, lambda one, d=d: one["accuracy"][str(d)]) for d in DISTANCES)] for kind in kinds],
    )
    of_z = table(
        "what came first; z, all units; z, the quarter that keeps most; units above 0.9, %",
        [
            [
                kind,
                f"{mean(kind, lambda one: one['z']['later']):.2f}",
                f"{mean(kind, lambda one: one['z']['quarter']):.4f}",
                over(kind, lambda one: one["z"]["above"]),
            ]
            for kind in kinds
        ],
    )
    share = f"{100 * DELETED:.0f} % of the units set to 0"
    changes = table(
        f"what came first; as trained; z held at {HELD[0]}; at {HELD[1]}; {share}: those of highest z; those of lowest; any, by chance",
        [
            [
                kind,
                over(kind, lambda one: one["accuracy"][str(SHOWN)]),
                *(over(kind, lambda one, held=held: one["held"][str(held)]) for held in HELD),
                *(over(kind, lambda one, which=which: one["deleted"][which]) for which in ("keeping", "others", "random")),
            ]
            for kind in kinds
        ],
    )
    goes_to_1 = [kind for kind in kinds if mean(kind, lambda one: one["z"]["quarter"]) > 0.9]
    verdict: Verdict = "does not hold" if not goes_to_1 else "holds" if len(goes_to_1) == len(kinds) else "holds here, not there"
    done = (
        f"A GRU as Cho et al. 2014 write it (h' = z∘h + (1 − z)∘n: z keeps), {HIDDEN} units, reads a sequence and tells at its end what "
        "came **first**; all that follows is of the same kind and only in the way. Three kinds: one of 8 words, one of 256, a number "
        f"between −1 and 1 (told: within {NEAR}). {STEPS:,} batches of {BATCH} sequences with 0 to {LONGEST} things in the way; {TESTED:,} "
        f"new sequences a distance, {len(SEEDS)} seeds. Then z is looked at, held at one value at every step behind the first, and units "
        "are deleted. (Some texts swap z and 1 − z in the equation and yet say that z near 1 keeps the past; that is true of the form "
        "above.)"
    )
    came_out = (
        f"Told rightly, %, mean ± distance between best and worst seed; more than {LONGEST} between were never "
        f"trained:\n\n{by_distance}\n\nz behind the first thing, {SHOWN} between; untrained it is "
        f"{found['untrained']:.2f}:\n\n{of_z}\n\n![z over the steps](images/claims/g-z.svg)\n\nWhat changes do, {SHOWN} between, told "
        f"rightly, %:\n\n{changes}"
    )
    few, number = "one of 8 words", "a number"
    because = (
        f"A number has to be kept as it is, and there z goes to {mean(number, lambda one: one['z']['quarter']):.4f} in the quarter of the "
        f"units that keeps most; without those {100 * mean(number, lambda one: one['deleted']['keeping']):.0f} % are told, without as many "
        f"of the lowest z {100 * mean(number, lambda one: one['deleted']['others']):.0f} %. One of 8 words is carried as surely, {SHOWN} "
        f"others between, with z at {mean(few, lambda one: one['z']['quarter']):.2f} in that quarter: h and the candidate n hold each "
        f"other up, so that what is thrown away at a step is written anew by the next. With z held at {HELD[0]}, "
        f"{100 * mean(few, lambda one: one['held'][str(HELD[0])]):.0f} % of the 8 words are still told, but "
        f"{100 * mean(number, lambda one: one['held'][str(HELD[0])]):.0f} % of the numbers. So a gate near 1 says that something is kept; "
        "a gate far from 1 does not say that nothing is."
    )
    return Telling(done, came_out, verdict, because)


def pictures(found: Found) -> Mapping[str, Any]:
    from bench.claims.pictures import lines

    steps = list(range(SHOWN + 1))
    series = {f"{kind}, {which}": (steps, own[0]["steps"][which]) for kind, own in found["kinds"].items() for which in own[0]["steps"]}
    title = "z of GRUs that hold on to what came first (seed 1; dashed: all units)"
    return {"g-z.svg": lines(series, x="step (0: what is to be told)", y="z, mean over sequences", title=title, dashed=("all units",))}


CLAIMS = (
    Claim(
        "g",
        "z near 1 carries the first words to the end",
        "Where what matters stands at the beginning, a GRU's update gate goes towards 1 and carries it to the end.",
        measure,
        tell,
        "two minutes",
        pictures,
    ),
)
