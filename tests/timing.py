"""Bounds on time that hang on the code and not on the machine's other work."""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Callable, Sequence


def least_seconds(call: Callable[[], object], enough: float, *, tries: int = 5) -> float:
    """The least seconds of this process's processors that a call took; after one that took less than `enough` none is made."""
    least = math.inf
    while tries and least >= enough:
        began = time.process_time()
        call()
        least = min(least, time.process_time() - began)
        tries -= 1
    return least


def assert_answers_each_line(command: Sequence[str], line_of: Callable[[int], str], check: Callable[[int, str], object]) -> None:
    """Asserts that a command answers every line on a pipe by a line before the next one comes, and is able to within 50 milliseconds.

    Able: where none of twelve answers came so soon, the machine may have been busy, and more are asked for, for a minute.

    Args:
        line_of: the line of that number, from 0.
        check: given the number of a line and its answer.
    """
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        least, number, end = math.inf, 0, time.monotonic() + 60
        while number < 12 or (least >= 0.05 and time.monotonic() < end):
            began = time.perf_counter()
            process.stdin.write(f"{line_of(number)}\n")
            process.stdin.flush()
            answer = process.stdout.readline()  # waits for ever where answers are held back
            least = min(least, time.perf_counter() - began)
            check(number, answer)
            number += 1
        process.stdin.close()
        assert process.wait(timeout=300) == 0
    assert least < 0.05
