"""What results.json holds, as the report asks for it. Version 2 of the format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tidegate.comparison.report import wording
from tidegate.comparison.report.looks import Look, looks_of

_WHERE = {"dev": "development data", "test": "test data", "folds": "test folds"}
Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Compared:
    """A comparison's results.

    Attributes:
        content: of results.json.
    """

    content: Mapping[str, Any]

    @property
    def score(self) -> str:
        return self.content["score"] or "score"

    @property
    def is_lower_better(self) -> bool:
        return bool(self.content["lower_is_better"])

    @property
    def where(self) -> str:
        """What was scored, in words."""
        return _WHERE[self.content["scored_on"]]

    @cached_property
    def shares(self) -> list[float]:
        return sorted({row["share"] for row in self.content["leaderboard"]})

    @cached_property
    def rows(self) -> list[Entry]:
        """The leaderboard of the most training data there was, best first; what failed stands last."""
        return [row for row in self.content["leaderboard"] if row["share"] == self.shares[-1]]

    @cached_property
    def scored(self) -> list[Entry]:
        return [row for row in self.rows if row["score"] is not None]

    @cached_property
    def names(self) -> list[str]:
        """Of every contender, in the order of the leaderboard."""
        return [row["name"] for row in self.rows]

    @cached_property
    def networks(self) -> list[str]:
        return [row["name"] for row in self.rows if row["kind"] == "network"]

    @cached_property
    def looks(self) -> dict[str, Look]:
        return looks_of({row["name"]: row["kind"] for row in self.content["leaderboard"]})

    def runs(self, name: str) -> list[Entry]:
        """Those on the most training data that ended well."""
        return [run for run in self.content["runs"] if run["name"] == name and run["share"] == self.shares[-1] and run["score"] is not None]

    @cached_property
    def far_off(self) -> dict[str, float]:
        """Baselines so much worse than all others that, drawn to scale, the others would fall together: their scores."""
        near, far = list(self.scored), {}
        while len(near) > 2 and near[-1]["kind"] == "baseline":
            gap = abs(near[-1]["score"] - near[-2]["score"])
            if gap <= 2 * abs(near[-2]["score"] - near[0]["score"]):
                break
            worst = near.pop()
            far[worst["name"]] = worst["score"]
        return far

    @property
    def far_off_note(self) -> str:
        """A sentence on who is not drawn to scale, or nothing."""
        if not self.far_off:
            return ""
        who = wording.several([f"{wording.short(name)} ({wording.score(score)})" for name, score in self.far_off.items()])
        return f" Far off, and not drawn: {who}."

    @cached_property
    def best(self) -> str | None:
        """The contender that the others are held against: the best network, as of the verdict; without networks the best baseline."""
        named: str | None = (self.content.get("verdict") or {}).get("best")
        scored = [row["name"] for row in self.scored]
        return named or next((name for name in scored if name in self.networks), scored[0] if scored else None)

    @cached_property
    def against_best(self) -> dict[str, Entry]:
        """For each other contender its pair with the best, turned so that `difference` is its own score less the best's."""
        best = self.best
        found: dict[str, Entry] = {}
        for pair in self.content.get("pairs") or ():
            if pair["b"] == best:
                found[pair["a"]] = pair
            elif pair["a"] == best:
                found[pair["b"]] = turned(pair)
        return found


def turned(pair: Entry) -> Entry:
    """The pair with a and b changed for each other."""
    low, high = pair["low"], pair["high"]
    return {
        **pair,
        "a": pair["b"],
        "b": pair["a"],
        "difference": -pair["difference"],
        "low": None if high is None else -high,
        "high": None if low is None else -low,
    }


def judged(pair: Entry, *, is_lower_better: bool) -> str:
    """What the pair says of its first contender, in a word or two."""
    if pair["p"] is None:
        return "no claim"
    if pair["is_tie"]:
        return "tie"
    return "better" if (pair["difference"] > 0) != is_lower_better else "worse"
