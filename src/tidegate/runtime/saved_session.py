"""Sessions as bytes: what they say as JSON and their arrays, in one .npz without pickle."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import ModelError

Arrays = Mapping[str, NDArray[Any]]


def session_bytes(says: Mapping[str, Any], arrays: Arrays) -> bytes:
    """What `session_content` reads back; no array is called "session"."""
    # Halves of surrogate pairs, which texts cut by UTF-16 hold, stay two characters; escaped by JSON they would come back as one.
    said = json.dumps(says, ensure_ascii=False).encode("utf-8", "surrogatepass")
    content: dict[str, Any] = {"session": np.frombuffer(said, dtype=np.uint8), **arrays}
    file = io.BytesIO()
    np.savez(file, **content)
    return file.getvalue()


def session_content(data: bytes, kind: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What a session said, and its arrays.

    Args:
        kind: what it must say to be the same model's, read in the same way.

    Raises:
        ModelError: it is another model's, damaged or no session at all.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            says = json.loads(file["session"].tobytes().decode("utf-8", "surrogatepass"))
            arrays = {name: file[name] for name in file.files if name != "session"}
        given = {name: says[name] for name in kind}
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise damaged(error) from error
    if given["model"] != kind["model"]:
        raise ModelError("the session was saved by another model; go on with the model that began it, or begin a new session.")
    for name, value in kind.items():
        if given[name] != value:
            raise ModelError(f"the session was saved with {name} {given[name]}, not {value}; begin this one with the same.")
    return says, arrays


def damaged(error: Exception) -> ModelError:
    """What is said of bytes that are no session."""
    return ModelError(f"this is no saved session, or a damaged one ({error}); give what to_bytes() returned, whole.")
