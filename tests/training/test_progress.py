"""What a person sees while a run goes on, on a terminal and elsewhere."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
def test_a_terminal_shows_tokens_per_second_and_time_left(toy_files: Path, tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "tidegate",
        "train",
        "tag",
        str(toy_files / "train.conllu"),
        "--out",
        str(tmp_path / "m"),
        "--preset",
        "fast",
        "--set",
        "hidden_size=32",
    ]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "160"}
    process = subprocess.Popen([*command, "--threads", "1"], stderr=follower, stdout=subprocess.DEVNULL, env=environment)
    os.close(follower)
    seen = b""
    while chunk := _read(leader):
        seen += chunk
    assert process.wait(timeout=300) == 0
    os.close(leader)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode())
    assert re.search(r"epoch \d/8 · [\d,]+ tokens/s · at most \d+ s left", text)
    assert re.search(r"epoch +8/8 +loss \d\.\d{4} +dev accuracy \d\.\d{4} +[\d,]+ tokens/s", text)


def _read(terminal: int) -> bytes:
    """What the terminal shows next; nothing once the other side is closed, which Linux tells by an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
