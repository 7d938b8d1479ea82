"""Where and among whom the figures were taken."""

from __future__ import annotations

import os
import platform
import re
import time
from pathlib import Path
from typing import Any

import numpy
import onnxruntime  # type: ignore[import-untyped]
import torch

from tidegate.kernels import engine

from .peak import Peak


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Neighbours:
    """How much of the machine other processes use from now on (and, on a virtual machine, other machines); Linux alone tells."""

    def __init__(self) -> None:
        self._began = self._read()

    @staticmethod
    def _read() -> tuple[float, float, float] | None:
        """Seconds: by the clock, of all processors' work, of ours and our children's."""
        if not Path("/proc/stat").exists():
            return None
        user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
        busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        return time.monotonic(), busy, sum(os.times()[:4])

    def share(self) -> float | None:
        now = self._read()
        if now is None or self._began is None:
            return None
        clock, busy, own = (after - before for after, before in zip(now, self._began, strict=True))
        return max(0.0, busy - own) / (clock * (os.cpu_count() or 1))


def machine(peak: Peak, threads: int, neighbours: Neighbours) -> dict[str, Any]:
    information = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*:\s*(.+)", information.read_text()) if information.exists() else None
    return {
        "cpu": model.group(1) if model else platform.processor(),
        "cores": cores(),
        "threads": threads,
        "engine": engine.instruction_set(),
        "peak_gflops": peak.gflops,
        "peak_of": peak.instruction_set,
        "used_by_others": neighbours.share(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
    }


def about(found: dict[str, Any]) -> str:
    """What stands above the tables."""
    text = (
        f"{found['cpu']}, {found['cores']} cores, {found['threads']} threads; engine: {found['engine']}; FMA peak "
        f"{found['peak_gflops']:.0f} GFLOP/s ({found['peak_of']}, measured in this run); Python {found['python']}, NumPy {found['numpy']}, "
        f"torch {found['torch']}, ONNX Runtime {found['onnxruntime']}."
    )
    others = found["used_by_others"]
    if others is None:
        return text
    text += f" Other processes used {100 * others:.0f} % of the machine meanwhile."
    return text if others < 0.05 else f"{text} **These figures are not to be trusted: run it again with nothing beside it.**"
