"""What spoils training is found where it is, and where nothing is wrong nothing is said."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from strategies import sentence
from tidegate.cli.data import data_app
from tidegate.data import Source, TextRecord, TokenRecord
from tidegate.data.checking import Finding, Lengths, PartProfile, Report, check_texts, check_tokens
from tidegate.data.damage import damage_in
from tidegate.errors import DataError, RecipeError
from timing import least_seconds


def texts(*rows: tuple[str, ...], file: str = "train.tsv", group: str = "") -> list[TextRecord]:
    """Records of (text, label, label...), one line to a text."""
    return [TextRecord(row[0], Source(file, line), tuple(row[1:]), group) for line, row in enumerate(rows, 1)]


def clean(*, count: int = 6, file: str = "train.tsv") -> list[TextRecord]:
    """Texts about which there is nothing to say, the same number of both labels."""
    return texts(*((f"{file} says {number} words", "ab"[number % 2]) for number in range(2 * count)), file=file)


def findings(report: Report, subject: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.subject == subject]


def only(report: Report, subject: str) -> Finding:
    found = findings(report, subject)
    assert len(found) == 1, found
    return found[0]


def test_nothing_odd_in_clean_texts() -> None:
    report = check_texts({"train": clean(), "dev": clean(count=3, file="dev.tsv"), "test": clean(count=2, file="test.tsv")})
    assert {finding.severity for finding in report.findings} == {"fine"}
    assert {finding.subject for finding in report.findings} == {
        "duplicates",
        "contradictions",
        "classes",
        "spelling",
        "lengths",
        "encoding",
    }
    assert not any(finding.places or finding.mend for finding in report.findings)
    assert report.class_counts == {"a": {"train": 6, "dev": 3, "test": 2}, "b": {"train": 6, "dev": 3, "test": 2}}
    assert report.summary == "12 distinct texts of 12; 2 labels, 50.0 % to 50.0 %; median 4 words, longest 4; nothing odd"


def test_profile_counts_words_characters_labels_and_empty_texts() -> None:
    report = check_texts({"train": texts(("one two  three", "a"), ("One two three", "a"), ("x", "b"), (" \t", "b"))})
    assert report.profiles == (PartProfile("train", 4, 2, 2, Lengths(1, 3, 3), Lengths(2, 14, 14), 1),)


def test_repetitions_in_a_part_are_counted_with_case_and_blanks_aside() -> None:
    report = check_texts({"train": [*clean(), *texts(("Call  ME", "a"), ("call me ", "a"), ("\ncall\tme", "a"), ("call you", "b"))]})
    found = only(report, "duplicates")
    assert (found.severity, found.said) == ("note", "2 of 16 texts in train repeat an earlier one")
    assert found.places == ("train.tsv, line 2 and line 1: 'call me '",)
    assert report.summary.startswith("14 distinct texts of 16 (2 repeated); ")


@given(st.lists(st.sampled_from(["a", "A ", "b c", "B  C", "d", "", " "]), max_size=20), st.randoms(use_true_random=False))
def test_repetitions_do_not_depend_on_the_order(chosen: list[str], order: random.Random) -> None:
    def repeated(words: list[str]) -> tuple[int, int, list[str]]:
        report = check_texts({"train": texts(*((word, "x") for word in words))})
        profile = report.profiles[0] if report.profiles else None
        said = [finding.said for finding in findings(report, "duplicates")]
        return (profile.distinct, profile.empty, said) if profile else (0, 0, said)

    shuffled = list(chosen)
    order.shuffle(shuffled)
    assert repeated(chosen) == repeated(shuffled)
    folded = [" ".join(word.lower().split()) for word in chosen]
    assert repeated(chosen)[:2] == (len(set(folded) - {""}), folded.count(""))


def test_copies_across_parts_are_told_for_each_pair() -> None:
    parts = {
        "train": [*clean(), *texts(("call me", "a"))],
        "dev": [*clean(file="dev.tsv"), *texts(("ring him", "a"), file="more.tsv")],
        "test": [*clean(file="test.tsv"), *texts(("Call me", "a"), ("ring  him", "a"), file="last.tsv")],
    }
    in_dev, in_train = sorted(findings(check_texts(parts), "duplicates"), key=lambda finding: finding.said)
    assert in_dev.said.endswith("in test (7.1 %) has a copy in dev, which makes the score in test too good")
    assert in_dev.places == ("last.tsv, line 2 and more.tsv, line 1: 'ring  him'",)
    assert in_train.said.startswith("1 of 14 texts in test (7.1 %) has a copy in train")
    assert in_train.severity == "warning"
    assert in_train.places == ("last.tsv, line 1 and train.tsv, line 1: 'Call me'",)


def test_a_few_copies_among_many_are_a_note() -> None:
    report = check_texts({"train": clean(), "test": [*clean(count=100, file="test.tsv"), *clean(count=1)[:1]]})
    assert only(report, "duplicates").severity == "note"
    assert report.summary.endswith("nothing odd")


def test_contradictions_name_both_places_and_both_labels() -> None:
    parts = {"train": [*clean(), *texts(("call me", "a"), ("call me", "a"))], "dev": texts(("Call me", "b"), file="dev.tsv")}
    found = only(check_texts(parts), "contradictions")
    assert (found.severity, found.said) == ("warning", "3 of 15 texts have different labels in different places (1 distinct text)")
    assert found.places == ("train.tsv, line 1 (a) and dev.tsv, line 1 (b): 'call me'",)


def test_several_labels_contradict_only_if_the_sets_differ() -> None:
    assert only(check_texts({"train": texts(("x", "a", "b"), ("x", "b", "a"))}), "contradictions").severity == "fine"
    assert only(check_texts({"train": texts(("x", "a", "b"), ("x", "b"))}), "contradictions").severity == "warning"
    assert only(check_texts({"train": texts(("x", "a"), ("x",))}), "contradictions").severity == "fine"


def test_rare_labels() -> None:
    report = check_texts({"train": [*clean(), *texts(("this is new", "c"))]})
    rare = next(finding for finding in findings(report, "classes") if finding.severity == "note")
    assert rare.said == "1 label with fewer than 5 examples in train: 'c'"
    assert rare.places == ("train.tsv, line 1: 'c' for 'this is new'",)
    assert report.summary.endswith("; of note: classes")
    assert not any("fewer" in finding.said for finding in findings(check_texts({"train": clean(count=5)}), "classes"))


@pytest.mark.parametrize(("often", "severity"), [(100, "fine"), (101, "note")])
def test_imbalance_beyond_twenty_to_one(often: int, severity: str) -> None:
    rows = [(f"often {number}", "ham") for number in range(often)] + [(f"seldom {number}", "spam") for number in range(5)]
    found = only(check_texts({"train": texts(*rows)}), "classes")
    assert found.severity == severity
    assert found.said.startswith("2 labels in train, from 'spam' (")
    assert ("--set class_weights=balanced" in found.mend) == (severity == "note")


def test_labels_that_training_lacks() -> None:
    report = check_texts({"train": clean(), "test": texts(("new words", "c"), ("newer words", "c"), ("w", "a"), file="test.tsv")})
    found = next(finding for finding in findings(report, "classes") if finding.severity == "warning")
    assert found.said == "1 label in test that train lacks (2 times): 'c'"
    assert found.places == ("test.tsv, line 1: 'c' for 'new words'",)
    assert report.summary.endswith("look at: classes")


def test_one_label_or_none() -> None:
    assert "nothing to learn" in only(check_texts({"train": texts(*((f"t{n}", "a") for n in range(9)))}), "classes").said
    assert findings(check_texts({"train": texts(("x",), ("y",))}), "classes") == []
    bare = next(f for f in findings(check_texts({"train": [*clean(), *texts(("no label here",))]}), "classes") if f.severity == "warning")
    assert bare.said == "1 of 13 texts in train has no label"
    assert bare.places == ("train.tsv, line 1: 'no label here'",)


def test_empty_and_extremely_long_texts() -> None:
    report = check_texts({"train": [*clean(count=50), *texts(("", "a"), ("y " * 1001, "b"))]})
    empty, long = findings(report, "lengths")
    assert (empty.severity, empty.said, empty.places) == ("warning", "1 of 102 texts is empty", ("train.tsv, line 1: ''",))
    assert long.said == "1 of 102 texts is extremely long, up to 2,002 characters"
    assert long.places[0].startswith("train.tsv, line 2: 'y y y")
    assert only(check_texts({"train": [*clean(count=50), *texts(("y " * 999, "b"))]}), "lengths").severity == "fine"


def test_labels_that_differ_by_case_or_blanks() -> None:
    report = check_texts(
        {"train": [*clean(), *texts(("new", "A"), ("newer", "b "), ("newest", "c"))], "test": texts(("t", " a"), file="t.tsv")}
    )
    found = only(report, "spelling")
    assert found.severity == "warning"
    assert found.said == "labels that differ by case or blanks alone: 'a' (6) and 'A' (1) and ' a' (1), 'b' (6) and 'b ' (1)"
    assert found.places == ("t.tsv, line 1: ' a' for 't'", "train.tsv, line 2: 'b ' for 'newer'")


def test_groups_in_two_parts() -> None:
    train, test = texts(("x", "a"), group="ann"), texts(("y", "a"), ("z", "b"), file="test.tsv", group="ann")
    found = only(check_texts({"train": train, "test": test}), "groups")
    assert (found.severity, found.said) == ("warning", "2 of 2 texts in test come from groups that train has too (1 group)")
    assert found.places == ("test.tsv, line 1 and train.tsv, line 1: group 'ann'",)
    assert findings(check_texts({"train": train, "test": texts(("y", "a"), group="bob")}), "groups") == []
    assert findings(check_texts({"train": texts(("x", "a")), "test": texts(("y", "a"))}), "groups") == []


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("cafÃ© au lait", ["mojibake"]),
        ("donâ€™t", ["mojibake"]),
        ("le cÅ“ur", ["mojibake"]),
        ("donâ\x80\x99t", ["mojibake"]),
        ("Â£5", ["mojibake"]),
        ("Ã–sterreich", ["mojibake"]),
        ("smile ðŸ˜€", ["mojibake"]),
        ("ÐŸÑ€Ð¸Ð²ÐµÑ‚", ["mojibake"]),
        ("genuine — and cafÃ©—so", ["mojibake"]),
        ("lost \ufffd here", ["lost"]),
        ("that\x92s", ["control"]),
        ("a\x07b", ["control"]),
        ("cafe\u0301", ["composed"]),
        ("&lt;b&gt; &#39;", ["entities"]),
        # None of these is damaged.
        ("tab\tand\nline\rend", []),
        ("AT&T; R&D &nonsense;", []),
        ("«\xa0le café\xa0» et «café»… É» À—", []),
        ("MANHÃ” NÍŽE Straße» groß… naïve Ærø 20 Å–30 Å £5 ½", []),
        ("Привет, Ελλάδα, 日本語, שלום, مرحبا, Việt Nam, 😀", []),
    ],
)
def test_damaged_characters(text: str, kinds: list[str]) -> None:
    assert [kind for kind, _ in damage_in(text)] == kinds


def test_damage_is_counted_and_shown_where_it_is() -> None:
    far = "word " * 30
    report = check_texts({"train": [*clean(), *texts((far + "cafÃ© " + far, "a"), ("a\x07b", "a"), ("x &amp; y", "b"), ("\ufffd", "b"))]})
    found = findings(report, "encoding")
    assert [finding.said.partition(" texts ")[2].partition(" ")[0] for finding in found] == ["holds"] * 4
    assert [finding.severity for finding in found] == ["warning", "warning", "warning", "note"]
    by_line = {finding.places[0].partition(":")[0]: finding for finding in found}
    assert "cafÃ©" in by_line["train.tsv, line 1"].places[0]
    assert by_line["train.tsv, line 2"].places == ("train.tsv, line 2: 'a\\x07b'",)
    assert "html.unescape" in by_line["train.tsv, line 3"].mend
    assert "U+FFFD" in by_line["train.tsv, line 4"].said


def test_split_accents_matter_only_beside_composed_ones() -> None:
    split = texts(("cafe\u0301", "a"))
    assert only(check_texts({"train": [*clean(), *split]}), "encoding").severity == "fine"
    assert only(check_texts({"train": [*clean(), *split, *texts(("dash —", "b"))]}), "encoding").severity == "fine"
    found = only(check_texts({"train": [*clean(), *split, *texts(("th\u00e9", "b"))]}), "encoding")
    assert "normalize('NFC', text)" in found.mend
    assert found.places == ("train.tsv, line 1: 'cafe\u0301'",)


def test_at_most_three_places_each_of_another_text() -> None:
    rows = [(word, "ab"[number % 2]) for number, word in enumerate("u u u v v w w x x y y".split())]
    report = check_texts({"train": texts(*rows)})
    assert all(len(finding.places) <= 3 for finding in report.findings)
    places = findings(report, "duplicates")[0].places
    assert len({place.rpartition(": ")[2] for place in places}) == 3


def test_no_records_at_all() -> None:
    for report in (check_texts({}), check_texts({"train": [], "dev": []}), check_tokens({"train": []}, ["upos"])):
        assert (report.profiles, report.findings, report.class_counts) == ((), (), {})
    assert check_texts({}).summary == "no texts"


def test_a_missing_training_part_is_no_trouble() -> None:
    report = check_texts({"test": clean(file="test.tsv")})
    assert findings(report, "classes") == []
    assert report.summary.startswith("12 distinct texts of 12; 2 labels")


def many(count: int, **labels: str) -> list[TokenRecord]:
    return [sentence(f"sentence {number} ends", line=4 * number + 1, **labels) for number in range(count)]


def test_tokens_clean() -> None:
    report = check_tokens({"train": many(10, upos="N M V")}, ["upos"])
    assert {finding.severity for finding in report.findings} == {"fine"}
    assert report.profiles[0].words == Lengths(3, 3, 3)
    assert report.class_counts == {"N": {"train": 10}, "M": {"train": 10}, "V": {"train": 10}}
    assert report.summary == "10 distinct sentences of 10; upos: 3 labels, 33.3 % to 33.3 %; median 3 tokens, longest 3; nothing odd"


def test_tokens_contradict_on_equal_tokens_and_name_the_first_that_differs() -> None:
    records = [
        *many(10, upos="N M V", xpos="n m v"),
        sentence("we may go", line=61, upos="N M V", xpos="n m v"),
        sentence("We May go", line=71, upos="N N V", xpos="n m v"),  # other capitals may rightly have other tags
        sentence("we may go", line=81, upos="N M V", xpos="n n v"),
    ]
    report = check_tokens({"train": records}, ["upos", "xpos"])
    found = only(report, "contradictions")
    assert found.said == "2 of 13 sentences have different labels in different places (1 distinct sentence)"
    assert found.places == ("in.conll, line 62 (m) and line 82 (n): 'may' in 'we may go'",)
    assert only(report, "duplicates").said == "2 of 13 sentences in train repeat an earlier one"
    assert report.class_counts["upos=M"] == {"train": 12}
    assert [finding.said.partition(":")[0] for finding in findings(report, "classes")] == ["upos", "xpos"]
    assert "upos: 3 labels" in report.summary
    assert "xpos: 3 labels" in report.summary


def test_tokens_outside_of_spans_do_not_count_as_imbalance() -> None:
    records = [sentence(" ".join(["word"] * 200 + [f"name{n}"]), ner=" ".join(["O"] * 200 + ["B-X"])) for n in range(10)]
    found = only(check_tokens({"train": records}, ["ner"]), "classes")
    assert found.severity == "fine"
    assert found.said.startswith("ner: 1 label beside O in train")


def test_tokens_name_the_line_of_the_token() -> None:
    test = [sentence("all is cafÃ© here", line=11, file="test.conll", upos="N N Q N")]
    report = check_tokens({"train": many(10, upos="N M V"), "test": test}, ["upos"])
    assert only(report, "encoding").places == ("test.conll, line 13: 'all is cafÃ© here'",)
    new = next(finding for finding in findings(report, "classes") if finding.severity == "warning")
    assert new.said == "upos: 1 label in test that train lacks (1 time): 'Q'"
    assert new.places == ("test.conll, line 13: 'Q' for 'cafÃ©'",)


def test_tokens_without_the_column_are_refused() -> None:
    with pytest.raises(DataError, match=r"in\.conll, line 1: no label column 'xpos' here; columns: 'upos'"):
        check_tokens({"train": many(1, upos="N M V")}, ["xpos"])


def test_a_hundred_thousand_texts_in_seconds() -> None:
    chance = random.Random(1)
    words = [*(f"word{number}" for number in range(5000)), "café", "naïve", "don’t", "&amp;", "cafÃ©"]
    rows = [(" ".join(chance.choices(words, k=15)), "ab"[number % 2]) for number in range(100_000)]
    parts = {"train": texts(*rows[:80_000]), "test": texts(*rows[80_000:], file="test.tsv")}
    assert least_seconds(lambda: check_texts(parts), 5) < 5


def run(*arguments: object) -> Any:
    return CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(data_app, ["check", *map(str, arguments)])


def _written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return path


TABLE = "text\tlabel\tauthor\n" + "".join(f"message number {n} [bold]\t{'spam' if n % 3 else 'ham'}\tann\n" for n in range(30))
COLUMNS = "".join(f"word{n}\tN\ngoes\tV\n\n" for n in range(10))


def test_command_prints_tables_on_output_and_notes_on_error(tmp_path: Path) -> None:
    train = _written(tmp_path, "train.tsv.gz", TABLE)
    test = _written(tmp_path, "test.tsv", "text\tlabel\tauthor\nmessage number 1 [bold]\tspam\tann\n")
    done = run(train, "--test", test, "--group", "author")
    assert done.exit_code == 0, done.output
    for part in (
        "30",
        "distinct",
        "has a copy in train",
        "message number 1 [bold]",
        "→ Remove the copies",
        "groups that train has too",
        "look at: ",
    ):
        assert part in done.stdout
    assert "31 records read as --task classify" in done.stderr
    assert run(train, "--quiet").stderr == ""


def test_command_prints_one_json_object(tmp_path: Path) -> None:
    done = run(_written(tmp_path, "train.tsv", TABLE), "--format", "json")
    told = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert told["task"] == "classify"
    assert told["class_counts"] == {"ham": {"train": 10}, "spam": {"train": 20}}
    assert told["profiles"][0]["words"] == {"median": 4, "p95": 4, "longest": 4}
    assert {finding["severity"] for finding in told["findings"]} == {"fine"}


@pytest.mark.parametrize(
    ("name", "content", "task"),
    [
        ("in.tsv", TABLE, "classify"),
        ("in.conll", COLUMNS, "tag"),
        ("in.bio.gz", COLUMNS, "tag"),
        ("in", COLUMNS, "tag"),
        ("in.jsonl", '{"tokens": ["a", "b"], "tags": ["N", "V"]}\n{"tokens": ["c"], "tags": ["N"]}\n', "tag"),
        ("in.jsonl", '{"text": "a b", "label": "x"}\n{"text": "c d", "label": "y"}\n', "classify"),
        ("in.tsv", "anna\tgirl\nemma\tgirl\nhans\tboy\njan\tboy\n", "classify"),
    ],
)
def test_command_tells_the_task_by_the_file(tmp_path: Path, name: str, content: str, task: str) -> None:
    done = run(_written(tmp_path, name, content), "--format", "json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["task"] == task


def test_command_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    table = _written(tmp_path, "in.tsv", TABLE)
    cases: tuple[tuple[type[Exception], tuple[object, ...], str], ...] = (
        (RecipeError, (table, "--task", "tags"), "Did you mean 'tag'?"),
        (RecipeError, (table, "--format", "xml"), "--format xml"),
        (RecipeError, (_written(tmp_path, "in.conll", COLUMNS), "--text", "x"), "--text is for texts"),
        (DataError, (tmp_path / "none.tsv",), "no such file"),
        (DataError, (table, "--label", "lable"), "lable"),
        (DataError, (_written(tmp_path, "empty.csv", ""),), "empty.csv"),
    )
    for kind, arguments, part in cases:
        done = run(*arguments)
        assert isinstance(done.exception, kind), done.output
        assert part in str(done.exception)


def test_command_help_has_examples() -> None:
    done = run("--help")
    assert done.exit_code == 0
    assert "tidegate data check messages.tsv" in done.stdout
