"""Runs the examples of a page one after another, in this directory: `page_of_examples.py BLOCKS.json PAGE`. Ends at the first that fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def run(blocks: list[dict[str, Any]], page: str) -> None:
    names: dict[str, Any] = {"__name__": "example"}
    for block in blocks:
        place = f"{page}, line {block['line']}"
        print(place, flush=True)
        if block["language"] == "python":
            if block["first"]:
                exec(compile(block["first"], f"{page}, before line {block['line']}", "exec"), names)
            # Tracebacks then name the page's own lines.
            exec(compile("\n" * (block["line"] - 1) + block["code"], page, "exec"), names)
        else:
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", f"{block['first']}\n{block['code']}"], check=False)
            if done.returncode:
                sys.exit(f"{place}: ended with {done.returncode}")


run(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), sys.argv[2])
