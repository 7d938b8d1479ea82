"""What `tidegate stream` says, line by line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from tidegate.cli.answers import write_text


def write_lines(lines: Iterable[dict[str, Any]]) -> None:
    """Writes a line of JSON for each on standard output, in UTF-8 whatever the terminal's encoding, and at once."""
    written = [json.dumps(line, ensure_ascii=False) + "\n" for line in lines]
    if written:
        write_text(sys.stdout.buffer, "".join(written))
        sys.stdout.buffer.flush()
