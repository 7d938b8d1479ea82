"""The engine on every instruction set that this machine has, and what a wrong TIDEGATE_ISA says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from test_base_install import ROOT
from tidegate.kernels import engine

if engine.is_built():
    from tidegate.kernels import _engine

# The layers against the twins and torch, the gradients against autograd, bad input; those that compare sets with each other are left out.
CORE = ("tests/kernels/test_engine.py", "tests/kernels/test_engine_gradients.py", "tests/nn/test_crf.py", "tests/kernels/test_ctc.py")
RUN = """
import sys
import pytest
from tidegate.kernels import engine
code = pytest.main(sys.argv[1:])
print("ran on", engine.instruction_set())
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["avx512", "avx2", "neon", "baseline"])
def test_the_core_tests_hold_on_every_instruction_set(name: str) -> None:
    usable = _engine.usable_instruction_sets()
    if name not in usable:
        pytest.skip(f"{name} was not built or does not run here")
    if name == usable[0]:
        pytest.skip(f"{name} is what all other tests run on")
    arguments = [*CORE, "-q", "-m", "not slow", "-k", "not instruction_set", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TIDEGATE_ISA": name, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == f"ran on {name}"


@pytest.mark.parametrize("command", [["predict"], ["evaluate"]], ids=" ".join)
def test_the_command_line_refuses_an_unknown_instruction_set_before_any_work(command: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tidegate", *command, str(tmp_path / "model"), str(tmp_path / "data.conllu")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TIDEGATE_ISA": "mmx"},
    )
    sets = ", ".join(_engine.usable_instruction_sets())
    message = f"tidegate: TIDEGATE_ISA is 'mmx', but this build on this processor has {sets}. Choose one of these or unset it.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)
