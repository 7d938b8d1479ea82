"""`tidegate stream` over sentences and texts: each token is answered before the next one comes, and what is said is what `predict` says."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import hear_ctrl_c, made_once
from tidegate.runtime import ClassifyModel, load

from .test_commands import ENVIRONMENT, assert_users_mistake, tidegate

SENTENCE = "Teddy Roosevelt was president"


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def by_character(train_texts: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A one-way classifier that reads characters."""
    return made_once("by-character", tmp_path_factory, lambda path: train_texts(path, arch="gru", unit="char", max_epochs=1))


def test_tokens_are_tagged_as_they_come_and_as_predict_tags_them(toy_model: Path) -> None:
    given = f"{SENTENCE}\n\nTeddy\nbears sleep\n"
    (first, second) = objects(tidegate("predict", toy_model, "--input", "tokens", given=f"{SENTENCE}\nTeddy bears sleep\n").stdout)
    told = objects(tidegate("stream", toy_model, "--lookahead", 9, given=given).stdout)
    assert [line["token"] for line in told] == [*SENTENCE.split(), "Teddy", "bears", "sleep"]
    assert [line["index"] for line in told] == [0, 1, 2, 3, 0, 1, 2]
    assert [line["label"] for line in told] == [*first["labels"], *second["labels"]]
    assert [line["probability"] for line in told] == pytest.approx([*first["probabilities"], *second["probabilities"]], abs=1e-5)
    assert all(line["final"] for line in told)


def test_a_label_is_written_as_soon_as_the_look_ahead_allows(toy_model: Path) -> None:
    command = [sys.executable, "-m", "tidegate", "stream", str(toy_model), "--lookahead", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        tokens = SENTENCE.split()
        process.stdin.write(tokens[0] + "\n")
        for told, token in enumerate(tokens[1:]):
            process.stdin.write(token + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["token"] == tokens[told]
        process.stdin.write("\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["token"] == tokens[-1]
        process.stdin.close()
        assert process.stdout.read() == ""
    assert process.returncode == 0


def test_a_text_is_classified_after_every_character_and_at_its_end(by_character: Path) -> None:
    model = load(by_character)
    assert isinstance(model, ClassifyModel)
    done = tidegate("stream", by_character, "--latency", given="rain\nsnow\n\nsoup\n")
    told = objects(done.stdout)
    texts = [*("rain\nsnow"[:end] for end in range(1, 10)), "rain\nsnow", *("soup"[:end] for end in range(1, 5)), "soup"]
    assert [line["index"] for line in told] == [*range(9), 8, 0, 1, 2, 3, 3]
    assert [line["final"] for line in told] == [False] * 9 + [True] + [False] * 4 + [True]
    assert [line["label"] for line in told] == model.predict(texts)
    assert [line["probability"] for line in told] == pytest.approx(model.predict_proba(texts).max(axis=1), abs=1e-5)
    assert re.search(r"^13 characters: [0-9.]+ ms a character \(median\), [0-9.]+ ms \(99 %\)$", done.stderr.strip())


def test_a_two_way_classifier_answers_behind_its_look_ahead(toy_classifier: Path) -> None:
    told = objects(tidegate("stream", toy_classifier, "--lookahead", 2, given="rain snow and fog\n").stdout)
    assert [(line["index"], line["final"]) for line in told] == [(0, False), (1, False), (3, True)]
    (answer,) = objects(tidegate("predict", toy_classifier, given="rain snow and fog\n").stdout)
    (whole,) = objects(tidegate("stream", toy_classifier, "--lookahead", 9, given="rain snow and fog\n").stdout)
    assert whole["label"] == answer["label"]
    assert whole["probability"] == pytest.approx(answer["probability"], abs=1e-5)


def test_texts_that_cannot_be_answered_live_are_one_message(toy_model: Path, toy_classifier: Path, by_character: Path) -> None:
    assert_users_mistake(tidegate("stream", toy_model, given="a\n"), "both ends", "--lookahead TOKENS")
    assert_users_mistake(tidegate("stream", toy_classifier, given="a\n"), "both ends", "--lookahead WORDS")
    assert_users_mistake(tidegate("stream", by_character, "--lookahead", 2, given="a\n"), "reads one way and needs none")
    assert_users_mistake(tidegate("stream", toy_model, "--lookahead", "200ms", given="a\n"), "--lookahead is '200ms'", "number of tokens")
    broken = tidegate("stream", toy_model, "--lookahead", "1", given=b"a\n\xff\n")
    assert (broken.returncode, broken.stderr.count(b"\n")) == (2, 1)
    assert b"standard input, line 2" in broken.stderr
    assert tidegate("stream", toy_model, "--lookahead", "1", given="").stdout == ""
    assert tidegate("stream", toy_model, "--lookahead", "1", given="\n\n").stdout == ""


def test_a_line_of_a_no_break_space_is_a_token_as_it_is_for_predict(toy_model: Path) -> None:
    given = "Teddy\n\u00a0\nbears\n \t\nsleep\n"
    told = objects(tidegate("stream", toy_model, "--lookahead", 1, given=given).stdout)
    assert [(line["index"], line["token"]) for line in told] == [(0, "Teddy"), (1, "\u00a0"), (2, "bears"), (0, "sleep")]


def test_answers_are_utf_8_whatever_the_terminal_says(toy_model: Path) -> None:
    command = [sys.executable, "-m", "tidegate", "stream", str(toy_model), "--lookahead", "1"]
    environment = ENVIRONMENT | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, input="naïve 😀\n".encode(), capture_output=True, env=environment, check=True)
    assert [line["token"] for line in objects(done.stdout.decode("utf-8"))] == ["naïve", "😀"]
    assert done.stderr == b""


def test_latency_says_where_nothing_was_timed(toy_model: Path, by_character: Path, toy_classifier: Path) -> None:
    said = "no {} was answered before the end, so none was timed"
    for model, options, unit, given in (
        (toy_model, ("--lookahead", 1), "token", "\n"),
        (by_character, (), "character", ""),
        (toy_classifier, ("--lookahead", 5), "word", "rain\n"),
    ):
        assert tidegate("stream", model, *options, "--latency", given=given).stderr.strip() == said.format(unit)


def test_a_look_ahead_of_thousands_of_digits_is_one_message(toy_model: Path) -> None:
    assert_users_mistake(tidegate("stream", toy_model, "--lookahead", "9" * 5000, given="a\n"), "--lookahead is '999", "number of tokens")
    (whole,) = objects(tidegate("predict", toy_model, "--input", "tokens", given=f"{SENTENCE}\n").stdout)
    told = objects(tidegate("stream", toy_model, "--lookahead", "9" * 18, given=f"{SENTENCE}\n").stdout)
    assert [line["label"] for line in told] == whole["labels"]


def test_who_reads_the_answers_may_leave(by_character: Path) -> None:
    command = [sys.executable, "-m", "tidegate", "stream", str(by_character)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"rain\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["index"] == 0
        process.stdout.close()
        try:
            process.stdin.write(b"snow\n" * 10)
            process.stdin.close()
        except BrokenPipeError:
            pass
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_ctrl_c_ends_a_stream_with_what_it_took(by_character: Path) -> None:
    command = [sys.executable, "-m", "tidegate", "stream", str(by_character), "--latency"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, preexec_fn=hear_ctrl_c
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"rain\n")
        process.stdin.flush()
        for place in range(4):
            assert json.loads(process.stdout.readline())["index"] == place
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == b""
        assert process.stderr.read().startswith(b"4 characters: ")
    assert process.returncode == 130
