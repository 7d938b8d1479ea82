"""(a) Whether a Bi-LSTM tags better than an LSTM, and (b) whether it gets there in fewer epochs: the same runs, read twice."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from bench.claims.answers import contest
from bench.claims.claim import Claim, Found, Telling, Verdict, mean_and_spread, p_value, table
from bench.claims.runs import CONTENDERS, TAGGED, finished
from bench.claims.sets import SETS

from tidegate.scoring.significance import Contest, holm

_WIDE = CONTENDERS["lstm-wide"][1]["hidden_size"]
_SCORES = {"accuracy": "accuracy", "span_f1": "F1 of spans"}


def measure_scores() -> Found | None:
    """Every tagged set; a contender is there as soon as one run of it is."""
    rows = []
    for name in TAGGED:
        runs = {contender: own for contender in CONTENDERS if (own := finished(name, contender))}
        if "lstm" not in runs or "bilstm" not in runs:
            continue
        row: dict[str, Any] = {
            "data": name,
            "scores": {c: [one["test"][SETS[name].score] for one in own.values()] for c, own in runs.items()},
            "parameters": {c: next(iter(own.values()))["parameters"] for c, own in runs.items()},
            "contests": {},
        }
        for other in ("lstm", "lstm-wide"):
            seeds = sorted(set(runs["bilstm"]) & set(runs.get(other, {})))
            if seeds:
                found = contest(name, "bilstm", other, seeds)
                row["contests"][other] = _written(found, seeds)
        if set(runs.get("bigru", {})) & set(runs.get("gru", {})):
            seeds = sorted(set(runs["bigru"]) & set(runs["gru"]))
            found = contest(name, "bigru", "gru", seeds)
            row["contests"]["gru"] = {
                "difference": found.difference,
                "low": found.low,
                "high": found.high,
                "p": found.p,
                "seeds": len(seeds),
            }
        rows.append(row)
    return {"rows": rows} if rows else None


def _written(found: Contest, seeds: Sequence[int]) -> dict[str, Any]:
    return {"difference": found.difference, "low": found.low, "high": found.high, "p": found.p, "seeds": len(seeds)}


def tell_scores(found: Found) -> Telling:
    rows = found["rows"]
    # One seed says nothing of other seeds, so such pairs have no p.
    pairs = [(row["data"], other) for row in rows for other, one in row["contests"].items() if one["seeds"] > 1]
    ps = [one["p"] for row in rows for one in row["contests"].values() if one["seeds"] > 1]
    adjusted = dict(zip(pairs, holm(ps), strict=True))
    scores = table(
        "data; score; lstm; lstm-wide; bilstm; gru; bigru; parameters of lstm; lstm-wide; bilstm",
        [
            [
                SETS[row["data"]].shown,
                _SCORES[SETS[row["data"]].score],
                *(
                    mean_and_spread(row["scores"][c], 2, 100) + f" ({len(row['scores'][c])})" if c in row["scores"] else "–"
                    for c in ("lstm", "lstm-wide", "bilstm", "gru", "bigru")
                ),
                *(f"{row['parameters'][c]:,}" if c in row["parameters"] else "–" for c in ("lstm", "lstm-wide", "bilstm")),
            ]
            for row in rows
        ],
    )
    names = {"lstm": "bilstm − lstm", "lstm-wide": "bilstm − lstm-wide", "gru": "bigru − gru"}
    differences = table(
        "data; pair; difference; 95 %; p (Holm); seeds",
        [
            [
                SETS[row["data"]].shown,
                names[other],
                f"{100 * one['difference']:+.2f}",
                f"{100 * one['low']:+.2f} to {100 * one['high']:+.2f}",
                p_value(adjusted[row["data"], other]) if one["seeds"] > 1 else "– (one seed)",
                str(one["seeds"]),
            ]
            for row in rows
            for other, one in row["contests"].items()
        ],
    )

    def is_above(row: dict[str, Any], other: str) -> bool:
        one = row["contests"].get(other)
        return one is not None and one["difference"] > 0 and one["seeds"] > 1 and adjusted[row["data"], other] < 0.05

    above = [row for row in rows if is_above(row, "lstm")]
    against_wide = [row for row in rows if "lstm-wide" in row["contests"]]
    above_wide = [row for row in against_wide if is_above(row, "lstm-wide")]
    verdict: Verdict = "holds" if len(above) == len(rows) else "holds here, not there" if above else "does not hold"
    done = (
        "One network for all (vectors of words, their shape and spelling, one recurrent layer of 100 units a direction, softmax), trained "
        "alike; development data choose the epoch, test data are scored once. **Softmax, not a CRF**: a CRF chooses the labels of a "
        f"sentence together, so that a one-way network would see the right after all. lstm-wide has {_WIDE} units, as many states as both "
        "directions together, and more weights. "
        + "; ".join(f"{SETS[name].shown}: {SETS[name].read}" for name in (row["data"] for row in rows))
        + "."
    )
    came_out = (
        f"Test scores, %, mean ± distance between best and worst seed (seeds):\n\n{scores}\n\nPaired, over examples and seeds (exchanges "
        f"and a bootstrap of two levels), p adjusted for all pairs:\n\n{differences}"
    )
    gains = ", ".join(f"{100 * row['contests']['lstm']['difference']:+.1f} on {SETS[row['data']].shown}" for row in rows)
    over_wide = ", ".join(f"{100 * row['contests']['lstm-wide']['difference']:+.1f}" for row in against_wide)
    because = (
        f"Reading both ways adds {gains} (points); {len(above)} of {len(rows)} are more than chance. "
        + (
            f"It is not the larger network: against an LSTM of twice the width it is {over_wide}, {len(above_wide)} of {len(against_wide)} "
            "more than chance."
            if against_wide
            else "Against an LSTM of twice the width it was not measured yet."
        )
        + " The sets and networks are smaller than those whose scores are published; see bench/RESULTS.md for the full recipes."
    )
    return Telling(done, came_out, verdict, because)


def measure_epochs() -> Found | None:
    """Histories of the runs of which both are there with the same seed."""
    rows = []
    for name in TAGGED:
        runs = {contender: finished(name, contender) for contender in ("lstm", "bilstm")}
        seeds = sorted(set(runs["lstm"]) & set(runs["bilstm"]))
        if not seeds:
            continue
        rows.append(
            {
                "data": name,
                "seeds": seeds,
                **{c: [[epoch["dev_score"] for epoch in own[seed]["epochs"]] for seed in seeds] for c, own in runs.items()},
                "seconds": {
                    c: statistics.fmean(own[seed]["processor_seconds"] / len(own[seed]["epochs"]) for seed in seeds)
                    for c, own in runs.items()
                },
            }
        )
    return {"rows": rows} if rows else None


def epochs_to(history: Sequence[float], score: float) -> int | None:
    """The first epoch, from 1, with so high a development score; None where there is none."""
    return next((number for number, value in enumerate(history, 1) if value >= score), None)


def _spoken(epochs: Sequence[int | None]) -> str:
    known = [number for number in epochs if number is not None]
    if not known:
        return "never"
    return f"{statistics.fmean(known):.1f} ({', '.join('never' if number is None else str(number) for number in epochs)})"


def tell_epochs(found: Found) -> Telling:
    lines, sooner, own_sooner, times = [], [], [], []
    for row in found["rows"]:
        pairs = list(zip(row["lstm"], row["bilstm"], strict=True))
        to_best = [(epochs_to(one, max(one)), epochs_to(both, max(one))) for one, both in pairs]
        to_share = [(epochs_to(one, 0.95 * max(one)), epochs_to(both, 0.95 * max(both))) for one, both in pairs]
        back = [epochs_to(one, max(both)) for one, both in pairs]
        sooner += [both is not None and one is not None and both < one for one, both in to_best]
        own_sooner += [both is not None and one is not None and both < one for one, both in to_share]
        cost = row["seconds"]["bilstm"] / row["seconds"]["lstm"]
        times += [both * cost / one for one, both in to_best if one and both]
        lines.append(
            [
                SETS[row["data"]].shown,
                _spoken([one for one, _ in to_best]),
                _spoken([both for _, both in to_best]),
                _spoken(back),
                _spoken([one for one, _ in to_share]),
                _spoken([both for _, both in to_share]),
                f"{cost:.2f}",
            ]
        )
    count = len(sooner)
    share = 0.0 if not count else sum(sooner) / count
    verdict: Verdict = "holds" if share == 1 and all(own_sooner) else "does not hold" if share < 0.5 else "holds here, not there"
    done = (
        "The development scores of (a)'s runs after each epoch, seed by seed: how many epochs the Bi-LSTM needs to the LSTM's best score, "
        "how many the LSTM needed itself, whether the LSTM ever comes to the Bi-LSTM's best, and how many epochs each needs to 95 % of "
        "its own best. Scores are those of the moving average of the weights; the learning rate falls to 0 over the same number of epochs."
    )
    came_out = (
        table(
            "data; lstm to its best; bilstm to the lstm's best; lstm to the bilstm's best; lstm to 95 % of its own; bilstm to 95 % of its "
            "own; an epoch's time, bilstm / lstm",
            lines,
        )
        + "\n\nEpochs: mean (each seed)."
    )
    because = (
        f"The Bi-LSTM comes to the LSTM's best score sooner in {sum(sooner)} of {count} pairs of runs"
        + (f", in {statistics.median(times):.2f} times the time" if times else "")
        + f", although each epoch costs more. To 95 % of its own best it is sooner in {sum(own_sooner)} of {count}: "
        + (
            "it learns faster by its own measure too."
            if sum(own_sooner) > 0.8 * count
            else "that is, it gets to a given score earlier because it gets further, not because it would be done learning earlier."
        )
    )
    return Telling(done, came_out, verdict, because)


CLAIMS = (
    Claim(
        "a",
        "A Bi-LSTM tags better than an LSTM",
        "Reading a sentence from both ends gives better parts of speech and named entities than reading it one way.",
        measure_scores,
        tell_scores,
        "twenty minutes, shared with (b), (f) and (i)",
        rests_on_runs=True,
    ),
    Claim(
        "b",
        "In fewer epochs",
        "With more context a Bi-LSTM also learns faster than an LSTM.",
        measure_epochs,
        tell_epochs,
        "nothing beside (a)",
        rests_on_runs=True,
    ),
)
