"""Every example of the documentation and the README runs, page by page, in the order in which a reader would type it.

A block of ```sh or ```python is an example; everything else names another language. The files that a page names are small ones of
`material.py`, and every training has one epoch of a small network. Comments before a block, which readers do not see, may say more:
`<!-- example: not run, WHY -->` leaves it out, and `<!-- example: first CODE -->` runs lines before it in its own language.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

import warm_commands

from .material import FILES, OF_PAGE

ROOT = Path(__file__).parent.parent.parent
# The figures' own commands take hours and have a program of their own; decisions have no examples.
PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "decisions")]
# What a block may hold that is no example.
SHOWN = {"text", "json", "csv", "cpp", "toml"}
QUICK = {
    "max_epochs": 1,
    "hidden_size": 8,
    "num_layers": 1,
    "word_size": 8,
    "embedding_size": 8,
    "character_encoder": "none",
    "auto_ets": False,
}
# Programs of others that need a microphone or are not everywhere, by what they write here.
STAND_INS = {"arecord": "tail -c +45 {folder}/call.wav", "ffmpeg": "cat {folder}/call.wav"}

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOTE = re.compile(r"<!-- example: (not run|first)[,\s]?(.*?)-->\s*\Z", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """An example: its language, its lines, and the number of the first of them in its page."""

    language: str
    code: str
    line: int
    first: str = ""
    left_out: str = ""


def blocks_of(page: str) -> list[Block]:
    content = (ROOT / page).read_text(encoding="utf-8")
    found = []
    begin = 0
    for fence in _FENCE.finditer(content):
        note = _NOTE.search(content[begin : fence.start()])
        kind, said = (note[1], note[2].strip()) if note else ("", "")
        line = content[: fence.start(2)].count("\n") + 1
        found.append(Block(fence[1], fence[2], line, said if kind == "first" else "", said if kind == "not run" else ""))
        begin = fence.end()
    return found


def examples_of(page: str) -> list[Block]:
    return [block for block in blocks_of(page) if block.language in ("sh", "python")]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_whether_it_is_an_example(page: str) -> None:
    for block in blocks_of(page):
        assert block.language in {"sh", "python", *SHOWN}, f"{page}, line {block.line - 1}: ```{block.language}"


def test_only_what_installs_builds_or_takes_hours_is_not_run() -> None:
    left_out = [(page, block.left_out) for page in PAGES for block in examples_of(page) if block.left_out]
    assert all(re.search(r"\b(installs|builds|takes)\b", why) for _, why in left_out), left_out
    assert len(left_out) <= 6


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "pidfd_open") or shutil.which("bash") is None, reason="needs Linux and bash")
@pytest.mark.parametrize("page", [page for page in PAGES if examples_of(page)])
def test_the_examples_run(page: str, tmp_path: Path) -> None:
    folder, programs = tmp_path / "page", tmp_path / "bin"
    folder.mkdir()
    programs.mkdir()
    told = (ROOT / page).read_text(encoding="utf-8")
    for name, write in {**FILES, **OF_PAGE.get(page, {})}.items():
        if re.sub(r"-\d", "-*", name) in told:
            write(folder / name)
    warm_commands.write_client(programs / "tidegate", quick=QUICK)
    (programs / "python").symlink_to(sys.executable)
    for name, command in STAND_INS.items():
        (programs / name).write_text(f"#!/bin/sh\n{command.format(folder=folder)}\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    examples = [asdict(block) for block in examples_of(page) if not block.left_out]
    (tmp_path / "blocks.json").write_text(json.dumps(examples), encoding="utf-8")
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((str(programs), os.environ["PATH"])),
        "COLUMNS": "200",
        "NO_COLOR": "1",
        "BROWSER": "true",
    }
    done = warm_commands.run(
        [str(tmp_path / "blocks.json"), page],
        cwd=folder,
        env=environment,
        timeout=800,
        quick=QUICK,
        script=str(Path(__file__).parent / "page_of_examples.py"),
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
