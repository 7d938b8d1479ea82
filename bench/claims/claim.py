"""What a claim's module hands over: how it is measured and how what came out is told."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

# Where everything is kept that this bench measures; git does not see it.
KEPT = Path("build/claims")

Verdict = Literal["holds", "holds here, not there", "does not hold", "not measured yet"]
Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Telling:
    """What docs/claims.md says of a claim once it was measured.

    Attributes:
        done: what was done, Markdown.
        came_out: tables and sentences on them, Markdown; figures as `![words](images/claims/NAME.svg)`.
        verdict, because: the verdict, and the sentences after it.
    """

    done: str
    came_out: str
    verdict: Verdict
    because: str


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim.

    Attributes:
        letter: by which it is asked for, `--only a`.
        title: of its heading.
        says: the claim in our words.
        measure: runs the experiment; what it gives is written to build/claims/<letter>.json. None: every run of it is missing so far.
        tell: what that means.
        cost: how long a run takes on one core, in words.
        pictures: draws figures of it, by file name.
        rests_on_runs: whether it is made of the shared trainings, and so is told anew whenever there are more of them.
    """

    letter: str
    title: str
    says: str
    measure: Callable[[], Found | None]
    tell: Callable[[Found], Telling]
    cost: str
    pictures: Callable[[Found], Mapping[str, Any]] = field(default=lambda found: {})
    rests_on_runs: bool = False

    @property
    def record(self) -> Path:
        return KEPT / f"{self.letter}.json"

    def found(self) -> Found | None:
        """What was measured, or None."""
        content: Found | None = json.loads(self.record.read_text(encoding="utf-8")) if self.record.exists() else None
        return content

    def keep(self, found: Found) -> None:
        self.record.parent.mkdir(parents=True, exist_ok=True)
        self.record.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def table(headings: str, rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; headings after semicolons."""
    names = headings.split("; ")
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names), *("| " + " | ".join(row) + " |" for row in rows)]
    return "\n".join(lines)


def mean_and_spread(values: Sequence[float], digits: int = 2, factor: float = 1.0) -> str:
    """Mean ± the distance between the best and the worst seed; of one value that alone."""
    mean = f"{round(factor * statistics.fmean(values), digits) + 0.0:.{digits}f}"  # no −0.0
    return f"{mean} ± {factor * (max(values) - min(values)):.{digits}f}" if len(values) > 1 else mean


def p_value(p: float) -> str:
    """As tables show it."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def sign_test(wins: int, losses: int) -> float:
    """The two-sided exact p of so many wins and losses, were both as likely; ties are left out before.  Source: Demšar 2006, 3.1.4."""
    n, most = wins + losses, max(wins, losses)
    return 1.0 if n == 0 else min(1.0, 2 * sum(math.comb(n, k) for k in range(most, n + 1)) / 2**n)
