"""What the processor can do at most: float32 multiply-adds a second, measured in this process, by nothing of the engine's.

A C file of a few lines is compiled with the system's compiler: a loop of vector multiply-adds into registers alone, as many
independent sums as the registers hold (24 on AVX-512 and NEON, 12 on AVX2), so that neither memory nor latency can bind it.
One copy runs on each thread at once. Of the instruction sets the processor knows, the fastest counts.
"""

from __future__ import annotations

import ctypes
import platform
import re
import shutil
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class _Kernel:
    """One loop: `lanes` float32 in a register, `sums` independent sums; assembly for zeroing a register and for one multiply-add."""

    lanes: int
    sums: int
    zero: str
    multiply_add: str
    countdown: str

    def source(self) -> str:
        zeroing = "".join(f'"{self.zero.format(number)}\\n\\t"\n' for number in range(32 if self.lanes != 8 else 16))
        body = "".join(f'"{self.multiply_add.format(number)}\\n\\t"\n' for number in range(self.sums))
        registers = ("v", 32) if platform.machine() in ("aarch64", "arm64") else ("xmm", 16)
        clobbers = ", ".join(f'"{registers[0]}{number}"' for number in range(registers[1]))
        return (
            "void multiply_add(long rounds) {\n__asm__ volatile(\n"
            f'{zeroing}".p2align 6\\n1:\\n\\t"\n{body}"{self.countdown}"\n: "+r"(rounds) : : {clobbers}, "cc");\n}}\n'
        )


_X86 = "dec %0\\n\\tjnz 1b\\n\\t"
_KERNELS = {
    "avx512": _Kernel(16, 24, "vpxord %%zmm{0}, %%zmm{0}, %%zmm{0}", "vfmadd231ps %%zmm30, %%zmm31, %%zmm{0}", _X86),
    "avx2": _Kernel(8, 12, "vxorps %%ymm{0}, %%ymm{0}, %%ymm{0}", "vfmadd231ps %%ymm14, %%ymm15, %%ymm{0}", _X86),
    "neon": _Kernel(4, 24, "movi v{0}.4s, #0", "fmla v{0}.4s, v30.4s, v31.4s", "subs %0, %0, #1\\n\\tb.ne 1b\\n\\t"),
}


def _sets() -> list[str]:
    """The instruction sets of this processor that there is a loop for."""
    if platform.machine() in ("aarch64", "arm64"):
        return ["neon"]
    flags = set(re.findall(r"\w+", Path("/proc/cpuinfo").read_text())) if Path("/proc/cpuinfo").exists() else {"fma"}
    return (["avx512"] if "avx512f" in flags else []) + (["avx2"] if "fma" in flags else [])


class Peak:
    """Measures when asked; `gflops` is the best seen so far, for every reading is the truth or too low.

    Raises:
        RuntimeError: there is no C compiler, or the processor has none of the instruction sets.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.gflops = 0.0
        self.instruction_set = ""
        compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
        if compiler is None or not _sets():
            raise RuntimeError("the peak needs a C compiler (cc, gcc or clang on the path) and AVX2, AVX-512 or NEON; none was found.")
        self._loops = {}
        with tempfile.TemporaryDirectory() as folder:
            for name in _sets():
                source, library = Path(folder) / f"{name}.c", Path(folder) / f"{name}.so"
                source.write_text(_KERNELS[name].source())
                subprocess.run([compiler, "-O1", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
                self._loops[name] = ctypes.CDLL(str(library)).multiply_add
                self._loops[name].argtypes = [ctypes.c_long]
                self._loops[name].restype = None

    def measure(self, seconds: float = 0.2) -> float:
        """Runs each loop for about `seconds` in all and gives the best so far, in GFLOP/s for all threads together."""
        for name, loop in self._loops.items():
            kernel = _KERNELS[name]
            rounds = 100_000
            for _ in range(5):
                taken = self._time(loop, rounds)
                reached = 2.0 * kernel.lanes * kernel.sums * rounds * self.threads / taken / 1e9
                if reached > self.gflops:
                    self.gflops, self.instruction_set = reached, name
                rounds = max(1000, int(rounds * seconds / 4 / len(self._loops) / taken))
        return self.gflops

    def _time(self, loop: ctypes._NamedFuncPointer, rounds: int) -> float:
        """Seconds from the first thread's beginning to the last one's end."""
        gate = threading.Barrier(self.threads)
        spans: list[tuple[float, float]] = []

        def work() -> None:
            gate.wait()
            began = time.perf_counter()
            loop(rounds)  # ctypes lets the other threads run meanwhile
            spans.append((began, time.perf_counter()))

        workers = [threading.Thread(target=work) for _ in range(self.threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return max(end for _, end in spans) - min(began for began, _ in spans)
