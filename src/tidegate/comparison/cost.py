"""What a comparison will cost, from a short pilot of every architecture, and what it did cost."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from tidegate.comparison.baselines import baselines_of
from tidegate.comparison.leaderboard import Run
from tidegate.comparison.measuring import Counted, Step
from tidegate.errors import TidegateError
from tidegate.training.run import Pilot, pilot

# After so long no further step of an architecture's pilot is begun.
_PILOT_SECONDS = 1.5
# A network's outcomes are found and its answers timed: so many times as long as scoring the development data once.
_MEASURING = 5
# Around every network's training: Lightning's start, checkpoints, the curve, writing, loading, timing a session; and once at the end the
# judging and the figures. Measured on 2 shared cores.
_AROUND_RUN, _AT_END = 1.5, 4.0
# Of results.json, the report and its figures; and what the outcomes of an example come to.
_REPORT_MEGABYTES, _EXAMPLE_BYTES = 2.0, 60


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the runs that are left will cost with every epoch, on a machine that is as busy as it was during the pilots.

    It is no bound: where training stops early they cost less, and where other work begins meanwhile, more. `seconds_left` and
    `seconds_left_within` put it right by what has run.

    Attributes:
        pilots: by architecture; one whose pilot failed is missing.
        pilot_seconds: that all pilots took together.
        counting: seconds of counting and encoding the data, once a portion and seed; the same is taken for a baseline.
        spent_before: minutes that a comparison which is gone on with has cost already.
        time_budget: seconds, where there is one.
        baselines: seconds that each may take at most, beside the counting.
    """

    runs: Sequence[Run]
    pilots: Mapping[str, Pilot]
    pilot_seconds: float
    counting: float
    examples: int
    spent_before: float = 0.0
    time_budget: float | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
    baselines: Mapping[str, float] = field(default_factory=dict)

    def seconds_of(self, run: Run) -> float:
        """Of one run. Where its architecture's pilot failed, of the others' mean."""
        if run.kind == "baseline":
            return self.counting + self.baselines.get(run.name, 0.0)
        known = self.pilots.get(run.name)
        seconds = known.seconds if known else mean(own.seconds for own in self.pilots.values()) if self.pilots else 0.0
        measuring = known.dev_seconds * _MEASURING if known else 0.0
        return run.share * seconds + measuring + _AROUND_RUN

    @property
    def seconds(self) -> float:
        """Of all runs that are left, and the pilots."""
        counted = {(run.seed, run.fold, run.share) for run in self.runs}
        found = sum(map(self.seconds_of, self.runs)) + self.counting * len(counted) + self.pilot_seconds + _AT_END
        return found if self.time_budget is None else min(found, self.time_budget)

    @property
    def is_budgeted(self) -> bool:
        """Whether the time budget ends the comparison before its last epochs."""
        return self.time_budget is not None and self.seconds >= self.time_budget

    def by_run(self) -> dict[str, float]:
        """Seconds of the longest run that is left of each architecture."""
        return {name: max(self.seconds_of(run) for run in self.runs if run.name == name) for name in self.pilots}

    @property
    def megabytes(self) -> float:
        """Of the folder: models that are kept, outcomes, the report."""
        return _REPORT_MEGABYTES + sum(self._megabytes_of(run) for run in self.runs)

    def _megabytes_of(self, run: Run) -> float:
        known = self.pilots.get(run.name)
        model = known.megabytes if known and run.share == 1 and run.fold is None else 0.0
        return model + self.examples * _EXAMPLE_BYTES / 1e6

    def seconds_left(self, left: Sequence[Run], finished: Sequence[tuple[Run, float]]) -> float:
        """Of the runs that are left, by what the finished ones took against their forecast: of the same architecture where there is one.

        Args:
            finished: runs of this call, and the seconds that each took all in all.
        """
        total = 0.0
        for run in left:
            alike = [own for own in finished if own[0].name == run.name] or [own for own in finished if own[0].kind == run.kind]
            expected = sum(self.seconds_of(own) for own, _ in alike)
            total += self.seconds_of(run) * (sum(seconds for _, seconds in alike) / expected if expected else 1.0)
        return total

    def seconds_left_within(
        self, run: Run, share: float, seconds: float, left: Sequence[Run], finished: Sequence[tuple[Run, float]]
    ) -> float:
        """Of a run of which this share of the epochs is done after so many seconds, and of those that are left after it.

        Its other epochs are taken to last as long as those that are done, and it counts among the finished ones as if it had ended so.
        """
        whole = seconds / share
        return whole - seconds + self.seconds_left(left, [*finished, (run, whole)])

    def to_json(self) -> dict[str, Any]:
        by_arch = {
            name: {
                "minutes": sum(self.seconds_of(run) for run in self.runs if run.name == name) / 60,
                "megabytes": sum(self._megabytes_of(run) for run in self.runs if run.name == name),
            }
            for name in self.pilots
        }
        return {
            "minutes": self.spent_before + self.seconds / 60,
            "megabytes": self.megabytes,
            "by_arch": by_arch,
            "pilot_seconds": self.pilot_seconds,
        }


def forecast_cost(
    counted: Counted, steps: Sequence[Step], left: Sequence[Run], *, time_budget: float | None, spent_before: float
) -> Forecast:
    """Times a few steps of every architecture that has runs left, on the first portion that has; the task counted for that is used on."""
    began = time.monotonic()
    keys = {run.key for run in left}
    pilots: dict[str, Pilot] = {}
    failures: dict[str, str] = {}
    waiting = [(step, run) for step in steps for run in step.runs if run.kind == "network" and run.key in keys]
    counting = 0.0
    for name in dict.fromkeys(run.name for _, run in waiting):
        step, run = next((step, run) for step, run in waiting if run.name == name)
        try:
            task = counted.task(step.portion, run.seed)
            counting = counted.seconds
            found = pilot(task.with_arch(name, None), most_seconds=_PILOT_SECONDS)
            pilots[name] = found._replace(seconds=found.seconds / run.share)
        except (TidegateError, ArithmeticError, RuntimeError, ValueError, MemoryError) as error:  # its runs will say the same
            failures[name] = f"{type(error).__name__}: {error}"
    examples = len(steps[0].portion.scored) if steps else 0
    seconds = max(0.0, time.monotonic() - began - counting)
    baselines = {baseline.name: baseline.most_seconds for baseline in baselines_of(counted.material)}
    return Forecast(list(left), pilots, seconds, counting, examples, spent_before, time_budget, failures, baselines)


def spent(out: Path, seconds: float, before: float) -> dict[str, float | None]:
    """Minutes, megabytes of the folder, and the most memory that the process took; `before` are minutes of earlier calls."""
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return {"minutes": before + seconds / 60, "megabytes": size / 1e6, "peak_megabytes": _peak_megabytes()}


def _peak_megabytes() -> float | None:
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
