"""Writing a model directory, or any output file, whole or not at all.

Training works in a sibling, `<DIR>.partial`. When everything stands there, flushed to disk, one
rename makes it DIR. Whatever happens before, DIR is untouched.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as safetensors_bytes

from tidegate.artefact.manifest import FORMAT, REQUIRED_FILES, readable_json, sealed_manifest
from tidegate.errors import OutputError, RunError


@dataclass(frozen=True, slots=True)
class ModelContent:
    """All that goes into a model directory.

    Attributes:
        config: task, arch, network, recipe, tidegate_version: what the manifest says before its checksums.
        tensors: by name; written as float32, whole numbers as they are.
        vocabulary, metrics: JSON objects.
        card: README.md, Markdown.
    """

    config: Mapping[str, Any]
    tensors: Mapping[str, NDArray[Any]]
    vocabulary: Mapping[str, Any]
    metrics: Mapping[str, Any]
    card: str


def partial_of(out: Path) -> Path:
    """The sibling in which a run towards `out` works; OutputError where `out` has no name, as '.' and '/'."""
    if not out.name:
        raise OutputError(f"{out} is no name for a new directory; nothing was written. Name one with --out.")
    return out.with_name(out.name + ".partial")


def stem_of(path: str) -> str:
    """What an output is called after the first file that it was made from, where the user named none."""
    name = Path(path).name.removesuffix(".gz").partition(".")[0]
    return "".join(character for character in name if character not in "*?[]").strip("-") or "model"


def check_output(out: Path, *, overwrite: bool, resume: bool) -> Path:
    """Whether a run may work towards `out`; writes nothing. Gives `<out>.partial`, where it would work.

    Raises:
        OutputError: `out` exists and may not be replaced; or an interrupted run's work lies there and
            neither `resume` nor `overwrite` says what to do with it; or `out` is no name.
    """
    partial = partial_of(out)
    if out.exists() and not overwrite:
        what = "a directory" if out.is_dir() else "a file"
        raise OutputError(
            f"{out} exists already ({what}); nothing was written. Name another place with --out, or replace it with --overwrite."
        )
    if out.exists() and not _may_be_replaced(out):
        raise OutputError(
            f"{out} exists already and is neither a model nor empty, so --overwrite does not touch it; nothing was written. "
            "Name another place with --out, or remove it yourself."
        )
    if partial.exists() and not resume and not overwrite:
        raise OutputError(
            f"{partial} holds the work of a run that was interrupted; nothing was written. Continue it with --resume, "
            "or begin again with --overwrite."
        )
    return partial


def claim_output(out: Path, *, overwrite: bool, resume: bool) -> Path:
    """Makes and returns the working directory `<out>.partial` of a run, before any time is spent.

    Raises:
        OutputError: as `check_output`, or the place cannot be written.
    """
    partial = check_output(out, overwrite=overwrite, resume=resume)
    try:
        if partial.exists() and not resume:
            shutil.rmtree(partial)
        partial.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{partial} cannot be written: {error.strerror}. Name a place that you may write with --out.") from error
    return partial


def _may_be_replaced(out: Path) -> bool:
    """Whether `--overwrite` may remove what stands at `out`: an empty directory, or one with a model's manifest."""
    if not out.is_dir():
        return False
    if not any(out.iterdir()):
        return True
    try:
        manifest = json.loads((out / "config.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("format") == FORMAT


def finish_output(partial: Path, out: Path, content: ModelContent) -> None:
    """Writes the model into `partial` and renames it to `out`; a model that stood there is replaced.

    Raises:
        RunError: the disk is full or fails. `out` is then as it was before.
    """
    try:
        tensors = {
            name: np.ascontiguousarray(tensor, dtype=np.float32 if tensor.dtype.kind == "f" else None)
            for name, tensor in sorted(content.tensors.items())
        }
        files = {
            "model.safetensors": safetensors_bytes(tensors),
            "vocabulary.json": readable_json(content.vocabulary),
            "metrics.json": readable_json(content.metrics),
            "README.md": content.card.encode(),
        }
        files["config.json"] = readable_json(sealed_manifest(content.config, files))
        for name, data in files.items():
            _write_to_disk(partial / name, data)
        _move_into_place(partial, out)
    except OSError as error:
        (partial / "config.json").unlink(missing_ok=True)
        raise RunError(
            f"{out} could not be written: {error.strerror or error}. No model was left there; make room and run again with --resume."
        ) from error


def copy_model(model: Path, out: Path) -> None:
    """Copies the files of a model directory to `out`, whole or not at all.

    Raises:
        OutputError: `out` exists or cannot be written.
    """
    if out.exists():
        raise OutputError(f"{out} exists already; nothing was written. Name another place, or remove it first.")
    partial = partial_of(out)
    if partial.exists():
        raise OutputError(f"{partial} exists already; nothing was written. Name another place, or remove it first.")
    try:
        partial.mkdir(parents=True)
        for name in REQUIRED_FILES:
            _write_to_disk(partial / name, (model / name).read_bytes())
        os.rename(partial, out)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise OutputError(f"{out} cannot be written: {error.strerror}. Name a place that you may write.") from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _write_to_disk(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _move_into_place(partial: Path, out: Path) -> None:
    """Renames `partial` to `out`. What stood at `out` is put back if that fails or is interrupted, and removed if not."""
    if not out.exists():
        os.rename(partial, out)
        return
    replaced = out.with_name(out.name + ".replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    try:
        os.rename(out, replaced)
        os.rename(partial, out)
    except BaseException:
        if out.exists():
            shutil.rmtree(replaced, ignore_errors=True)
        else:
            os.rename(replaced, out)
        raise
    shutil.rmtree(replaced, ignore_errors=True)


@contextmanager
def write_atomically(path: Path) -> Iterator[BinaryIO]:
    """Opens a sibling of `path` for writing; it becomes `path` when the block ends well, and vanishes when it does not.

    Raises:
        OutputError: the place cannot be written.
        RunError: the disk fills up or fails underway.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a directory; a file was expected. Name a file in it.")
    is_special = path.exists() and not path.is_file()  # a pipe or a device is written to as it is, and never replaced
    target = path if is_special else path.resolve()  # what a link points to is replaced, not the link
    partial = target if is_special else target.with_name(target.name + ".partial")
    try:
        file = partial.open("wb")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}. Name a place that you may write.") from error
    if is_special:
        with file:
            yield file
        return
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise RunError(
            f"{path} could not be written: {error.strerror or error}. Nothing was left there; make room and run again."
        ) from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
