"""The engine's C++ without Python: how exact its activations are, and builds by other compilers and for other processors."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from test_base_install import ROOT
from tidegate.kernels import engine

NATIVE = ROOT / "tests" / "native"
SOURCES = ROOT / "src" / "tidegate" / "kernels" / "csrc"
ENVIRONMENT = {**os.environ, "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))}


def find(program: str, why: str) -> str:
    """The path of a program; the test is skipped where there is none."""
    found = shutil.which(program, path=ENVIRONMENT["PATH"])
    if found is None:
        pytest.skip(f"no {program} here, {why}")
    return found


def run(*command: str | Path) -> str:
    """What a command prints; the test fails with it where the command fails."""
    done = subprocess.run(
        [str(part) for part in command], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:]
    return done.stdout


def configure(folder: Path, *options: str) -> None:
    find("cmake", "which the native tests are built with")
    find("ninja", "which the native tests are built with")
    run("cmake", "-S", NATIVE, "-B", folder, "-G", "Ninja", *options)


def warnings_of(printed: str) -> list[str]:
    """The compiler's warnings about the engine's own sources."""
    return re.findall(r"^.*csrc/\S+: warning: .*$", printed, re.MULTILINE)


def figures_of(printed: str) -> dict[str, float]:
    """The largest errors by "type function unit"."""
    found = re.findall(r"^(\S+ \S+ \S+) (\S+) at ", printed, re.MULTILINE)
    return {name: float(error) for name, error in found}


def assert_activations_are_exact(printed: str) -> None:
    figures = figures_of(printed)
    assert figures.keys() == {f"{t} {f}" for t in ("float32", "float64") for f in ("tanh ulp", "sigmoid ulp", "sigmoid eps")}, printed
    assert max(figures["float32 tanh ulp"], figures["float64 tanh ulp"]) <= 4
    assert max(figures["float32 sigmoid eps"], figures["float64 sigmoid eps"]) <= 2


def test_activations_are_exact_on_every_instruction_set(tmp_path: Path) -> None:
    if not engine.is_built():
        pytest.skip("no engine, so perhaps no compiler")
    configure(tmp_path)
    from tidegate.kernels import _engine

    for name in _engine.usable_instruction_sets():
        run("cmake", "--build", tmp_path, "--target", f"activations_{name}")
        assert_activations_are_exact(run(tmp_path / f"activations_{name}", "1999"))


@pytest.mark.slow
def test_clang_builds_an_engine_that_is_right(tmp_path: Path) -> None:
    clang = find("clang++", "to compile with")
    configure(tmp_path, f"-DCMAKE_CXX_COMPILER={clang}")
    built = run("cmake", "--build", tmp_path)
    assert not warnings_of(built)
    passed = run("ctest", "--test-dir", tmp_path, "--output-on-failure")
    assert "100% tests passed" in passed


@pytest.mark.slow
def test_a_cross_compiler_builds_an_engine_for_arm_that_is_right(tmp_path: Path) -> None:
    if platform.machine() in ("aarch64", "arm64"):
        pytest.skip("this is an ARM processor: all other tests run on NEON")
    compiler = find("aarch64-linux-gnu-g++", "to compile for ARM with")
    emulator = find("qemu-aarch64", "to run ARM's programs with")
    configure(
        tmp_path,
        "-DCMAKE_SYSTEM_NAME=Linux",
        "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
        f"-DCMAKE_CXX_COMPILER={compiler}",
        f"-DCMAKE_CROSSCOMPILING_EMULATOR={emulator};-L;/usr/aarch64-linux-gnu",
        "-DSTRIDE=99991",
        "-DROUNDS=3",
    )
    built = run("cmake", "--build", tmp_path)
    assert not warnings_of(built)
    printed = run("ctest", "--test-dir", tmp_path, "--output-on-failure", "--verbose")
    assert "neon, seed" in printed
    assert "100% tests passed" in printed
    assert "Skipped" not in printed


@pytest.mark.slow
def test_the_sources_that_need_no_python_compile_for_windows(tmp_path: Path) -> None:
    compiler = find("x86_64-w64-mingw32-g++-posix", "to compile for Windows with")
    flags = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-DTIDEGATE_HAS_BASELINE"]
    for source in sorted(SOURCES.glob("*.cpp")):
        if source.name != "isa.cpp" and not source.name.startswith("module"):
            run(compiler, *flags, "-c", source, "-o", tmp_path / f"{source.stem}.o")
    run(compiler, *flags, "-DTIDEGATE_ISA=baseline", "-fsyntax-only", SOURCES / "isa.cpp")
