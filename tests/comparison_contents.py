"""Contents of results.json as a comparison might write them: made up, but adding up. What the tests of the report read."""

from __future__ import annotations

import math
import random
from statistics import mean, stdev
from typing import Any

ARCHS = ("rnn", "lstm", "gru", "bilstm", "bigru")
BASELINES = ("majority", "tf-idf + linear SVM")


def results_content(
    archs: tuple[str, ...] = ARCHS,
    *,
    seeds: int = 3,
    baselines: tuple[str, ...] = BASELINES,
    labels: tuple[str, ...] = ("ham", "spam"),
    shares: tuple[float, ...] = (1.0,),
    examples: int = 12,
    is_lower_better: bool = False,
    failed: tuple[str, ...] = (),
    text: str = "Free entry in 2 a wkly comp to win FA Cup final tkts",
) -> dict[str, Any]:
    """A content of version 2, made by chance that is the same each time. `failed` architectures have no run that ended well."""
    chance = random.Random(1)
    sign = -1 if is_lower_better else 1
    good = {name: 0.955 + 0.03 * place / len(archs) for place, name in enumerate(archs)} | dict(
        zip(baselines, (0.862, 0.969), strict=False)
    )
    runs = [
        _run(chance, name, kind, seed, share, good[name] if sign > 0 else 2 - good[name], name in failed, len(archs))
        for share in sorted(shares, reverse=True)
        for kind, names, count in (("baseline", baselines, 1), ("network", archs, seeds))
        for seed in range(1, count + 1)
        for name in names
    ]
    rows = [_row(name, share, runs) for share in shares for name in (*archs, *baselines)]
    rows.sort(key=lambda row: (-row["share"], row["score"] is None, -sign * (row["score"] or 0)))
    scored = [row["name"] for row in rows if row["share"] == max(shares) and row["score"] is not None]
    best = {row["name"]: row["score"] for row in rows if row["share"] == max(shares)}
    pairs = [_pair(a, b, best[a] - best[b], seeds) for place, a in enumerate(scored) for b in scored[place + 1 :]]
    choice = next((name for name in scored if name in archs), None)
    sentences = [
        f"Choose {choice}: as good as the best (p = 0.41) and 1.3 × faster to train.",
        "If answers are needed while the sequence still comes: gru.",
    ]
    return {
        "format": "tidegate-comparison",
        "format_version": 2,
        "tidegate_version": "0.1.0",
        "task": "classify",
        "score": "nats a unit" if is_lower_better else "accuracy",
        "lower_is_better": is_lower_better,
        "scored_on": "test",
        "machine": "x86_64, 2 threads, Python 3.11.9",
        "recipe": {"task": "classify", "hidden_size": 128, "label": labels[0]},
        "records_sha256": "0f" * 32,
        "archs": list(archs),
        "seeds": seeds,
        "folds": 0,
        "shares": list(shares),
        "leaderboard": rows,
        "runs": runs,
        "pairs": pairs,
        "verdict": {"choice": choice, "sentences": sentences if choice else ["Every run failed."]},
        "cost": {
            "forecast": {"minutes": 7.9, "megabytes": 21.0, "by_arch": dict.fromkeys(archs, 0.5), "pilot_seconds": 6.2},
            "spent": {"minutes": 5.4, "megabytes": 19.3},
        },
        "differences": _differences(chance, scored, good, labels),
        "disagreements": [_disagreement(chance, scored, labels, f"{text} {number}") for number in range(examples)],
        "failures": [
            f"{run['name']}, seed {run['seed']}: RunError: the loss became nan <at> step 3" for run in runs if run["score"] is None
        ],
    }


def _run(chance: random.Random, name: str, kind: str, seed: int, share: float, good: float, is_failed: bool, many: int) -> dict[str, Any]:
    score = round(good - 0.03 * (1 - share) + chance.gauss(0, 0.0025 if kind == "network" else 0), 6)
    cost = (2 if name.startswith("bi") else 1) * (0.6 + len(name) / 6)
    is_network = kind == "network"
    count = chance.randint(9, 14)
    epochs = [
        {"epoch": k, "train_loss": math.exp(-k / 3), "dev_score": score - 0.25 * math.exp(-k / (1 + cost / 3)) + chance.gauss(0, 0.002)}
        for k in range(1, count + 1)
    ]
    bins = [
        {
            "low": k / 10,
            "high": (k + 1) / 10,
            "n": int(4 + k**3 / 2),
            "confidence": k / 10 + 0.06,
            "accuracy": min(1, k / 10 + chance.uniform(-0.1, 0.1) + 0.02),
        }
        for k in range(4, 10)
    ]
    run: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "seed": seed,
        "fold": None,
        "share": share,
        "score": None if is_failed else score,
        "scores": {},
        "parameters": int(40_000 * cost) if is_network else None,
        "megabytes": 0.3 * cost if is_network else None,
        "train_seconds": (18 if is_network else 0.4) * cost * share * chance.uniform(0.9, 1.1),
        "ms_per_sequence": (0.2 if is_network else 0.03) * cost,
        "ms_per_step_p50": 0.02 * cost if is_network and not name.startswith("bi") else None,
        "ms_per_step_p99": 0.05 * cost if is_network and not name.startswith("bi") else None,
        "epochs": epochs if is_network and not is_failed else None,
        "calibration": {"ece": 0.01 * cost, "bins": bins} if is_network and not is_failed else None,
        "failure": "RunError: the loss became nan" if is_failed else "",
    }
    return run


def _row(name: str, share: float, runs: list[dict[str, Any]]) -> dict[str, Any]:
    own = [run for run in runs if run["name"] == name and run["share"] == share]
    done = [run for run in own if run["score"] is not None]
    scores = [run["score"] for run in done]
    first = (done or own)[0]
    keys = ("parameters", "megabytes", "train_seconds", "ms_per_sequence", "ms_per_step_p50", "ms_per_step_p99")
    return {
        "name": name,
        "title": "gru (Cho 2014)" if name == "gru" else name,
        "kind": first["kind"],
        "share": share,
        "score": mean(scores) if scores else None,
        "spread": stdev(scores) if len(scores) > 1 else None,
        **{key: first[key] if done else None for key in keys},
        "epochs_to_95": 3 if done and first["kind"] == "network" else None,
        "ece": first["calibration"]["ece"] if first["calibration"] else None,
        "runs": len(own),
        "failed": len(own) - len(done),
    }


def _pair(a: str, b: str, difference: float, seeds: int) -> dict[str, Any]:
    p = min(1.0, 2 * math.exp(-abs(difference) * 350)) if seeds > 1 else None
    return {
        "a": a,
        "b": b,
        "difference": difference,
        "low": difference - 0.008,
        "high": difference + 0.008,
        "p": p,
        "p_adjusted": None if p is None else min(1.0, 2 * p),
        "is_tie": p is not None and 2 * p >= 0.05,
        "seeds": seeds,
        "examples": 1115,
    }


def _differences(chance: random.Random, names: list[str], good: dict[str, float], labels: tuple[str, ...]) -> dict[str, Any]:
    def near(name: str, width: float) -> float:
        return max(0.0, min(1.0, good[name] - chance.uniform(0, width)))

    lengths = ((1, 6), (7, 12), (13, 19), (20, 26), (27, 60))
    positions = [*(str(k) for k in range(1, 11)), "11-20", "21-30"]
    return {
        "by_label": {label: {name: near(name, 0.3) for name in names} for label in labels},
        "by_length": [
            {"low": low, "high": high, "n": chance.randint(20, 400), "scores": {name: near(name, 0.06) for name in names}}
            for low, high in lengths
        ],
        "by_position": {
            "name": "word",
            "rows": [{"position": place, "scores": {name: near(name, 0.05) for name in names}} for place in positions],
        },
    }


def _disagreement(chance: random.Random, names: list[str], labels: tuple[str, ...], text: str) -> dict[str, Any]:
    right = chance.choice(labels)
    answers = {name: right if chance.random() < 0.5 else chance.choice(labels) for name in names}
    return {"input": text, "right": right, "answers": answers, "is_right": {name: given == right for name, given in answers.items()}}
