"""Reading a model directory: every check before any use, and for each failure what to do about it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as safetensors_load

from tidegate.artefact.manifest import FORMAT, FORMAT_VERSION, REQUIRED_FILES, digest, seal_is_intact
from tidegate.errors import ModelError

_MEND = "Copy or fetch the directory again, or train the model anew."


@dataclass(frozen=True)
class StoredModel:
    """What a model directory said: the manifest, the tensors by name, and the JSON files."""

    path: Path
    config: dict[str, Any]
    tensors: dict[str, NDArray[Any]]
    vocabulary: dict[str, Any]
    metrics: dict[str, Any]

    def tensor(self, name: str) -> NDArray[Any]:
        """The tensor of that name.

        Raises:
            ModelError: the file holds none.
        """
        if name not in self.tensors:
            raise ModelError(f"{self.path / 'model.safetensors'} holds no tensor '{name}', which its config.json calls for. {_MEND}")
        return self.tensors[name]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the units, settings and tensors of the network: whose session is whose."""
        found = hashlib.sha256(json.dumps([self.vocabulary, self.config["network"]], sort_keys=True).encode())
        for name, tensor in sorted(self.tensors.items()):
            found.update(f"{name} {tensor.dtype} {tensor.shape}".encode())
            found.update(np.ascontiguousarray(tensor).tobytes())
        return found.hexdigest()


def read_model(path: str | Path) -> StoredModel:
    """Reads and checks the model directory at `path`.

    Raises:
        ModelError: not a model directory; a file missing, cut or altered; or a format newer than this tidegate.
    """
    folder = Path(path)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise ModelError(
            f"{folder} {what}; a model is a directory that holds {', '.join(REQUIRED_FILES)}. Give the directory "
            "that `tidegate train` named."
        )
    config = _read_json(folder, "config.json")
    if config.get("format") != FORMAT:
        raise ModelError(
            f"{folder / 'config.json'} says format {config.get('format')!r}, not '{FORMAT}': this is no model of tidegate. "
            "Give the directory that `tidegate train` named."
        )
    version = config.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise ModelError(
            f"{folder} has format version {version}; this tidegate reads versions up to {FORMAT_VERSION}. Upgrade it: pip "
            "install --upgrade tidegate."
        )
    if not seal_is_intact(config):
        raise ModelError(f"{folder / 'config.json'} was altered after it was written: its checksum does not match. {_MEND}")
    contents = {name: _checked_bytes(folder, name, config) for name in REQUIRED_FILES if name != "config.json"}
    try:
        tensors = safetensors_load(contents["model.safetensors"])
    except SafetensorError as error:
        raise ModelError(f"{folder / 'model.safetensors'} is not a safetensors file: {error}. {_MEND}") from error
    return StoredModel(folder, config, tensors, json.loads(contents["vocabulary.json"]), json.loads(contents["metrics.json"]))


def _read_bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        if (folder / "results.json").is_file() and (models := sorted(path.name for path in (folder / "models").glob("*-[0-9]*"))):
            named = f"{', '.join(models[:3])}{', …' if len(models) > 3 else ''}"
            raise ModelError(
                f"{folder} is a comparison, no model. Its models stand in {folder / 'models'}: {named}. Name one of them."
            ) from None
        hint = (
            " It looks like a training run that was interrupted: continue it with --resume."
            if folder.name.endswith(".partial")
            else f" {_MEND}"
        )
        raise ModelError(f"{folder} holds no {name}, so it is no complete model directory.{hint}") from None
    except OSError as error:
        raise ModelError(f"{folder / name} cannot be read: {error.strerror}. Check its permissions.") from error


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        content = json.loads(_read_bytes(folder, name))
    except ValueError as error:
        raise ModelError(f"{folder / name} is not JSON ({error}): the file is cut or damaged. {_MEND}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{folder / name} holds a {type(content).__name__}, not an object. {_MEND}")
    return content


def _checked_bytes(folder: Path, name: str, config: dict[str, Any]) -> bytes:
    content = _read_bytes(folder, name)
    expected = config["files"].get(name)
    if expected is None:
        raise ModelError(f"{folder / 'config.json'} vouches for no {name}. {_MEND}")
    if len(content) != expected["bytes"]:
        raise ModelError(
            f"{folder / name} is {len(content):,} bytes long, but config.json says {expected['bytes']:,}: it was cut or altered. {_MEND}"
        )
    if digest(content) != expected["sha256"]:
        raise ModelError(f"{folder / name} does not match its checksum in config.json: it was altered or damaged. {_MEND}")
    return content
