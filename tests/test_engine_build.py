"""The engine is compiled here, its sources are in what we ship, and without a compiler tidegate installs and works all the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from test_base_install import ROOT, install_base
from tidegate import __version__
from tidegate.kernels import engine


def test_the_engine_is_built() -> None:
    assert engine.is_built(), "tests want the compiled engine, and it is missing here; `make engine` builds it or says why not"


def test_the_source_distribution_has_all_that_builds_and_tests_the_engine(tmp_path: Path) -> None:
    code = "import sys; from scikit_build_core.build import build_sdist; build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, check=True)
    (archive,) = tmp_path.iterdir()
    with tarfile.open(archive) as stream:
        names = {name.partition("/")[2] for name in stream.getnames()}
    kept = ["pyproject.toml", "CMakeLists.txt", "Makefile", "LICENSE", "requirements/lock.txt"]
    files = [
        path for folder in ("src", "tests") for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".pyi", ".cpp", ".h", ".toml")
    ]
    assert not {*kept, *(str(path.relative_to(ROOT)) for path in files)} - names
    assert not [name for name in names if name.startswith((".", "build", "bench")) or name.endswith((".pyc", ".so"))]


@pytest.fixture(scope="module")
def python_without_engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment into which tidegate was installed where no compiler could be found."""
    folder = tmp_path_factory.mktemp("plain")
    programs = folder / "programs"
    programs.mkdir()
    # CMake and Ninja may stay, or pip would fetch them to find out the same.
    for name in ("cmake", "ninja"):
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    nothing = str(folder / "no-compiler")
    kept = {name: value for name, value in os.environ.items() if name != "TIDEGATE_NEEDS_ENGINE"}
    return install_base(folder / "venv", ROOT, {**kept, "PATH": str(programs), "CC": nothing, "CXX": nothing})


@pytest.mark.slow
def test_without_a_compiler_tidegate_installs_and_predicts_the_same(python_without_engine: Path, toy_model: Path, tmp_path: Path) -> None:
    code = "from tidegate.kernels import engine; print(engine.is_built(), engine.instruction_set())"
    done = subprocess.run([str(python_without_engine), "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "twins"]

    command = str(python_without_engine.parent / "tidegate")
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.strip() == f"tidegate {__version__}"
    answers = subprocess.run(
        [command, "predict", str(toy_model)], input="Teddy bears were sewn .\n", capture_output=True, text=True, check=True, cwd=tmp_path
    )
    from tidegate.runtime import load

    assert json.loads(answers.stdout)["labels"] == load(toy_model).predict([["Teddy", "bears", "were", "sewn", "."]])[0]
    assert answers.stderr.count("tidegate: note: tidegate's engine was not built") == 1, answers.stderr
