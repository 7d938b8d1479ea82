"""Sequences of numbers from .npz files and from arrays in Python."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tidegate.data.sequences import SequenceColumns, SequenceSet, read_sequences, sequences_of
from tidegate.errors import DataError

FLAT = np.arange(12, dtype=np.float32).reshape(6, 2)
PADDED = np.arange(12, dtype=np.float64).reshape(2, 3, 2)


def save(folder: Path, **arrays: Any) -> str:
    path = folder / "a.npz"
    np.savez_compressed(path, **arrays)
    return str(path)


def told(found: SequenceSet) -> list[tuple[str, list[list[float]], str]]:
    return [(one.name, one.values.tolist(), one.label) for one in found.sequences]


@pytest.mark.parametrize("cut", [{"offsets": [0, 2, 2, 6]}, {"lengths": np.array([2, 0, 4], dtype=np.uint8)}])
def test_flat_arrays(tmp_path: Path, cut: dict[str, Any]) -> None:
    path = save(tmp_path, x=FLAT, y=["u", "v", "u"], names=["p", "q", "r"], features=["one", "two"], group=[7, 7, 8], **cut)
    found = read_sequences([path])
    assert told(found) == [("p", FLAT[:2].tolist(), "u"), ("q", [], "v"), ("r", FLAT[2:].tolist(), "u")]
    assert found.columns == SequenceColumns(features=("one", "two"))
    assert [one.group for one in found.sequences] == ["7", "7", "8"]
    assert [str(one.source) for one in found.sequences] == [f"{path}, sequence {place}" for place in (1, 2, 3)]
    assert found.sequences[0].values.dtype == np.float32
    assert found.sequences[1].values.shape == (0, 2)
    # What a model learnt from stands where its names say.
    again = read_sequences([path], like=SequenceColumns("id", "t", ("two", "one"), "label"), is_labelled=False)
    assert again.sequences[0].values.tolist() == FLAT[:2, ::-1].tolist()
    assert again.sequences[0].label == ""
    assert again.columns.features == ("two", "one")


def test_padded_arrays(tmp_path: Path) -> None:
    found = read_sequences([save(tmp_path, X=PADDED, lengths=[3, 1], y=[True, False])])
    assert told(found) == [("a/1", PADDED[0].tolist(), "true"), ("a/2", PADDED[1, :1].tolist(), "false")]
    assert found.columns == SequenceColumns(features=("feature1", "feature2"))
    gone = PADDED.copy()
    gone[1, 1:] = np.nan
    path = save(tmp_path, X=gone, y=np.array([3.0, 4.0]))
    found = read_sequences([path])
    assert [(len(one), one.label) for one in found.sequences] == [(3, "3"), (3, "4")]
    assert found.notes == (f"{path}: 1 of 2 sequences end in a frame without any value; if that is padding, save their lengths too",)
    whole = read_sequences([save(tmp_path, X=PADDED.astype(int), y=np.array([b"u", b"v"]))])
    assert (whole.sequences[1].values.tolist(), whole.sequences[1].label) == (PADDED[1].tolist(), "v")


def test_labels_of_frames(tmp_path: Path) -> None:
    path = save(tmp_path, x=FLAT, lengths=[2, 4], y=list("aabbcb"))
    assert [one.labels for one in read_sequences([path], per_step_labels=True).sequences] == [("a", "a"), ("b", "b", "c", "b")]
    with pytest.raises(DataError, match=r"a\.npz, sequence 2: 2 labels \(b, c\)\. One label a sequence was expected"):
        read_sequences([path])
    path = save(tmp_path, X=PADDED, lengths=[3, 1], y=[[1, 2, 3], [4, 0, 0]])
    assert [one.labels for one in read_sequences([path], per_step_labels=True).sequences] == [("1", "2", "3"), ("4",)]
    # One label a sequence may be written at each of its frames.
    assert [one.label for one in read_sequences([save(tmp_path, x=FLAT, lengths=[2, 4], y=list("aabbbb"))]).sequences] == ["a", "b"]
    with pytest.raises(DataError, match=re.escape("y has shape [2]; [6], a label a frame, was expected")):
        read_sequences([save(tmp_path, x=FLAT, lengths=[2, 4], y=["a", "b"])], per_step_labels=True)


BAD_FRAMES = FLAT.copy()
BAD_FRAMES[3, 1] = np.inf
X = {"x": FLAT, "lengths": [2, 4], "y": ["a", "b"]}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({**X, "extra": [1]}, "holds 'extra', of which nothing is known; expected are x"),
        ({"y": [1]}, "holds neither x nor X; expected are x"),
        ({**X, "X": PADDED}, "holds both x and X"),
        ({"x": FLAT, "y": [1]}, r"x of shape \[6, 2\] and neither offsets nor lengths; expected are"),
        ({**X, "offsets": [0, 2, 6]}, r"x of shape \[6, 2\] and offsets \[3\], lengths \[2\]"),
        ({"X": PADDED, "offsets": [0, 3, 6], "y": [1, 2]}, r"X of shape \[2, 3, 2\] and offsets \[3\]"),
        ({**X, "x": FLAT[:, 0]}, r"x of shape \[6\]"),
        ({**X, "lengths": [2, 3]}, "lengths add up to 5, and there are 6 frames"),
        ({**X, "lengths": [-1, 7]}, r"2 lengths \(-1, 7\); 0 or more were expected"),
        ({**X, "lengths": [2.0, 4.0]}, "lengths is float64 .* whole numbers"),
        ({"x": FLAT, "offsets": [0, 4, 2, 6], "y": [1, 2, 3]}, r"offsets must begin with 0, never fall, and end with 6.*0, 4, 2, 6"),
        ({"x": FLAT, "offsets": [1, 6], "y": [1]}, "offsets must begin with 0"),
        ({"x": FLAT, "offsets": [0, 5], "y": [1]}, "end with 6"),
        ({"X": PADDED, "lengths": [3, 4], "y": [1, 2]}, "sequence 2: length 4, and X has 3 frames a sequence"),
        ({"X": PADDED, "lengths": [3], "y": [1, 2]}, r"1 lengths \(3\); 2, each 0 or more, were expected"),
        ({**X, "y": ["a"]}, r"y has shape \[1\]; \[6\], a label a frame, or \[2\], one a sequence, was expected"),
        ({**X, "y": [0.5, 1]}, r"a label 0\.5 at place 1; a text or a whole number"),
        ({**X, "y": ["a", ""]}, "a label '' at place 2"),
        ({"x": FLAT, "lengths": [2, 4]}, "holds no labels"),
        ({**X, "x": BAD_FRAMES}, "sequence 2, frame 2: feature 2 is inf"),
        ({**X, "x": FLAT * 1j}, "an array of complex64 was given; numbers were expected"),
        ({**X, "x": FLAT[:, :0]}, r"shape \[6, 0\]"),
        ({**X, "names": ["p", "p"]}, "two sequences are called 'p'"),
        ({**X, "names": ["p"]}, r"names has shape \[1\], and \[2\] was expected"),
        ({**X, "features": ["p", "p"]}, r"2 names of features \(p, p\), 2 were expected, all different"),
        ({**X, "group": ["p"]}, r"group has shape \[1\]"),
        ({"x": FLAT[:0], "lengths": np.zeros(0, dtype=int), "y": []}, "holds no sequences"),
    ],
)  # fmt: skip
def test_archives_that_are_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_sequences([save(tmp_path, **arrays)])


def test_pickles_are_never_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.array([FLAT, FLAT[:2]], dtype=object), y=["a", "b"])
    with pytest.raises(DataError, match="holds pickled objects.*are not"):
        read_sequences([str(path)])
    path.write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(DataError, match=r"a\.npz (cannot be read|holds pickled)"):
        read_sequences([str(path)])


def test_damaged_archives(tmp_path: Path) -> None:
    path = Path(save(tmp_path, **X))
    whole = path.read_bytes()
    for length in (0, 3, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"a\.npz cannot be read as an \.npz file|holds pickled"):
            read_sequences([str(path)])
    encrypted = bytearray(whole)
    encrypted[whole.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(encrypted)
    with pytest.raises(DataError, match=r"a\.npz cannot be read as an \.npz file .*encrypted"):
        read_sequences([str(path)])
    # A header that promises more than there is, and a member that is no array.
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": (10**15, 2)})
    for content in (buffer.getvalue(), b"no array"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", content)
        with pytest.raises(DataError, match=r"a\.npz"):
            read_sequences([str(path)])
    np.save(tmp_path / "b.npy", FLAT)
    with pytest.raises(DataError, match=r"b\.npy holds one array and no names"):
        read_sequences([str(tmp_path / "b.npy")])
    with pytest.raises(DataError, match="columns were asked for, and an archive has none"):
        read_sequences([save(tmp_path, **X)], features=["p"])


def test_another_number_of_features_than_training(tmp_path: Path) -> None:
    like = SequenceColumns(features=("p", "q", "r"))
    with pytest.raises(DataError, match=r"a\.npz: 2 features, 3 were expected as in training: p, q, r"):
        read_sequences([save(tmp_path, **X)], like=like)
    with pytest.raises(DataError, match=r"a\.npz: there is no feature 'r' here; there are: p, q"):
        read_sequences([save(tmp_path, **X, features=["p", "q"])], like=like)


def test_arrays_in_python() -> None:
    arrays = [FLAT, FLAT[:0], [[1, np.nan]]]
    found = sequences_of(arrays, ["u", "v", "u"], [1, 2, 1], features=["p", "q"])
    assert [(one.name, len(one), one.label, one.group) for one in found.sequences] == [
        ("X[0]", 6, "u", "1"),
        ("X[1]", 0, "v", "2"),
        ("X[2]", 1, "u", "1"),
    ]
    assert found.columns == SequenceColumns(features=("p", "q"))
    assert found.sequences[0].values.dtype == np.float32
    np.testing.assert_array_equal(found.sequences[2].values, [[1, np.nan]])
    found = sequences_of(PADDED, np.array([1, 0]))
    assert told(found) == [("X[0]", PADDED[0].tolist(), "1"), ("X[1]", PADDED[1].tolist(), "0")]
    assert told(sequences_of(PADDED))[0][2] == ""
    found = sequences_of(PADDED, [["a", "b", "a"], [1, 2, 3]], per_step_labels=True)
    assert [one.labels for one in found.sequences] == [("a", "b", "a"), ("1", "2", "3")]
    found = sequences_of(PADDED, features=["p", "q"], like=SequenceColumns(features=("q", "p")))
    assert found.sequences[0].values.tolist() == PADDED[0, :, ::-1].tolist()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X": []}, "X is empty"),
        ({"X": FLAT}, r"X\[0\], frame 0: an array of shape \[2\] was given; \[frames, features\]"),
        ({"X": [FLAT, FLAT[:, :1]]}, r"X\[1\]: 1 features, 2 were expected as in X\[0\]"),
        ({"X": [FLAT, [[1], [2, 3]]]}, r"X\[1\]: rows of unlike length"),
        ({"X": [FLAT, BAD_FRAMES]}, r"X\[1\], frame 3: feature 2 is inf"),
        ({"X": [FLAT, [["a", "b"]]]}, r"X\[1\], frame 0: an array of <U1 was given"),
        ({"X": pd.DataFrame(FLAT)}, r"a DataFrame was given; a list of arrays.*groupby"),
        ({"X": {"x": FLAT}}, "a dict was given"),
        ({"X": "a.csv"}, "a str was given"),
        ({"X": [FLAT], "y": ["a", "b"]}, "y has 2 items for 1 sequences"),
        ({"X": [FLAT], "groups": []}, "groups has 0 items for 1 sequences"),
        ({"X": [FLAT], "y": [None]}, "y: a label None at place 1"),
        ({"X": [FLAT], "y": [["a"]]}, r"y has shape \[1, 1\]; one item a sequence was expected"),
        ({"X": [FLAT], "y": [["a"]], "per_step_labels": True}, r"X\[0\]: 1 labels for 6 frames"),
        ({"X": [FLAT], "features": ["p"]}, r"X: 1 names of features \(p\), 2 were expected"),
    ],
)
def test_arrays_that_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        sequences_of(**given)
