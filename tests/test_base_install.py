"""The base alone, installed into a fresh environment: no torch there, and it predicts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from conftest import made_once

ROOT = Path(__file__).parent.parent

# Bytes of the installed packages without pip and setuptools; DESIGN measured 102 MB.
MOST_BYTES = 120_000_000


PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


def install_base(folder: Path, source: Path, environment: Mapping[str, str]) -> Path:
    """Makes an environment with tidegate from `source`, a checkout or a wheel, and its base dependencies at the versions of the lock file.

    Gives its interpreter. `environment` is all that pip sees of ours.
    """
    # Our own pip works on it from outside: to give it one takes seconds.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    install = [*PIP, "--python", str(python), "install", "--constraint", str(ROOT / "requirements" / "lock.txt"), str(source)]
    done = subprocess.run(install, capture_output=True, text=True, timeout=600, check=False, env=dict(environment))
    assert done.returncode == 0, done.stdout + done.stderr
    return python


@pytest.fixture(scope="module")
def base_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment with tidegate, its engine and its base dependencies."""
    # Once for all processes: two of them would compile in the same folder.
    return made_once("base", tmp_path_factory, _install_wheel) / "venv" / "bin" / "python"


def _install_wheel(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    # What `make engine` has compiled is not compiled again: the engine takes minutes. TIDEGATE_NEEDS_ENGINE: where it cannot be built, the
    # compiler's words are wanted here and not a wheel without it.
    compiled = ["--no-build-isolation", "--config-settings", f"build-dir=build/{sys.implementation.cache_tag}"]
    done = subprocess.run(
        [*PIP, "wheel", "--no-deps", *compiled, "--wheel-dir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "TIDEGATE_NEEDS_ENGINE": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    install_base(folder / "venv", wheel, os.environ)


@pytest.mark.slow
def test_the_base_predicts_and_evaluates_without_torch(base_python: Path, toy_model: Path, toy_files: Path, tmp_path: Path) -> None:
    assert subprocess.run([str(base_python), "-c", "import torch"], capture_output=True, check=False).returncode != 0
    command = [str(base_python.parent / "tidegate")]
    answers = subprocess.run(
        [*command, "predict", str(toy_model)], input="Teddy bears were sewn .\n", capture_output=True, text=True, check=True, cwd=tmp_path
    )
    from tidegate.runtime import load

    assert json.loads(answers.stdout)["labels"] == load(toy_model).predict([["Teddy", "bears", "were", "sewn", "."]])[0]
    scores = subprocess.run(
        [*command, "evaluate", str(toy_model), str(toy_files / "test.conllu"), "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(scores.stdout)["accuracy"] == pytest.approx(json.loads((toy_model / "metrics.json").read_text())["test"]["accuracy"])
    loaded = subprocess.run(
        [str(base_python), "-c", f"import tidegate; print(tidegate.load({str(toy_model)!r}).predict(['Teddy bears']))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "THING" in loaded.stdout or "PERSON" in loaded.stdout


@pytest.mark.slow
def test_the_base_explains_but_for_gradients(base_python: Path, toy_model: Path, tmp_path: Path) -> None:
    def explained(*more: str) -> subprocess.CompletedProcess[str]:
        command = [str(base_python.parent / "tidegate"), "explain", str(toy_model), "Teddy bears sleep", *more]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    assert "f keeps" in explained().stdout
    for name in ("gates.html", "gates.svg", "gates.json"):
        done = explained("--out", name, "--step", "2")
        assert done.returncode == 0, done.stderr
        assert "Teddy" in (tmp_path / name).read_text(encoding="utf-8")
    refused = explained("--gradients")
    assert refused.returncode == 2
    assert "pip install 'tidegate[train]'" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
def test_training_without_the_extra_names_the_line_that_installs_it(base_python: Path, toy_files: Path) -> None:
    done = subprocess.run(
        [str(base_python.parent / "tidegate"), "train", "tag", str(toy_files / "train.conllu")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert (
        done.stderr.splitlines()[-1] == "tidegate: this command needs the extra 'train', which is not installed. Install it with: "
        "pip install 'tidegate[train]' (in a checkout: pip install '.[train]')"
    )
    python = subprocess.run([str(base_python), "-c", "import tidegate; tidegate.Tagger"], capture_output=True, text=True, check=False)
    assert "pip install 'tidegate[train]'" in python.stderr


@pytest.mark.slow
def test_the_base_is_small(base_python: Path) -> None:
    (packages,) = (base_python.parent.parent / "lib").glob("python*/site-packages")
    counted = [
        path
        for path in packages.rglob("*")
        if path.is_file()
        and path.relative_to(packages).parts[0].split("-")[0] not in ("pip", "setuptools", "_distutils_hack", "pkg_resources")
    ]
    size = sum(path.stat().st_size for path in counted)
    print(f"base install: {size / 1e6:.0f} MB")
    assert size <= MOST_BYTES


@pytest.mark.slow
def test_the_base_brings_the_engine_and_not_its_sources(base_python: Path) -> None:
    code = "from tidegate.kernels import engine; print(engine.is_built(), engine.instruction_set(), engine.__file__)"
    done = subprocess.run([str(base_python), "-c", code], capture_output=True, text=True, check=True)
    is_built, instruction_set, file = done.stdout.split()
    assert is_built == "True"
    assert instruction_set in ("avx512", "avx2", "baseline", "neon")
    assert not [path for path in Path(file).parent.rglob("*") if path.suffix in (".cpp", ".h", ".a")]
