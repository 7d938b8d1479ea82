"""Scores of classifiers as pictures."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tidegate.errors import OutputError
from tidegate.runtime.class_pictures import MOST_LABELS, draw_classes, shown_labels

CONFUSION = {"one": {"one": 90, "two": 10}, "two": {"two": 999, "one": 1}}
SHARES = [{"share": 0.5, "accuracy": 0.25}, {"share": 1.0, "accuracy": 0.75}]


def texts_of(path: Path) -> list[str]:
    return [found.text or "" for found in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def test_every_cell_has_its_count_and_its_share_of_the_row(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    assert draw_classes({"confusion": CONFUSION}, path, title="classify, gru") is None
    texts = texts_of(path)
    for said in (
        "90",
        "90 %",
        "10",
        "10 %",
        "999",
        "> 99 %",
        "1",
        "< 1 %",
        "answer",
        "right label",
        "classify, gru",
    ):
        assert said in texts, said
    assert texts.count("one") == texts.count("two") == 2
    assert "accuracy" not in texts


def test_accuracy_over_the_share_seen_stands_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    draw_classes({"confusion": CONFUSION, "by_share": SHARES}, path)
    texts = texts_of(path)
    for said in ("0.25", "0.75", "accuracy", "share of the sequence seen, in percent"):
        assert said in texts, said
    width, height = map(float, re.findall(r'(?:width|height)="([0-9.]+)pt"', path.read_text(encoding="utf-8"))[:2])
    assert width > height


def test_equal_scores_give_equal_bytes_and_png_is_drawn_too(tmp_path: Path) -> None:
    scores = {"confusion": CONFUSION, "by_share": SHARES}
    for name in ("a.svg", "b.svg", "a.png", "b.png"):
        draw_classes(scores, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_of_many_labels_the_most_frequent_are_drawn_and_shares_stay_those_of_all(tmp_path: Path) -> None:
    confusion = {f"l{place:02d}": {f"l{place:02d}": 1 + place, "l00": 1} for place in range(1, 41)}
    confusion["l40"] = {"l40": 30, "l01": 30}  # l01 has no room
    assert shown_labels(confusion) == [f"l{place:02d}" for place in range(11, 41)]
    said = draw_classes({"confusion": confusion}, tmp_path / "a.svg")
    assert said is not None
    assert f"the {MOST_LABELS} most frequent of 41 labels" in said
    assert "50 %" in texts_of(tmp_path / "a.svg")


@pytest.mark.parametrize("name", ["a.pdf", "a"])
def test_other_forms_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.svg or \.png"):
        draw_classes({"confusion": CONFUSION}, tmp_path / name)


def test_a_label_that_was_only_given_has_a_column(tmp_path: Path) -> None:
    draw_classes({"confusion": {"one": {"$two$_{": 3}}}, tmp_path / "a.svg")
    assert texts_of(tmp_path / "a.svg").count("$two$_{") == 2
