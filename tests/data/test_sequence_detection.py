"""What files hold, told before anything reads them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tidegate.data.sequence_detection import material_of

STEPS = "sequence,step,x,z,label\n" + "".join(f"s{place // 3},{place % 3},{place}.5,NA,a\n" for place in range(9))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        pytest.param("a.csv", STEPS, "numbers", id="sequence, step, numbers, label"),
        pytest.param("a.tsv", STEPS.replace(",", "\t"), "numbers", id="between tabs"),
        pytest.param("a.csv", "id,x\n1,0.5\n1,0.25\n2,1\n", "numbers", id="no step, a sequence that repeats"),
        pytest.param("a.csv", STEPS.replace("label", "speaker"), "numbers", id="one column of few words"),
        pytest.param("a.csv", "id,x,z\n1,0.5,1\n2,0.25,1\n3,1,1\n", "text", id="every row another id"),
        pytest.param("a.csv", "id,time,likes,text\n1,1,5,well done\n2,2,6,badly done\n3,3,4,done\n", "text", id="numbers beside texts"),
        pytest.param("a.csv", STEPS.replace("3.5", "oops"), "numbers", id="a bad cell among numbers"),
        pytest.param("a.csv", STEPS.replace("NA", "--"), "numbers", id="another mark of the missing"),
        pytest.param(
            "a.csv", STEPS.replace("step", "timestamp").replace("sequence", "series_id"), "numbers", id="usual names of the reader"
        ),
        pytest.param("a.csv", STEPS.replace("label", "category"), "numbers", id="a category"),
        pytest.param("a.csv", STEPS.replace("label", "Was tut er?").replace("step", "datetime"), "numbers", id="a label by another name"),
        pytest.param("a.csv", "id;t;a;b;label\n1;0;1,5;2,5;x\n1;1;1,5;2,5;x\n2;0;0,5;3,5;y\n", "numbers", id="decimal commas"),
        pytest.param("a.csv", "audio_path,label\nx/1.wav,one\nx/2.wav,two\n", "sound", id="recordings by another usual name"),
        pytest.param("a.csv", "id,time,label,text\n1,1,a,5\n2,2,b,well done\n3,3,b,badly done\n", "text", id="a number among texts"),
        pytest.param("a.wave", "whatever", "sound", id="wave"),
        pytest.param("a.csv", "text,label\nwell done,good\nbadly done,bad\n", "text", id="texts"),
        pytest.param("a.csv", "word,language\nHaus,de\nhouse,en\n", "text", id="words"),
        pytest.param("a.csv", "path,label\nx/1.wav,one\nx/2.wav,two\n", "sound", id="names of recordings"),
        pytest.param("a.csv", "path,label\nx/1.csv,one\nx/2.csv,two\n", "numbers", id="names of tables"),
        pytest.param("a.csv", "path,label\nhome,one\naway,two\n", "text", id="a column called path that holds none"),
        pytest.param("a.jsonl", '{"audio": "1.wav", "text": "one two"}\n', "sound", id="names of recordings in JSON"),
        pytest.param("a.jsonl", '{"text": "one two", "label": "b"}\n', "text", id="texts in JSON"),
        pytest.param("a.npz", "whatever", "numbers", id="npz"),
        pytest.param("A.WAV", "whatever", "sound", id="wav"),
        pytest.param("a.flac", "whatever", "sound", id="sound of another form"),
        pytest.param("a.txt", "id x\n", "text", id="a text"),
        pytest.param("a.csv", "", "text", id="nothing"),
        pytest.param("a.conllu", "1\tx\t_\t_\t_\t_\t_\t_\t_\t_\n", "text", id="CoNLL-U"),
    ],
)
def test_a_file_is_told_by_its_name_its_columns_and_its_rows(name: str, content: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert material_of([str(tmp_path / name)]) == expected
    assert material_of([str(tmp_path / "*.*")]) == expected


def test_a_column_may_be_asked_for_by_name_and_by_number(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("who,what\none,x/1.wav\n", encoding="utf-8")
    assert material_of([str(tmp_path / "a.csv")]) == "text"
    assert [material_of([str(tmp_path / "a.csv")], path=path) for path in ("what", "2", "who")] == ["sound", "sound", "text"]


@pytest.mark.parametrize("turned", [False, True])
def test_a_folder_of_both_is_told_by_its_first_file_in_order(tmp_path: Path, turned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.csv", "b/1.wav", "c/1.wav", "d.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    real = os.scandir

    class Listing:
        """What the file system gives, in another order."""

        def __init__(self, path: str) -> None:
            with real(path) as found:
                self.entries = iter(sorted(found, key=lambda entry: entry.name, reverse=turned))

        def __enter__(self) -> Listing:
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def __iter__(self) -> Listing:
            return self

        def __next__(self) -> os.DirEntry[str]:
            return next(self.entries)

    monkeypatch.setattr(os, "scandir", Listing)
    assert material_of([str(tmp_path)]) == "numbers"
    (tmp_path / "a.csv").unlink()
    assert material_of([str(tmp_path)]) == "sound"


def test_a_folder_is_told_by_what_lies_in_it(tmp_path: Path) -> None:
    for label in ("one", "two"):
        (tmp_path / "words" / label).mkdir(parents=True)
        (tmp_path / "words" / label / "1.wav").write_bytes(b"")
        (tmp_path / "moves" / label).mkdir(parents=True)
        (tmp_path / "moves" / label / "1.csv").write_text("walking,about\n", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    assert [material_of([str(tmp_path / name)]) for name in ("words", "moves", "empty", "nowhere")] == ["sound", "numbers", "text", "text"]
