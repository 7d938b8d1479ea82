"""The commands over texts and labels, run as a person would."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import SMALL_CLASSIFIER, topic_texts, write_table

from .test_commands import ENVIRONMENT, assert_users_mistake, tidegate

FAST = ("--set", "hidden_size=8", "--set", "character_encoder=none", "--set", "learning_rate=0.02", "--max-epochs", 2, "--threads", 1)
TOPICS = ["food", "music", "weather"]


def parsed(done: subprocess.CompletedProcess[Any]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def train_on(path: Path, out: Path, **settings: Any) -> None:
    """Trains without the seconds that a fresh interpreter needs for torch."""
    from tidegate.training.classification.corpus import read_corpus
    from tidegate.training.classification.recipe import ClassifyRecipe
    from tidegate.training.classification.task import ClassifyTask
    from tidegate.training.files import RunFiles
    from tidegate.training.recipe import build_recipe
    from tidegate.training.run import train

    recipe = build_recipe(ClassifyRecipe, options={**SMALL_CLASSIFIER, **settings})
    train(ClassifyTask(recipe, read_corpus(RunFiles([str(path)]), recipe)), out, quiet=True)


def test_help_names_every_option_and_has_examples() -> None:
    shown = tidegate("train", "classify", "--help").stdout
    for option in (
        "--dev --test --text --label --label-separator --unit --positive --group --arch --out --recipe --preset --time-budget --max-epochs --seed --set --resume "
        "--overwrite --dry-run --threads --quiet --version --help"
    ).split():
        assert f"{option} " in shown, option
    for example in (
        "reviews.csv --text review --label sentiment",
        "--positive spam",
        "--unit char --arch bigru",
        "--group customer",
        "--label-separator '|'",
    ):
        assert example in shown
    assert "[default: found]" in shown
    assert "messages.tsv" in tidegate("data", "check", "--help").stdout
    assert "--threshold 0.9" in tidegate("predict", "--help").stdout
    assert "spam-model/ other.csv" in tidegate("evaluate", "--help").stdout


@pytest.mark.slow
def test_dry_run_on_odd_headers_tells_the_plan_and_writes_nothing(tmp_path: Path) -> None:
    X, y = topic_texts(120)
    path = write_table(tmp_path / "odd.csv", "Nr.,What was said,Art", [str(place) for place in range(120)], X, y)
    done = tidegate("train", "classify", path, "--dry-run", "--out", tmp_path / "model", *FAST)
    assert done.returncode == 0, done.stderr
    for part in (
        "arch        bilstm",
        "columns     text 'What was said', label 'Art' (table)",
        "labels      3 (food, music, weather); one a text",
        "texts held out (seed 1, stratified over distinct texts)",
        "chosen by   accuracy on the development data",
        "parameters  ",
        "for 2 epochs",
        "Nothing was trained.",
    ):
        assert part in done.stdout
    assert "text 'What was said', label 'Art' (3 labels) found by their content; --text and --label name others" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["odd.csv"]


@pytest.mark.slow
def test_train_evaluate_predict_from_the_command_line(toy_texts: Path, tmp_path: Path) -> None:
    done = tidegate(
        "train",
        "classify",
        toy_texts / "train.csv",
        "--dev",
        toy_texts / "dev.csv",
        "--test",
        toy_texts / "test.csv",
        "--arch",
        "gru",
        *FAST,
        cwd=tmp_path,
        fresh=True,
    )
    assert done.returncode == 0, done.stderr
    assert "epoch  2/2" in done.stderr
    assert "label 'topic' (3 labels) found by their name" in done.stderr
    assert "TF-IDF + linear SVM" in done.stdout
    model = tmp_path / "train-gru"
    commands = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")]
    assert len(commands) == 4
    assert commands[-1].endswith("| tidegate stream train-gru")
    for command in commands:
        words = command.replace("| tidegate", f"| {sys.executable} -m tidegate").replace("python -c", f"{sys.executable} -c")
        if words.startswith("tidegate"):
            words = f"{sys.executable} -m {words}"
        ran = subprocess.run(words, shell=True, cwd=tmp_path, capture_output=True, timeout=300, check=False, env=ENVIRONMENT)
        assert ran.returncode == 0, command
    scores = json.loads(tidegate("evaluate", model, toy_texts / "test.csv", "--format", "json").stdout)
    assert scores["accuracy"] == json.loads((model / "metrics.json").read_text())["test"]["accuracy"]
    assert scores.keys() == {"n", "accuracy", "macro_f1", "ece", "per_label", "confusion"}
    shown = tidegate("evaluate", model, toy_texts / "test.csv").stdout
    assert "topic: 80 texts" in shown
    assert f"{scores['accuracy']:.4f}" in shown
    for topic in TOPICS:
        assert topic in shown


@pytest.fixture(scope="module")
def spam_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on a file without a header, with a positive label; it stands beside test.tsv."""
    folder = tmp_path_factory.mktemp("spam")
    for name, seed, count in (("train", 1, 200), ("test", 3, 60)):
        texts, topics = topic_texts(count, seed=seed)
        lines = [f"{'spam' if topic == 'music' else 'ham'}\t{text}\n" for text, topic in zip(texts, topics, strict=True)]
        (folder / f"{name}.tsv").write_text("".join(lines), encoding="utf-8")
    train_on(folder / "train.tsv", folder / "model", positive="spam")
    return folder / "model"


def test_a_table_without_a_header_is_trained_on_and_evaluated_by_content(spam_model: Path) -> None:
    config = json.loads((spam_model / "config.json").read_text())
    assert config["columns"] == {"form": "table", "text": "2", "label": "1", "group": ""}
    done = tidegate("evaluate", spam_model, spam_model.parent / "test.tsv")
    assert "f1 of spam" in done.stdout
    assert "where to cut the probability of spam" in done.stdout


def test_a_threshold_is_for_a_classifier_with_a_positive_label(spam_model: Path, toy_classifier: Path, toy_model: Path) -> None:
    text = "rain and some song today\n"
    (answer,) = parsed(tidegate("predict", spam_model, given=text))
    p = answer["probabilities"]["spam"]
    labels = [parsed(tidegate("predict", spam_model, "--threshold", bound, given=text))[0]["label"] for bound in (p - 1e-4, p + 1e-4)]
    assert labels == ["spam", "ham"]
    assert_users_mistake(
        tidegate("predict", toy_model, "--threshold", 0.5, given=text),
        "--threshold is for a classifier, and this model tags tokens. --abstain-below P",
    )
    assert_users_mistake(
        tidegate("predict", toy_classifier, "--threshold", 0.5, given=text),
        "a threshold is for a model with a positive label",
        "--positive",
    )


def test_predict_answers_each_line_of_a_text_in_order(toy_classifier: Path, tmp_path: Path) -> None:
    text = "rain, and snow!\n\nsoup with bread\n"
    done = tidegate("predict", toy_classifier, given=text)
    answers = parsed(done)
    assert [answer["label"] for answer in answers][::2] == ["weather", "food"]
    for answer in answers:
        assert list(answer) == ["label", "probability", "probabilities"]
        assert list(answer["probabilities"]) == TOPICS
        assert answer["probability"] == max(answer["probabilities"].values())
    (tmp_path / "in.txt").write_text(text, encoding="utf-8")
    assert tidegate("predict", toy_classifier, tmp_path / "in.txt").stdout == done.stdout
    assert tidegate("predict", toy_classifier, tmp_path / "in.txt", "-", given="rain\n").stdout.startswith(done.stdout)
    assert parsed(tidegate("predict", toy_classifier, "--abstain-below", "1.0", given="rain soup\n"))[0]["label"] is None
    assert tidegate("predict", toy_classifier, given="").stdout == ""


def test_predict_reads_tables_and_repeats_their_input(toy_classifier: Path, toy_texts: Path, tmp_path: Path) -> None:
    test = toy_texts / "test.csv"
    rows = rows_of(test.read_text(encoding="utf-8"))
    answers = parsed(tidegate("predict", toy_classifier, test, "--with-input"))
    assert [answer["text"] for answer in answers] == [row["text"] for row in rows]
    assert [answer["input"] for answer in answers] == [{"topic": row["topic"]} for row in rows]
    bare = parsed(tidegate("predict", toy_classifier, test))
    assert [{key: answer[key] for key in ("label", "probability", "probabilities")} for answer in answers] == bare
    done = tidegate("predict", toy_classifier, test, "--with-input", "--output", tmp_path / "out.csv")
    assert (done.returncode, done.stdout) == (0, "")
    written = rows_of((tmp_path / "out.csv").read_text(encoding="utf-8"))
    assert list(written[0]) == ["text", "topic_given", "label", "probability"]
    assert [(row["text"], row["topic_given"]) for row in written] == [(row["text"], row["topic"]) for row in rows]
    assert [row["label"] for row in written] == [answer["label"] for answer in answers]
    plain = rows_of(tidegate("predict", toy_classifier, "--format", "csv", given='rain, "snow"\nsoup\n').stdout)
    assert [list(row) for row in plain] == [["label", "probability"]] * 2


def test_a_table_with_another_name_for_the_text_is_read_and_said(toy_classifier: Path, tmp_path: Path) -> None:
    X, _ = topic_texts(12, seed=6)
    path = write_table(
        tmp_path / "other.csv",
        "nr,message,note",
        [str(place) for place in range(12)],
        X,
        ["rain snow hail and wind for the whole day"] * 12,
    )
    expected = parsed(tidegate("predict", toy_classifier, given="\n".join(X) + "\n"))
    found = tidegate("predict", toy_classifier, path)
    assert parsed(found) == expected
    assert (
        "other.csv has no column 'text', which was the text in training; 'message' is read instead. --text names another." in found.stderr
    )
    assert tidegate("predict", toy_classifier, path, "--quiet").stderr == ""
    named = tidegate("predict", toy_classifier, path, "--text", "2")
    assert (parsed(named), named.stderr) == (expected, "")
    assert len({answer["label"] for answer in parsed(tidegate("predict", toy_classifier, path, "--text", "note"))}) == 1
    assert_users_mistake(tidegate("predict", toy_classifier, path, "--text", "massage"), "no column 'massage'", "Did you mean 'message'?")


def test_evaluate_takes_columns_of_other_names_where_they_are_given(toy_classifier: Path, tmp_path: Path) -> None:
    scores = write_table(tmp_path / "labelled.csv", "message,kind", *topic_texts(12, seed=6))
    assert_users_mistake(tidegate("evaluate", toy_classifier, scores), "there is no column 'text' here")
    done = tidegate("evaluate", toy_classifier, scores, "--text", "message", "--label", "kind", "--format", "json")
    assert json.loads(done.stdout)["n"] == 12


def test_json_lines_on_a_pipe_and_in_a_file_are_told_from_text(toy_classifier: Path, tmp_path: Path) -> None:
    given = '{"id": 1, "text": "rain and snow"}\n{"id": 2, "text": "soup"}\n'
    expected = parsed(tidegate("predict", toy_classifier, given="rain and snow\nsoup\n"))
    assert parsed(tidegate("predict", toy_classifier, given=given)) == expected
    (tmp_path / "in.jsonl").write_text(given, encoding="utf-8")
    assert parsed(tidegate("predict", toy_classifier, tmp_path / "in.jsonl")) == expected
    other = given.replace('"text"', '"body"')
    assert parsed(tidegate("predict", toy_classifier, given=other)) == expected
    assert parsed(tidegate("predict", toy_classifier, "--text", "body", given=other)) == expected
    as_text = parsed(tidegate("predict", toy_classifier, "--input", "text", "--with-input", given=given))
    assert [answer["text"] for answer in as_text] == given.splitlines()


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_pipe_is_answered_line_by_line(toy_classifier: Path, form: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tidegate", "predict", str(toy_classifier), "--with-input", "--format", form],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(10):
        process.stdin.write(f"rain number {number}\n")
        process.stdin.flush()
        if form == "csv" and number == 0:
            assert process.stdout.readline() == "text,topic_given,label,probability\n"
        assert f"rain number {number}" in process.stdout.readline()  # waits for ever where answers are held back
    process.stdin.close()
    assert process.wait(timeout=300) == 0
    process.stdout.close()


def test_several_labels_a_text_from_the_command_line(tmp_path: Path) -> None:
    words = {"food": "soup bread", "music": "song piano", "weather": "rain snow"}
    cells = ["food", "food|music", "", "weather|music", "weather"] * 24
    texts = [" ".join([f"w{place}", *(words[label] for label in cell.split("|") if label)]) for place, cell in enumerate(cells)]
    path = write_table(tmp_path / "tagged.csv", "text,tags", texts, cells)
    train_on(path, tmp_path / "m", label="tags", label_separator="|", max_epochs=8)
    both, none = parsed(tidegate("predict", tmp_path / "m", given="snow rain song piano\nw1 w2\n"))
    assert list(both) == ["label", "probability", "labels", "probabilities"]
    assert set(both["labels"]) == {"music", "weather"}
    assert both["label"] == both["labels"][0]
    assert (none["label"], none["labels"]) == (None, [])
    rows = rows_of(tidegate("predict", tmp_path / "m", "--format", "csv", "--with-input", path).stdout)
    assert {frozenset(filter(None, row["label"].split("|"))) for row in rows} == {
        frozenset(filter(None, cell.split("|"))) for cell in cells
    }
    scores = json.loads(tidegate("evaluate", tmp_path / "m", path, "--format", "json").stdout)
    assert scores["exact_match"] > 0.95
    assert "exact_match" in tidegate("evaluate", tmp_path / "m", path).stdout


GOOD = "".join(f'"text {label} {place}",{label}\n' for place in range(6) for label in ("x", "y"))
BAD_TRAINING: list[tuple[str, bytes, list[str], list[str]]] = [
    ("empty.csv", b"", [], ["empty.csv holds no text"]),
    (
        "column.csv",
        f"text,topic\n{GOOD}".encode(),
        ["--label", "topik"],
        ["column.csv, line 1: there is no column 'topik'", "Did you mean 'topic'?"],
    ),
    ("number.csv", f"text,topic\n{GOOD}".encode(), ["--text", "7"], ["number.csv, line 1: there is no column '7'"]),
    ("same.csv", f"text,topic\n{GOOD}".encode(), ["--text", "topic", "--label", "topic"], ["was asked for as the text and as the label"]),
    (
        "positive.csv",
        f"text,topic\n{GOOD}".encode(),
        ["--positive", "spam"],
        ["positive 'spam' is no label of the training texts: x (6), y (6)"],
    ),
    ("quote.csv", f'text,topic\n{GOOD}"never ends,x\n{GOOD}'.encode(), [], ["quote.csv, line 14", "quote"]),
    ("latin.csv", b"text,topic\ncaf\xe9,x\n" + GOOD.encode(), [], ["latin.csv, line 2", "UTF-8", "iconv"]),
    ("mixed.csv", "text,topic\ncafé,x\n".encode() + b"caf\xe9,x\n" + GOOD.encode(), [], ["mixed.csv, line 3", "mixed"]),
    (
        "one.csv",
        b"text,topic\na b,x\nc d,x\ne f,x\n",
        ["--label", "topic"],
        ["one.csv, line 2: every text has the label 'x'; there is nothing to learn"],
    ),
    ("lines.txt", b"just a text\nand another one\n", [], ["lines.txt, line 1: a text without a label", "__label__"]),
    ("cut.jsonl", b'{"text": "a b", "label": \n', [], ["cut.jsonl, line 1: broken JSON"]),
    ("ragged.csv", b"text,topic\na b,x\nc d\ne f,y\n", [], ["ragged.csv, line 3"]),
    ("key.csv", f"text,topic\n{GOOD}".encode(), ["--set", "poling=max"], ["unknown key 'poling'", "Did you mean 'pooling'?"]),
    ("pool.csv", f"text,topic\n{GOOD}".encode(), ["--set", "pooling=median"], ["pooling"]),
    ("unit.csv", f"text,topic\n{GOOD}".encode(), ["--unit", "letter"], ["unit = 'letter' does not fit"]),
    ("dev.csv", f"text,topic\n{GOOD}".encode(), ["--dev", "nowhere.csv"], ["nowhere.csv", "no such file"]),
]


@pytest.mark.parametrize(("name", "content", "options", "parts"), BAD_TRAINING, ids=[entry[0] for entry in BAD_TRAINING])
def test_bad_training_input_is_one_message_and_leaves_nothing(
    name: str, content: bytes, options: list[str], parts: list[str], tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    done = tidegate("train", "classify", name, "--out", "model", *options, cwd=tmp_path)
    assert_users_mistake(done, *parts)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_is_a_taggers_is_refused_on_a_classifier_and_the_other_way_round(
    toy_classifier: Path, toy_model: Path, toy_texts: Path, toy_files: Path
) -> None:
    for kind in ("conllu", "tokens"):
        done = tidegate("predict", toy_classifier, "--input", kind, given="rain\n")
        assert_users_mistake(done, f"--input {kind} is for a tagger, and this model classifies texts. Use --input text, or leave it out.")
    assert_users_mistake(tidegate("predict", toy_classifier, "--format", "conllu", given="rain\n"), "--format conllu is for a tagger")
    assert_users_mistake(
        tidegate("predict", toy_model, "--text", "text", given="rain\n"), "--text is for a classifier, and this model tags tokens"
    )
    assert_users_mistake(tidegate("evaluate", toy_model, toy_files / "test.conllu", "--text", "text"), "--text is for a classifier")
    assert_users_mistake(tidegate("evaluate", toy_classifier, toy_texts / "no.csv"), "no such file")


def test_evaluate_refuses_a_file_of_other_labels(toy_classifier: Path, tmp_path: Path) -> None:
    texts, _ = topic_texts(20)
    path = write_table(tmp_path / "other.csv", "text,topic", texts, ["wether", "sport"] * 10)
    assert_users_mistake(
        tidegate("evaluate", toy_classifier, path),
        "other.csv, line 2: label 'wether'",
        "Did you mean 'weather'?",
        "So it is with 20 of 20 labels",
    )


def test_a_few_unknown_labels_count_as_wrong_and_are_said(toy_classifier: Path, tmp_path: Path) -> None:
    texts, labels = topic_texts(80, seed=3)
    labels[0] = "sport"
    path = write_table(tmp_path / "test.csv", "text,topic", texts, labels)
    done = tidegate("evaluate", toy_classifier, path, "--format", "json")
    assert json.loads(done.stdout)["n_unknown_labels"] == 1
    assert "1 labels are unknown to the model and count as wrong." in done.stderr


def test_data_check_of_texts(toy_texts: Path, tmp_path: Path) -> None:
    texts, labels = topic_texts(60)
    train = write_table(tmp_path / "train.csv", "text,topic", [*texts, texts[0]], [*labels, "music" if labels[0] != "music" else "food"])
    test = write_table(tmp_path / "test.csv", "text,topic", texts[:5], labels[:5])
    done = tidegate("data", "check", train, "--test", test)
    assert done.returncode == 0, done.stderr
    for part in ("61", "contradictions", "warning", "5 of 5 texts in test (100.0 %) have a copy in train"):
        assert part in done.stdout
    assert "66 records read as --task classify; text 'text', label 'topic' (3 labels) found by their name" in done.stderr
    found = json.loads(tidegate("data", "check", train, "--test", test, "--format", "json", "--quiet").stdout)
    assert found["task"] == "classify"
    assert [profile["records"] for profile in found["profiles"]] == [61, 5]
    told = {(finding["subject"], finding["severity"]) for finding in found["findings"]}
    assert told >= {("duplicates", "warning"), ("contradictions", "warning"), ("encoding", "fine")}
    clean = json.loads(tidegate("data", "check", toy_texts / "train.csv", "--format", "json").stdout)
    assert {finding["severity"] for finding in clean["findings"]} == {"fine"}
    assert clean["summary"].endswith("nothing odd")


def test_data_check_tells_mistakes_in_one_message(toy_texts: Path, tmp_path: Path) -> None:
    train = toy_texts / "train.csv"
    assert_users_mistake(tidegate("data", "check", train, "--label", "topik"), "no column 'topik'", "Did you mean 'topic'?")
    assert_users_mistake(
        tidegate("data", "check", train, "--format", "jsn"), "--format jsn: unknown; expected text, json.", "Did you mean 'json'?"
    )
    assert_users_mistake(tidegate("data", "check", train, "--task", "class"), "--task class: unknown", "Did you mean 'classify'?")
    assert_users_mistake(tidegate("data", "check", tmp_path / "no.csv"), "no such file")


def test_an_output_that_is_the_input_is_refused(toy_classifier: Path, tmp_path: Path) -> None:
    path = write_table(tmp_path / "in.csv", "text,topic", *topic_texts(6))
    before = path.read_bytes()
    done = tidegate("predict", toy_classifier, path, "--output", path)
    assert done.returncode == 2
    assert "is the input itself, which would be lost" in done.stderr
    assert path.read_bytes() == before


def test_a_column_asked_for_of_plain_lines_is_refused(toy_classifier: Path, tmp_path: Path) -> None:
    done = tidegate("predict", toy_classifier, "--text", "body", given="rain and snow\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--text body names a column, but standard input is read as a text a line" in done.stderr
    (tmp_path / "a.txt").write_text("rain and snow\n", encoding="utf-8")
    assert "is read as a text a line" in tidegate("predict", toy_classifier, tmp_path / "a.txt", "--text", "body").stderr


def test_a_model_of_a_headerless_table_reads_the_text_of_one_with_a_header(tmp_path: Path) -> None:
    X, y = topic_texts(90)
    (tmp_path / "bare.tsv").write_text("".join(f"{label}\t{text}\n" for text, label in zip(X, y, strict=True)), encoding="utf-8")
    train_on(tmp_path / "bare.tsv", tmp_path / "m")
    path = write_table(tmp_path / "new.csv", "text,clerk", X[:20], ["Ann"] * 20)
    found = tidegate("predict", tmp_path / "m", path)
    assert parsed(found) == parsed(tidegate("predict", tmp_path / "m", given="\n".join(X[:20]) + "\n"))
    assert "has no column '2', which was the text in training; 'text' is read instead" in found.stderr
    assert parsed(tidegate("predict", tmp_path / "m", tmp_path / "bare.tsv"))[:20] == parsed(found)
