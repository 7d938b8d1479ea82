from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import warm_commands
from conftest import hear_ctrl_c
from tidegate.cli.train_options import complete_arch
from tidegate.kernels import ARCHITECTURES
from timing import assert_answers_each_line

ENVIRONMENT = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}


def tidegate(
    *arguments: object, given: str | bytes | None = None, cwd: Path | None = None, fresh: bool = False
) -> subprocess.CompletedProcess[Any]:
    """Runs the command as a person would; `given` on standard input.

    Commands that load PyTorch run where it is loaded already, unless `fresh`: each of them has a test that starts it afresh.
    """
    words = list(map(str, arguments))
    if warm_commands.can_run(words) and given is None and not fresh:
        return warm_commands.run(words, cwd=cwd, env=ENVIRONMENT, timeout=300)
    is_bytes = isinstance(given, bytes)
    return subprocess.run(
        [sys.executable, "-m", "tidegate", *words],
        input=given,
        capture_output=True,
        text=not is_bytes,
        encoding=None if is_bytes else "utf-8",
        env=ENVIRONMENT,
        cwd=cwd,
        timeout=300,
        check=False,
    )


def assert_users_mistake(done: subprocess.CompletedProcess[Any], *parts: str) -> None:
    """Exit code 2, one message on standard error, no traceback, nothing on standard output."""
    notes = [line for line in done.stderr.splitlines() if line and line != "loading PyTorch …"]
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(notes) == 1, done.stderr
    assert notes[0].startswith("tidegate: ")
    for part in parts:
        assert part in notes[0]


def test_help_has_examples_and_answers_at_once() -> None:
    times = []
    for _ in range(5):
        began = os.times()
        done = tidegate("--help")
        ended = os.times()
        # Of the processor and not of the clock: other tests run beside this one.
        times.append(ended.children_user - began.children_user + ended.children_system - began.children_system)
    assert done.returncode == 0
    assert "tidegate demo" in done.stdout
    # The bar is 0.3 s on a quiet machine (bench/RESULTS.md); this only catches an import gone heavy, which costs a second.
    assert min(times) < 0.8
    for command in ("train", "predict", "evaluate", "demo"):
        assert command in done.stdout
    for words, example in ((("train", "tag"), "--label upos --arch bilstm"), (("predict",), "tail -f"), (("evaluate",), "--format json")):
        assert example in tidegate(*words, "--help").stdout


def test_help_and_the_tab_key_know_every_architecture() -> None:
    shown = tidegate("train", "tag", "--help").stdout
    (line,) = (line for line in shown.splitlines() if "--arch  " in line)
    assert set(ARCHITECTURES) <= set(line.replace(",", " ").split())
    assert complete_arch("min") == ["mingru", "minlstm"]
    assert complete_arch("lstm,bim") == ["lstm,bimingru", "lstm,biminlstm"]
    assert complete_arch("") == list(ARCHITECTURES)


def test_version() -> None:
    for words in ((), ("predict",), ("evaluate",), ("demo",), ("train", "tag")):
        assert tidegate(*words, "--version").stdout.startswith("tidegate 0.")


def test_train_evaluate_predict_from_the_command_line(toy_files: Path, tmp_path: Path) -> None:
    done = tidegate(
        "train", "tag", toy_files / "train.conllu", "--dev", toy_files / "dev.conllu", "--test", toy_files / "test.conllu", "--label", "upos",
        "--arch", "bigru", "--preset", "fast", "--max-epochs", 2, "--threads", 1, "--set", "hidden_size=8", "--set", "character_encoder=none", cwd=tmp_path, fresh=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "epoch  2/2" in done.stderr
    assert "upos (11 labels)" in done.stderr
    assert "most frequent label" in done.stdout
    model = tmp_path / "train-bigru"
    assert json.loads((model / "config.json").read_text())["recipe"]["hidden_size"] == 8
    commands = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")]
    assert len(commands) == 3  # stream is named for networks that read one way
    for command in commands:
        words = command.replace("| tidegate", f"| {sys.executable} -m tidegate").replace("python -c", f"{sys.executable} -c")
        if words.startswith("tidegate"):
            words = f"{sys.executable} -m {words}"
        assert subprocess.run(words, shell=True, cwd=tmp_path, capture_output=True, timeout=300, check=False).returncode == 0, command
    scores = json.loads(tidegate("evaluate", model, toy_files / "test.conllu", "--format", "json").stdout)
    assert scores["accuracy"] == json.loads((model / "metrics.json").read_text())["test"]["accuracy"]
    assert {"n", "accuracy", "accuracy_unseen", "macro_f1", "ece", "per_label", "confusion"} - set(scores) <= {"accuracy_unseen"}
    table = tidegate("evaluate", model, toy_files / "test.conllu").stdout
    assert f"{scores['accuracy']:.4f}" in table
    assert "PERSON" in table


def test_quiet_says_nothing_on_standard_error(toy_files: Path, tmp_path: Path) -> None:
    done = tidegate("train", "tag", toy_files / "train.conllu", "--out", tmp_path / "m", "--quiet", "--preset", "fast", "--max-epochs", 1)
    assert (done.returncode, done.stderr) == (0, "")


def test_dry_run_tells_the_plan_and_writes_nothing(toy_files: Path, tmp_path: Path) -> None:
    done = tidegate("train", "tag", toy_files / "tra*.conllu", "--dry-run", "--out", tmp_path / "model", "--max-epochs", 2)
    assert done.returncode == 0, done.stderr
    for part in (
        "column      upos: 11 labels (",
        "sentences held out (seed 1",
        "parameters  ",
        "predicted   ",
        "for 2 epochs",
        "Nothing was trained.",
    ):
        assert part in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_file_is_the_same_schema(toy_files: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('arch = "rnn"\nhidden_size = 5\nmax_epochs = 1\n', encoding="utf-8")
    done = tidegate(
        "train", "tag", toy_files / "train.conllu", "--recipe", tmp_path / "mine.toml", "--out", tmp_path / "m", "--quiet", "--arch", "gru"
    )
    assert done.returncode == 0, done.stderr
    recipe = json.loads((tmp_path / "m" / "config.json").read_text())["recipe"]
    assert (recipe["arch"], recipe["hidden_size"]) == ("gru", 5)


def test_predict_answers_each_line_of_a_text_in_order(toy_model: Path, tmp_path: Path) -> None:
    done = tidegate("predict", toy_model, given="Teddy bears were sewn.\n\nYesterday Rose spoke.\n")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["tokens"] for answer in answers] == [["Teddy", "bears", "were", "sewn", "."], [], ["Yesterday", "Rose", "spoke", "."]]
    assert answers[0]["labels"] == answers[0]["columns"]["upos"]
    assert len(answers[0]["probabilities"]) == 5
    (tmp_path / "in.txt").write_text("Teddy bears were sewn.\n\nYesterday Rose spoke.\n", encoding="utf-8")
    assert tidegate("predict", toy_model, tmp_path / "in.txt").stdout == done.stdout
    with_text = json.loads(tidegate("predict", toy_model, "-", "--with-input", given="Teddy  bears.\n").stdout)
    assert with_text["text"] == "Teddy  bears."


def test_predict_writes_csv_and_conllu(toy_model: Path, toy_files: Path, tmp_path: Path) -> None:
    text = "Teddy bears\n"
    rows = list(csv.DictReader(io.StringIO(tidegate("predict", toy_model, "--input", "tokens", "--format", "csv", given=text).stdout)))
    assert [row["token"] for row in rows] == ["Teddy", "bears"]
    assert set(rows[0]) == {"sequence", "index", "token", "upos", "upos_probability"}
    bare = tmp_path / "bare.conllu"
    tagged = (toy_files / "test.conllu").read_text()
    bare.write_text(
        "\n".join("\t".join([*c[:3], "_", *c[4:]]) if len(c := line.split("\t")) == 10 else line for line in tagged.split("\n"))
    )
    done = tidegate("predict", toy_model, bare, "--output", tmp_path / "out.conllu")
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "out.conllu").read_text()
    assert len(written.split("\n")) == len(tagged.split("\n"))
    agree = [a == b for a, b in zip(written.split("\n"), tagged.split("\n"), strict=True) if a]
    assert 0.8 < sum(agree) / len(agree) <= 1


def test_predict_abstains_below_the_bound(toy_model: Path) -> None:
    answer = json.loads(tidegate("predict", toy_model, "--abstain-below", "1.0", given="Teddy qwertz\n").stdout)
    assert None in answer["labels"]


def test_a_pipe_is_answered_line_by_line_within_fifty_milliseconds(toy_model: Path) -> None:
    def check(number: int, answer: str) -> None:
        assert str(number) in json.loads(answer)["tokens"]

    assert_answers_each_line([sys.executable, "-m", "tidegate", "predict", str(toy_model)], "Teddy bears number {}".format, check)


def test_a_reader_that_leaves_ends_the_command_quietly(toy_model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("Teddy bears .\n" * 30_000, encoding="utf-8")
    done = subprocess.run(
        f"{sys.executable} -m tidegate predict {toy_model} {tmp_path / 'in.txt'} | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert json.loads(done.stdout)["tokens"] == ["Teddy", "bears", "."]
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's always-full device")
def test_a_full_disk_behind_standard_output_is_one_message(toy_model: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tidegate", "predict", str(toy_model)],
            input=b"Teddy bears\n" * 2000,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=300,
        )
    assert done.returncode == 1
    assert done.stderr.decode() == "tidegate: the disk is full: what was being written is incomplete. Make room and run again.\n"


def test_ctrl_c_on_an_idle_pipe_ends_quietly(toy_model: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tidegate", "predict", str(toy_model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=hear_ctrl_c,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"Teddy bears\n")
    process.stdin.flush()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=300) == 130  # what shells expect of a program ended by Ctrl-C
    assert process.stderr is not None
    notes = process.stderr.read()
    assert b"Traceback" not in notes
    assert b"Fatal" not in notes
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()


def test_standard_input_tells_conllu_and_json_from_text(toy_model: Path) -> None:
    conllu = "# sent_id = 1\n1\tTeddy\t_\t_\t_\t_\t_\t_\t_\t_\n2\tbears\t_\t_\t_\t_\t_\t_\t_\t_\n\n"
    for given in (conllu, '{"text": "Teddy bears"}\n', '{"tokens": ["Teddy", "bears"]}\n', "Teddy bears\n"):
        done = tidegate("predict", toy_model, given=given)
        assert [json.loads(line)["tokens"] for line in done.stdout.splitlines()] == [["Teddy", "bears"]], done.stderr
    assert tidegate("predict", toy_model, given="").stdout == ""


def test_plain_text_of_equally_long_lines_stays_text(toy_model: Path, tmp_path: Path) -> None:
    (tmp_path / "sents").write_text("Anna met Bob .\nBob saw Anna .\n", encoding="utf-8")
    done = tidegate("predict", toy_model, "sents", cwd=tmp_path)
    assert [json.loads(line)["tokens"] for line in done.stdout.splitlines()] == [["Anna", "met", "Bob", "."], ["Bob", "saw", "Anna", "."]]
    (tmp_path / "one.conll").write_text("Teddy\nbears\n\n", encoding="utf-8")
    done = tidegate("predict", toy_model, "one.conll", cwd=tmp_path)
    assert [json.loads(line)["tokens"] for line in done.stdout.splitlines()] == [["Teddy", "bears"]]
    assert "one.conll is read as columns" in done.stderr
    mixed = tidegate("predict", toy_model, "sents", "-", given="Teddy\n", cwd=tmp_path)
    assert len(mixed.stdout.splitlines()) == 3


def test_an_impossible_number_of_threads_is_one_message(toy_model: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tidegate", "predict", str(toy_model)],
        input="",
        capture_output=True,
        text=True,
        check=False,
        env={**ENVIRONMENT, "TIDEGATE_NUM_THREADS": "abc"},
    )
    assert_users_mistake(done, "TIDEGATE_NUM_THREADS is 'abc'; a whole number above 0 was expected")


def test_a_line_of_100000_tokens_is_answered(toy_model: Path) -> None:
    done = tidegate("predict", toy_model, given="Teddy " * 100_000 + "\n")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["labels"]) == 100_000


BAD_TRAINING: list[tuple[str, bytes, list[str], list[str]]] = [
    ("empty.conllu", b"", [], ["empty.conllu holds no sentence"]),
    ("latin.conllu", b"1\tcaf\xe9\t_\tNOUN\t_\t_\t_\t_\t_\t_\n\n", [], ["latin.conllu, line 1", "UTF-8", "iconv"]),
    (
        "mixed.conllu",
        "1\tcafé\t_\tX\t_\t_\t_\t_\t_\t_\n".encode() + b"2\tcaf\xe9\t_\tX\t_\t_\t_\t_\t_\t_\n\n",
        [],
        ["mixed.conllu, line 2", "mixed"],
    ),
    ("broken.conllu", b"1\ta\t_\tX\t_\t_\t_\t_\t_\t_\n2\tb\t_\tX\n\n", [], ["broken.conllu, line 2", "10", "4"]),
    ("column.conllu", b"1\ta\t_\tX\t_\t_\t_\t_\t_\t_\n\n", ["--label", "upso"], ["column.conllu", "upso", "Did you mean 'upos'?"]),
    ("column.tsv", b"a\tX\nb\tY\n\n", ["--label", "7"], ["column.tsv", "7", "2"]),
    ("bad.jsonl", b'{"text": "a b", "spans": [{"start": 0, "end": 9, "label": "X"}]}\n', [], ["bad.jsonl, line 1", "9"]),
    ("cut.jsonl", b'{"text": "a b", \n', [], ["cut.jsonl, line 1", "JSON"]),
    ("ok.tsv", b"a\tX\nb\tY\n\n", ["--set", "hiden_size=3"], ["unknown key 'hiden_size'", "Did you mean 'hidden_size'?"]),
    ("ok.tsv", b"a\tX\nb\tY\n\n", ["--arch", "bilst"], ["Did you mean 'bilstm'?"]),
    ("ok.tsv", b"a\tX\nb\tY\n\n", ["--recipe", "nothing.toml"], ["recipe nothing.toml cannot be read"]),
    ("ok.tsv", b"a\tX\nb\tY\n\n", ["--time-budget", "soon"], ["'soon' is no duration"]),
    ("ok.tsv", b"a\tX\nb\tY\n\n", ["--dev", "nowhere.tsv"], ["nowhere.tsv", "no such file"]),
]


@pytest.mark.parametrize(("name", "content", "options", "parts"), BAD_TRAINING, ids=lambda value: value if isinstance(value, str) else None)
def test_bad_training_input_is_one_message_and_leaves_nothing(
    name: str, content: bytes, options: list[str], parts: list[str], tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    done = tidegate("train", "tag", name, "--out", "model", *options, cwd=tmp_path)
    assert_users_mistake(done, *parts)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_unreadable_files_and_models_are_one_message(toy_model: Path, toy_files: Path, tmp_path: Path) -> None:
    assert_users_mistake(tidegate("train", "tag", "no.conllu", cwd=tmp_path), "no.conllu", "no such file")
    assert_users_mistake(tidegate("train", "tag", ".", cwd=tmp_path), "folder")
    assert_users_mistake(tidegate("predict", "no-model", given=""), "no-model does not exist; a model is a directory")
    assert_users_mistake(tidegate("evaluate", toy_model, tmp_path / "no.conllu"), "no such file")
    assert_users_mistake(
        tidegate("evaluate", toy_model, toy_files / "test.conllu", "--label", "upos,xpos"),
        "--label names 2 columns, but the model fills 1: upos",
    )
    assert_users_mistake(
        tidegate("predict", toy_model, "--input", "txet", given=""),
        "--input txet is not one of auto, text, tokens, conllu.",
        "Did you mean 'text'?",
    )
    exists = tidegate("train", "tag", toy_files / "train.conllu", "--out", toy_model)
    assert exists.returncode == 2
    assert (
        "exists already (a directory); nothing was written. Name another place with --out, or replace it with --overwrite." in exists.stderr
    )


def test_bytes_that_are_no_text_on_standard_input_are_told_with_their_line(toy_model: Path) -> None:
    done = tidegate("predict", toy_model, given=b"Teddy bears\ncaf\xe9\n")
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 1
    assert b"standard input, line 2" in done.stderr
    assert b"Traceback" not in done.stderr


def test_an_output_that_cannot_be_written_is_told_and_a_failed_one_leaves_nothing(toy_model: Path, tmp_path: Path) -> None:
    assert_users_mistake(
        tidegate("predict", toy_model, "--output", tmp_path / "no" / "x.jsonl", given="a\n"), "cannot be written: No such file or directory"
    )
    (tmp_path / "bad.txt").write_bytes(b"fine\ncaf\xe9\n")
    done = tidegate("predict", toy_model, tmp_path / "bad.txt", "--output", tmp_path / "x.jsonl")
    assert_users_mistake(done, "bad.txt, line 2")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.txt"]


def test_train_begins_with_a_trained_model_and_says_what_it_took(toy_model: Path, toy_files: Path, tmp_path: Path) -> None:
    train = ("train", "tag", toy_files / "train.conllu", "--dev", toy_files / "dev.conllu", "--out", tmp_path / "model")
    more = ("--init-from", toy_model, "--max-epochs", 1, "--threads", 1)
    plan = tidegate(*train, *more, "--dry-run")
    assert plan.returncode == 0, plan.stderr
    said = f"begun with {toy_model}: "
    assert f"init from   {said}" in plan.stdout
    done = tidegate(*train, *more)
    assert done.returncode == 0, done.stderr
    assert f"{said}" in done.stderr
    assert "words of the training data have its vectors; recurrent layers taken: 1 forward and backward" in done.stderr
    config = json.loads((tmp_path / "model" / "config.json").read_text(encoding="utf-8"))
    assert (config["recipe"]["init_from"], config["network"]["hidden_size"]) == (toy_model.name, 16)
    again = (*train[:-1], tmp_path / "other", "--threads", 1)
    assert_users_mistake(tidegate(*again, *more, "--arch", "gru"), "is a bilstm, whose weights do not fit arch gru. Use lstm or bilstm.")
    assert_users_mistake(tidegate(*again, "--init-from", tmp_path / "none"), "does not exist; a model is a directory that holds")
