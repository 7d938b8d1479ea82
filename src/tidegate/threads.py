"""How many threads: what this process may really use, told to the libraries before they are loaded. Imports no NumPy."""

from __future__ import annotations

import os
from pathlib import Path

from tidegate.errors import RecipeError

MOST_THREADS = 1024


def available_threads() -> int:
    """The smaller of CPU affinity and cgroup quota, at least 1."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows know no affinity
        count = os.cpu_count() or 1
    quota = Path("/sys/fs/cgroup/cpu.max")
    if quota.exists():
        allowed, period = quota.read_text().split()
        if allowed != "max":
            count = min(count, max(1, int(allowed) // int(period)))
    return count


def default_threads() -> int:
    """TIDEGATE_NUM_THREADS, else what is available.

    Raises:
        RecipeError: the variable holds no whole number above 0.
    """
    named = os.environ.get("TIDEGATE_NUM_THREADS", "")
    if named and not (named.isdecimal() and 0 < int(named) <= MOST_THREADS):
        raise RecipeError(
            f"TIDEGATE_NUM_THREADS is '{named}'; a whole number above 0 was expected, {MOST_THREADS} at most. Correct it or unset it."
        )
    return int(named or available_threads())


def use_threads(asked: int | None) -> int:
    """Settles the number of threads for NumPy, the engine and torch, which read it from the environment, and gives it.

    Precedence: `--threads`, TIDEGATE_NUM_THREADS, what is available. Must run before NumPy is imported.
    """
    named = default_threads()  # refuses an impossible one, whatever was asked
    count = asked or named
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TIDEGATE_NUM_THREADS"):
        os.environ[name] = str(count)
    return count
