"""The folder of a comparison: whether one may be written there, and that no two commands write there at once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tidegate.errors import OutputError

FORMAT = "tidegate-comparison"
# Is there while a command writes to the folder.
LOCK = ".lock"


def read_results(out: Path) -> dict[str, Any] | None:
    """What results.json holds; None where there is none, or none of a comparison."""
    try:
        content: Any = json.loads((out / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("format") == FORMAT else None


def check_folder(out: Path, *, overwrite: bool, resume: bool) -> dict[str, Any] | None:
    """Whether a comparison may be written to the folder; gives the results of the one that stands there. Writes nothing.

    Raises:
        OutputError: something else stands there, or a comparison that may not be replaced, or the place cannot be written; or both
            `overwrite` and `resume` were asked for.
    """
    if overwrite and resume:
        raise OutputError("--resume goes on with the comparison that --overwrite would remove; nothing was written. Give one of the two.")
    kept = read_results(out)
    if out.exists() and (not out.is_dir() or any(path.name != LOCK for path in out.iterdir())):
        if kept is None:
            raise OutputError(f"{out} exists already and is no comparison; nothing was written. Name another place with --out.")
        if not (overwrite or resume):
            raise OutputError(
                f"{out} holds a comparison already. Go on with it by --resume, replace it by --overwrite, or name another --out."
            )
    there = next((place for place in (out, *out.absolute().parents) if place.exists()), Path("/"))
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise OutputError(
            f"{out} cannot be written: {there} is {'read-only' if there.is_dir() else 'a file'}. Name another place with --out."
        )
    return kept


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Makes the folder, and keeps it for this process until the block ends; one that stays empty vanishes again.

    The system lets go of it too when the process dies. Where the file system knows no locks, or the system is Windows, nobody is kept out.

    Raises:
        OutputError: another process writes there, or the place cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = os.open(out / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}. Name a place that you may write with --out.") from error
    try:
        if not _is_ours(lock, out / LOCK):
            raise OutputError(f"another command is writing a comparison to {out}. Wait until it has ended, or name another --out.")
        try:
            yield
        finally:
            (out / LOCK).unlink(missing_ok=True)
            if out.is_dir() and not any(out.iterdir()):
                out.rmdir()
    finally:
        os.close(lock)


def _is_ours(lock: int, place: Path) -> bool:
    """Takes the lock if nobody has it."""
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a network's file system without locks
        return True
    # Whoever had it may have taken the file away between our opening and our locking it; another may have made a new one since.
    return place.exists() and os.path.samestat(os.fstat(lock), place.stat())
