"""(f) Whether LSTM or GRU is the better one, over all data sets there are."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
from bench.claims.answers import contest
from bench.claims.claim import Claim, Found, Telling, Verdict, mean_and_spread, p_value, sign_test, table
from bench.claims.runs import LONG, finished
from bench.claims.sets import SETS

from tidegate.scoring.significance import holm


def measure() -> Found | None:
    """Every data set of which two runs with the same seed are there."""
    rows = []
    for name, data in SETS.items():
        runs = {contender: finished(name, contender) for contender in ("lstm", "gru")}
        seeds = sorted(set(runs["lstm"]) & set(runs["gru"]))
        if not seeds:
            continue
        found = contest(name, "gru", "lstm", seeds)
        rows.append(
            {
                "data": name,
                "seeds": seeds,
                **{contender: [own[seed]["test"][data.score] for seed in seeds] for contender, own in runs.items()},
                "parameters": {contender: own[seeds[0]]["parameters"] for contender, own in runs.items()},
                "seconds": {c: statistics.fmean(own[seed]["processor_seconds"] for seed in seeds) for c, own in runs.items()},
                "difference": found.difference,
                "low": found.low,
                "high": found.high,
                "p": found.p,
            }
        )
    return {"rows": rows, "long": list(filter(None, map(_long, LONG)))} if rows else None


def _long(name: str) -> dict[str, Any] | None:
    """A set on which both were trained three times as long, if they were."""
    runs = {contender: finished(name, f"{contender}-long") for contender in ("lstm", "gru")}
    seeds = sorted(set(runs["lstm"]) & set(runs["gru"]))
    if not seeds:
        return None
    found = contest(name, "gru-long", "lstm-long", seeds)
    scores = {contender: [own[seed]["test"][SETS[name].score] for seed in seeds] for contender, own in runs.items()}
    return {"data": name, "seeds": seeds, **scores, "low": found.low, "high": found.high, "p": found.p}


def _score_name(name: str) -> str:
    score = SETS[name].score
    return {"span_f1": "F1 of spans", "f1": "F1", "exact_match": "words right", "mase": "MASE"}.get(score, score)


def _shown_as(name: str) -> tuple[int, float]:
    """Digits and factor of a score: shares in %."""
    return (3, 1.0) if SETS[name].lower_is_better else (2, 100.0)


def _interval(row: dict[str, Any]) -> str:
    digits, factor = _shown_as(row["data"])
    return f"{factor * row['low']:+.{digits}f} to {factor * row['high']:+.{digits}f}"


def _longer(rows: list[dict[str, Any]]) -> str:
    """What becomes of the difference where training is longer."""
    still = [SETS[row["data"]].shown for row in rows if _change(row) < 0]
    sure = sum(row["p"] is not None and row["p"] < 0.05 for row in rows if _change(row) < 0)
    return (
        f"trained three times as long, the GRU is still ahead on {len(still)} of {len(rows)}"
        + (f" ({', '.join(still)})" if still else "")
        + f", by more than chance on {sure}."
    )


def _error(row: dict[str, Any], contender: str) -> float:
    """What is wrong, on the mean of the seeds: of shares the rest to 1."""
    score = statistics.fmean(row[contender])
    return score if SETS[row["data"]].lower_is_better else 1 - score


def _change(row: dict[str, Any]) -> float:
    """The GRU's error over the LSTM's, less 1."""
    return _error(row, "gru") / max(1e-9, _error(row, "lstm")) - 1


def tell(found: Found) -> Telling:
    from scipy.stats import wilcoxon  # type: ignore[import-untyped]

    rows = found["rows"]
    # One seed says nothing of other seeds, so such rows have no p.
    tested = [row for row in rows if len(row["seeds"]) > 1]
    adjusted = dict(zip((row["data"] for row in tested), holm([row["p"] for row in tested]), strict=True))
    lines, changes = [], np.array([_change(row) for row in rows])
    better = {"lstm": 0, "gru": 0, "neither": 0}
    for row, change in zip(rows, changes, strict=True):
        digits, factor = _shown_as(row["data"])
        p = adjusted.get(row["data"])
        said = "–" if p is None else "tie" if p >= 0.05 else "gru" if change < 0 else "lstm"
        if p is not None:
            better["neither" if said == "tie" else said] += 1
        lines.append(
            [
                SETS[row["data"]].shown,
                _score_name(row["data"]),
                mean_and_spread(row["lstm"], digits, factor),
                mean_and_spread(row["gru"], digits, factor),
                f"{100 * change:+.1f} %",
                _interval(row),
                "–" if p is None else p_value(p),
                said,
                str(len(row["seeds"])),
            ]
        )
    wins, losses = int((changes < 0).sum()), int((changes > 0).sum())
    signs = sign_test(wins, losses)
    ranks = float(wilcoxon(changes).pvalue) if len(changes) > 4 and changes.any() else 1.0
    is_even = min(signs, ranks) >= 0.05
    verdict: Verdict = (
        "holds" if is_even and not better["gru"] + better["lstm"] else "holds here, not there" if is_even else "does not hold"
    )
    read = "; ".join(f"{SETS[row['data']].shown}: {SETS[row['data']].read}" for row in rows)
    done = (
        "LSTM and GRU (Cho et al. 2014) in the same network with the same settings, as many units, epochs and draws of chance, one-way, "
        f"on {len(rows)} data sets of six tasks, each cut to what one core learns in about a minute. No setting was tuned for either. "
        "Texts are classified by the network alone, without n-grams beside it; labels of words are taken one by one (softmax). Read of "
        f"each: {read}."
    )
    came_out = (
        table(
            "data; score; lstm; gru; gru's error against lstm's; gru − lstm, 95 %; p (Holm); better; seeds",
            lines,
        )
        + "\n\nMean ± distance between best and worst seed; accuracy, F1 and words right in %, nats and MASE lower is better. p: over "
        "examples and seeds (exchanges and a bootstrap of two levels), adjusted for as many data sets; a tie from 0.05 on.\n\nOver the "
        f"data sets (Demšar 2006): the GRU has the smaller error on {wins}, the LSTM on {losses}; sign test p = {p_value(signs)}, "
        f"Wilcoxon's signed ranks of the relative errors p = {p_value(ranks)}; the median change of the error is "
        f"{100 * np.median(changes):+.1f} %."
    )
    longer = found.get("long", [])
    if longer:
        came_out += (
            "\n\nThe same trained three times as many epochs, since what learns sooner looks better where training is short:\n\n"
            + table(
                "data; score; lstm; gru; gru − lstm, 95 %; p; seeds",
                [
                    [
                        SETS[row["data"]].shown,
                        _score_name(row["data"]),
                        *(mean_and_spread(row[contender], *_shown_as(row["data"])) for contender in ("lstm", "gru")),
                        _interval(row),
                        p_value(row["p"]) if len(row["seeds"]) > 1 else "–",
                        str(len(row["seeds"])),
                    ]
                    for row in longer
                ],
            )
        )
    few = f" {len(rows) - len(tested)} data sets have one seed so far and no p." if len(tested) < len(rows) else ""
    over_all = "Over all of them neither is the better one"
    if not is_even:
        over_all = f"Over all of them the {'GRU' if wins > losses else 'LSTM'} is the better one here"
    parameters = statistics.median(row["parameters"]["gru"] / row["parameters"]["lstm"] for row in rows)
    because = (
        f"On single data sets {better['gru']} go to the GRU, {better['lstm']} to the LSTM, and {better['neither']} are ties. {over_all} (p "
        f"= {p_value(signs)} and {p_value(ranks)}), with a median of {parameters:.2f} times the parameters of the whole network.{few} "
        "Networks are small and trainings short here; " + (_longer(longer) if longer else "longer ones were not measured yet.")
    )
    return Telling(done, came_out, verdict, because)


CLAIMS = (
    Claim(
        "f",
        "Neither LSTM nor GRU is superior",
        "LSTM and GRU can be put in each other's place: neither is better in general.",
        measure,
        tell,
        "an hour, shared with (a), (b) and (i)",
        rests_on_runs=True,
    ),
)
