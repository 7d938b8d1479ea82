"""The trainings that claims (a), (b), (f) and (i) share: each is run once and its model directory kept."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.claims.claim import KEPT
from bench.claims.sets import SETS

# By name: the architecture, and what else differs from the settings of the set. lstm-wide has as many states as both directions of
# bilstm together: were width all that counts, it would be as good. -long trains so many times as many epochs: what learns sooner looks
# better where training is short. -ahead-k is trained to see k words ahead, not the whole sentence.
CONTENDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "lstm": ("lstm", {}),
    "gru": ("gru", {}),
    "bilstm": ("bilstm", {}),
    "bigru": ("bigru", {}),
    "lstm-wide": ("lstm", {"hidden_size": 200}),
    "lstm-long": ("lstm", {}),
    "gru-long": ("gru", {}),
    **{f"bilstm-ahead-{ahead}": ("bilstm", {"lookahead": ahead}) for ahead in (1, 2, 4)},
}
_LONGER = 3
TAGGED = ("ud_english_ewt", "wnut17", "snips_slots")
BOUNDED = ("ud_english_ewt", ("bilstm-ahead-1", "bilstm-ahead-2", "bilstm-ahead-4"))
LONG = ("snips_slots", "banking77", "tinyshakespeare")


@dataclass(frozen=True, slots=True)
class Run:
    """One training: a data set, a contender and a seed."""

    data: str
    contender: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.data}-{self.contender}-{self.seed}"

    @property
    def model(self) -> Path:
        """Its model directory."""
        return KEPT / "models" / self.name

    @property
    def settings(self) -> dict[str, Any]:
        arch, changes = CONTENDERS[self.contender]
        settings = {**SETS[self.data].settings, "arch": arch, "seed": self.seed, **changes}
        if self.contender.endswith("-long"):
            settings |= {name: _LONGER * settings[name] for name in ("max_epochs", "patience")}
        return settings

    @property
    def digest(self) -> str:
        """Of what was asked for: another setting is another run."""
        return hashlib.sha256(json.dumps([self.settings, SETS[self.data].read], sort_keys=True).encode()).hexdigest()[:12]

    @property
    def record(self) -> Path:
        return KEPT / "runs" / f"{self.name}.json"

    def done(self) -> dict[str, Any] | None:
        """What was written of it, if it was run with these settings."""
        if not self.record.exists():
            return None
        content: dict[str, Any] = json.loads(self.record.read_text(encoding="utf-8"))
        return content if content["digest"] == self.digest else None


def planned(letters: Sequence[str], seeds: Sequence[int] = (1, 2, 3)) -> list[Run]:
    """The runs that the claims of these letters need, those first that most hangs on: two seeds of all, then the third."""
    asked, runs = set(letters), []
    for some in (seeds[:2], seeds[2:]):
        for seed in some:
            if asked & set("abi"):
                runs += [Run(data, contender, seed) for data in TAGGED for contender in ("lstm", "bilstm")]
            if "f" in asked:
                runs += [Run(data, contender, seed) for data in SETS for contender in ("lstm", "gru")]
        if asked & set("ab"):
            runs += [Run(data, "lstm-wide", seed) for seed in some for data in TAGGED]
        if "i" in asked:
            runs += [Run(BOUNDED[0], contender, seed) for seed in some for contender in BOUNDED[1]]
        if "f" in asked:
            runs += [Run(data, contender, seed) for seed in some for data in LONG for contender in ("lstm-long", "gru-long")]
    if asked & set("ab"):
        runs += [Run(data, contender, seed) for seed in seeds for data in TAGGED for contender in ("gru", "bigru")]
    return list(dict.fromkeys(runs))


def run_all(letters: Sequence[str], seeds: Sequence[int], *, again: bool = False) -> None:
    """Runs what is not there yet; a failed run is told and the others go on."""
    for run in planned(letters, seeds):
        if not again and run.done() is not None:
            continue
        began = time.monotonic()
        try:
            found = one(run)
        except Exception as error:
            print(f"{run.name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            continue
        score = SETS[run.data].score
        epochs = f"best epoch {found['best_epoch']} of {len(found['epochs'])}"
        said = f"{run.name}: {score} dev {found['dev'][score]:.4f}, test {found['test'][score]:.4f}, {epochs}"
        print(f"{said}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def finished(data: str, contender: str, seeds: Sequence[int] = (1, 2, 3)) -> dict[int, dict[str, Any]]:
    """By seed what was written of the runs that are there."""
    found = {seed: Run(data, contender, seed).done() for seed in seeds}
    return {seed: content for seed, content in found.items() if content is not None}


def one(run: Run) -> dict[str, Any]:
    """Trains, and writes down what came out."""
    from tidegate.training.run import train

    task = SETS[run.data].task(run.settings)
    began = time.process_time()
    metrics = train(task, run.model, overwrite=True, quiet=True).metrics
    found: dict[str, Any] = {
        "digest": run.digest,
        "data": run.data,
        "contender": run.contender,
        "arch": run.settings["arch"],
        "seed": run.seed,
        "score": SETS[run.data].score,
        "score_name": task.score_name,
        "dev": _numbers(metrics["dev"]),
        "test": _numbers(metrics["test"]),
        "parameters": metrics["parameters"],
        "best_epoch": metrics["best_epoch"],
        "epochs": metrics["epochs"],
        "processor_seconds": round(time.process_time() - began, 2),
        "seconds": metrics["seconds"],
    }
    run.record.parent.mkdir(parents=True, exist_ok=True)
    run.record.write_text(json.dumps(found), encoding="utf-8")
    return found


def _numbers(scores: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in scores.items() if isinstance(value, int | float)}
