"""The model directory: its manifest, writing it whole or not at all, reading it with every check."""

from tidegate.artefact.manifest import FORMAT, FORMAT_VERSION, REQUIRED_FILES
from tidegate.artefact.reading import StoredModel, read_model
from tidegate.artefact.writing import (
    ModelContent,
    check_output,
    claim_output,
    copy_model,
    finish_output,
    partial_of,
    stem_of,
    write_atomically,
)

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "REQUIRED_FILES",
    "ModelContent",
    "StoredModel",
    "check_output",
    "claim_output",
    "copy_model",
    "finish_output",
    "partial_of",
    "read_model",
    "stem_of",
    "write_atomically",
]
