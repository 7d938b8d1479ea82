"""The site of the documentation: it builds without a warning, fetches nothing, and its pages on the interface are the code's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tidegate

ROOT = Path(__file__).parent.parent.parent
SOURCES = ROOT / "src" / "tidegate"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it was built, with every warning an error (`--quiet` would hide them from `--strict` too)."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_every_command_and_every_name_has_its_place(site: Path) -> None:
    commands = (site / "commands.html").read_text(encoding="utf-8")
    for command in ("train tag", "train fill", "compare classify", "predict", "evaluate", "stream", "logprob", "data check", "demo"):
        assert re.search(rf"<h2 [^>]*>tidegate {command}<", commands), command
    for said in ("--time-budget", "Column of the times, by name or 1-based number", "tidegate train tag train.conllu"):
        assert said in commands
    names = (site / "python.html").read_text(encoding="utf-8")
    for name in tidegate.__all__:
        assert name.startswith("__") or re.search(rf"<h2 [^>]*>tidegate\.{name}<", names), name
    assert re.search(r"<h3 [^>]*>Forecaster\.predict<", names)


@pytest.mark.slow
def test_figures_changes_and_decisions_are_pages_and_links_between_them_stay(site: Path) -> None:
    for page in ("results.html", "changes.html", "decisions/index.html", "tasks/transcribe.html", "search/search_index.json"):
        assert (site / page).exists(), page
    decisions = (site / "decisions" / "index.html").read_text(encoding="utf-8")
    for path in sorted((ROOT / "docs" / "decisions").glob("0*.md")):
        assert f'href="{path.stem}.html"' in decisions, path.name


@pytest.mark.slow
def test_notes_for_the_examples_are_not_shown(site: Path) -> None:
    for path in site.rglob("*.html"):
        assert "example: not run" not in path.read_text(encoding="utf-8"), path


def test_every_variable_of_the_environment_is_told_and_no_other() -> None:
    told = set(re.findall(r"`(TIDEGATE_\w+)`", (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")))
    named = r"""environ(?:\.get\(|\[)"(TIDEGATE_\w+)"|getenv\("(TIDEGATE_\w+)"\)"""
    read = {
        name
        for path in SOURCES.rglob("*")
        if path.suffix in (".py", ".cpp", ".h")
        for found in re.findall(named, path.read_text(encoding="utf-8"))
        for name in found
        if name
    }
    assert read <= told
    assert told - read <= {"TIDEGATE_NEEDS_ENGINE"}  # which pyproject.toml reads
