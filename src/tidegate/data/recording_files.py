"""Which files are recordings, and what is said of each before it is read: by the folders that they lie in and by their names."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tidegate.data.opening import nearest_file, suffix_of
from tidegate.data.recording_names import NamePattern
from tidegate.data.records import Source
from tidegate.errors import DataError, listed

# What sound is read from, and what must be converted first.
_WAV_SUFFIXES = (".wav", ".wave")
_OTHER_SOUND = frozenset(
    (".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma", ".aif", ".aiff", ".au", ".sph", ".mp4", ".webm")
)
SOUND_SUFFIXES = _OTHER_SOUND.union(_WAV_SUFFIXES)
Needs = Literal["label", "text", ""]


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """A file, and what is said of it; empty where nothing is. A text is None where none is told: an empty one says that nothing is said.

    Attributes:
        path: where it is.
        name: what answers call it.
        source: what says so: the file itself, or a row of a table.
    """

    path: str
    name: str
    source: Source
    label: str = ""
    text: str | None = None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: columns by name or by number from 1, empty where they were not.

    Attributes:
        pattern: of files' names.
        needs: what every recording must have.
        hints: where a trained model asks, the columns of training by what they hold: looked for first, and not missed.
    """

    path: str
    label: str
    text: str
    group: str
    pattern: NamePattern | None
    needs: Needs
    hints: Mapping[str, str] | None = None

    @property
    def told(self) -> frozenset[str]:
        """What the files' names tell of."""
        return self.pattern.fields if self.pattern else frozenset()

    def told_by(self, path: str) -> dict[str, str]:
        """What a file's name tells.

        Raises:
            DataError: the name has not the form that was asked for; where it is but the form of training, it tells nothing.
        """
        if self.pattern is None:
            return {}
        try:
            return self.pattern.read(path)
        except DataError:
            if self.hints is None:
                raise
            return {}

    def mend(self, role: str) -> str:
        """How to say which column it is."""
        is_option = self.hints is None or role in ("label", "text")
        return f"Name it with --{role} COL." if is_option else f"Call it '{role}'."


def expand_sound(patterns: Sequence[str]) -> list[str]:
    """The files and folders that names and globs stand for: in the order given, sorted within a glob, none twice.

    Raises:
        DataError: a name that stands for nothing.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        paths = [pattern] if os.path.exists(pattern) else sorted(glob.glob(pattern, recursive=True))
        if not paths:
            kind = "nothing matches this pattern" if glob.has_magic(pattern) else "no such file or folder"
            raise DataError(
                f"{pattern}: {kind}.{nearest_file(pattern)} Expected .wav files, folders of them, or a table that names them, seen from "
                f"the folder '{os.getcwd()}'."
            )
        found.update(dict.fromkeys(paths))
    return list(found)


def is_sound(path: str) -> bool:
    """Whether a name is one of a WAV file."""
    return path.lower().endswith(_WAV_SUFFIXES)


def refuse_other_sound(path: str) -> None:
    """Raises DataError for sound in another form than WAV."""
    suffix = suffix_of(path)
    if suffix in _OTHER_SOUND:
        raise DataError(
            f"{path}: sound is read from .wav files alone. Convert it: ffmpeg -i {path} -c:a pcm_s16le "
            f"{os.path.splitext(os.path.basename(path))[0]}.wav"
        )


def recording_file(path: str, name: str, source: Source, told: Mapping[str, str]) -> RecordingFile:
    """A file of which these roles are told."""
    return RecordingFile(path, name, source, told.get("label", ""), told.get("text"), told.get("group", ""))


def in_folder(folder: str, asked: Asked) -> list[RecordingFile]:
    """The recordings below a folder, sorted; a subfolder's name is the label of all that is in it, unless the pattern tells labels.

    Raises:
        DataError: there are none, or they have no labels and need some.
    """
    found = sorted(_below(folder))
    paths = [path for path in found if is_sound(path)]
    if not paths:
        other = next((path for path in found if suffix_of(path) in _OTHER_SOUND), None)
        if other is not None:
            suffix = suffix_of(other)
            raise DataError(
                f'{folder}: no .wav files, but {suffix} such as {other}. Convert them: for f in *{suffix}; do ffmpeg -i "$f" -c:a '
                f'pcm_s16le "${{f%{suffix}}}.wav"; done'
            )
        raise DataError(f"{folder}: no .wav files in this folder. Expected folder/LABEL/*.wav, or .wav files whose names tell labels.")
    files = []
    for path in paths:
        name = os.path.relpath(path, folder)
        outer, _, inner = name.replace(os.sep, "/").partition("/")
        files.append(_named(path, name, outer if inner else "", asked))
    return _needed(files, folder, asked)


def named_alone(path: str, asked: Asked) -> RecordingFile:
    """A single .wav file, of which only its name can tell.

    Raises:
        DataError: it needs a label or a transcript and its name tells none.
    """
    return _needed([_named(path, path, "", asked)], path, asked)[0]


def _named(path: str, name: str, folder_label: str, asked: Asked) -> RecordingFile:
    return recording_file(path, name, Source(path, 0), {"label": folder_label} | asked.told_by(path))


def _needed(files: list[RecordingFile], given: str, asked: Asked) -> list[RecordingFile]:
    """The files, if each has what it needs."""
    lacking = [file for file in files if asked.needs and not file.label and (asked.needs == "label" or not file.text)]
    if lacking:
        what = "label" if asked.needs == "label" else "transcript"
        by_name = f"say how their names tell it (--pattern '{{{asked.needs}}}_{{}}'), "
        if asked.hints is not None:
            by_name = f"give them names as in training ('{asked.pattern.text}'), " if asked.pattern else ""
        raise DataError(
            f"{given}: nothing tells the {what} of {listed([file.name for file in lacking], 3)}. Put recordings into folders named by "
            f"labels (DIR/LABEL/*.wav), {by_name}or give a table with the columns path and {asked.needs}."
        )
    return files


def _below(folder: str) -> Iterator[str]:
    """All files below a folder, without hidden ones."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(root, name) for name in names if not name.startswith("."))
