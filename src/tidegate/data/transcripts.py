"""Transcripts: what is said in a recording, as the units that a transcriber writes."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.data.number_sequences import NumberSequence
from tidegate.data.recordings import Recording


def transcript_of(record: NumberSequence | Recording) -> str:
    """What is said in a recording; empty where nothing is, or nothing tells."""
    assert isinstance(record, Recording)
    return record.transcript or ""


def transcript_units(text: str, unit: str) -> list[str]:
    """The units of a transcript: words between blanks, or characters ("char") with one blank between words."""
    words = text.split()
    return words if unit == "word" else list(" ".join(words))


def joined_units(units: Sequence[str], unit: str) -> str:
    """The transcript that units make."""
    return (" " if unit == "word" else "").join(units)
