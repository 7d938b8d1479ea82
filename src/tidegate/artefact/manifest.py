"""What a model directory holds, and how its parts vouch for each other.

    config.json         the manifest: format, versions, task, architecture, network, recipe, and for every
                        other file its size and SHA-256; last, the SHA-256 of the manifest itself
    model.safetensors   every tensor, float32, little-endian
    vocabulary.json     words, characters, shapes, labels
    metrics.json        scores on the development and test data, the baseline's scores, the epochs
    README.md           the model card, for people

A directory without config.json is no model: it is written last, so a run that was cut leaves none.
Nothing is ever pickled. A reader MUST refuse a `format_version` above its own and SHOULD read every
lower one; new optional keys do not raise the version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

FORMAT = "tidegate-model"
FORMAT_VERSION = 1
REQUIRED_FILES = ("config.json", "model.safetensors", "vocabulary.json", "metrics.json", "README.md")


def canonical_json(content: Mapping[str, Any]) -> bytes:
    """JSON bytes that are the same for equal content, whatever the order of keys."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def readable_json(content: Mapping[str, Any]) -> bytes:
    """JSON bytes for people, keys in the order given."""
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sealed_manifest(config: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    """The manifest for the given files: `config`, their sizes and digests, and its own digest over all that."""
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **config,
        "files": {name: {"bytes": len(content), "sha256": digest(content)} for name, content in files.items()},
    }
    return {**manifest, "sha256": digest(canonical_json(manifest))}


def seal_is_intact(manifest: Mapping[str, Any]) -> bool:
    """Whether the manifest is as it was sealed."""
    unsealed = {key: value for key, value in manifest.items() if key != "sha256"}
    return manifest.get("sha256") == digest(canonical_json(unsealed))
