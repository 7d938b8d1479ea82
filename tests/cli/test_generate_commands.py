"""The commands over plain text, run as a person would."""

from __future__ import annotations

import io
import json
import os
import pty
import random
import re
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from conftest import hear_ctrl_c
from tidegate.cli.generation import Writing
from tidegate.data import Source, TextRecord
from tidegate.kernels import ARCHITECTURES
from tidegate.runtime import GenerateModel, load
from timing import assert_answers_each_line

from .test_commands import ENVIRONMENT, assert_users_mistake, tidegate

# Within a line nothing is chance: after one character the next is known, and between two the one that is missing.
# A line in two begins with a, so this is the most probable beginning; the others begin anywhere.
ALPHABET = "abcdefgh"
SUFFIXES = [ALPHABET[place:] for place in range(8)]
TEXT = "".join(f"{random.Random(line).choice([ALPHABET] * 7 + SUFFIXES)}\n" for line in range(500))
SMALL: dict[str, Any] = {
    "hidden_size": 16, "embedding_size": 8, "window": 16, "streams": 7, "max_epochs": 6, "learning_rate": 0.03, "warmup_steps": 5,
    "dropout": 0.0, "input_dropout": 0.0, "average_decay": 0.9,
}  # fmt: skip
FAST = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")] + ["--threads", "1"]


def trained(path: Path, **settings: Any) -> Path:
    """Trains without the seconds that a fresh interpreter needs for torch."""
    from tidegate.training.generation.corpus import GenerateFiles, read_corpus
    from tidegate.training.generation.recipe import GenerateRecipe
    from tidegate.training.generation.task import GenerateTask
    from tidegate.training.recipe import build_recipe
    from tidegate.training.run import train

    text = path.parent / f"{path.name}.txt"
    text.write_text(TEXT, encoding="utf-8")
    recipe = build_recipe(GenerateRecipe, options={**SMALL, **settings})
    return train(GenerateTask(recipe, read_corpus(GenerateFiles([str(text)]), recipe)), path, quiet=True).path


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory: a gru over characters."""
    return trained(tmp_path_factory.mktemp("writer") / "writer", arch="gru")


@pytest.fixture(scope="module")
def filler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory: a bigru over characters."""
    return trained(tmp_path_factory.mktemp("filler") / "filler", arch="bigru")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory: a gru over words, each letter being one; the rare ones are unknown."""
    text = "".join(f"{' '.join(ALPHABET)}\n" for _ in range(200))
    folder = tmp_path_factory.mktemp("reader")
    (folder / "words.txt").write_text(text, encoding="utf-8")
    from tidegate.training.generation.corpus import GenerateFiles, read_corpus
    from tidegate.training.generation.recipe import GenerateRecipe
    from tidegate.training.generation.task import GenerateTask
    from tidegate.training.recipe import build_recipe
    from tidegate.training.run import train

    recipe = build_recipe(GenerateRecipe, options={**SMALL, "unit": "word", "max_epochs": 2})
    return train(GenerateTask(recipe, read_corpus(GenerateFiles([str(folder / "words.txt")]), recipe)), folder / "model", quiet=True).path


def texts_of(done: subprocess.CompletedProcess[Any]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["text"] for line in done.stdout.splitlines()]


def beginning(path: Path, length: int) -> str:
    """What the model holds for the most probable beginning of a text."""
    model = load(path)
    assert isinstance(model, GenerateModel)
    return "".join(model.sample(temperature=0, length=length))


def on_terminal(*arguments: object, interrupt_after: int = 0) -> tuple[int, str]:
    """Runs the command with a terminal for its three streams; gives the exit code and all that was shown, colours left out.

    With `interrupt_after` Ctrl-C is pressed when so many characters have appeared.
    """
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "tidegate", *map(str, arguments)]
    environment = {**ENVIRONMENT, "TERM": "xterm"}
    process = subprocess.Popen(
        command,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )
    os.close(follower)
    watchdog = threading.Timer(300, process.kill)
    watchdog.start()
    seen = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:  # how Linux tells that the other side is closed
            break
        if not chunk:
            break
        seen += chunk
        if interrupt_after and len(seen) >= interrupt_after:
            interrupt_after = 0
            process.send_signal(signal.SIGINT)
    code = process.wait(timeout=300)
    watchdog.cancel()
    os.close(leader)
    return code, re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode()).replace("\r\n", "\n")


def test_help_names_every_option_and_has_examples() -> None:
    shown = tidegate("train", "generate", "--help").stdout
    for option in (
        "--dev --test --unit --arch --out --recipe --preset --time-budget --max-epochs --seed --set --resume --overwrite --dry-run --threads "
        "--quiet --version --help"
    ).split():
        assert f"{option} " in shown, option
    for part in (
        "char|word|bpe",
        "One-way ones write text",
        "two-way ones fill blanks",
        "[default: gru]",
        "line_breaks=blank",
        "vocabulary_size=4000",
    ):
        assert part in shown
    assert set(ARCHITECTURES) <= set(re.split(r"[\s,;]+", shown))
    predicts = tidegate("predict", "--help").stdout
    for option in "--prompt --length --temperature --top-k --top-p --stop --seed --n-best".split():
        assert f"{option} " in predicts, option
    for part in ("--prompt 'ROMEO:'", "the ___ barked", r"$'\n'"):
        assert part in predicts
    assert "candidates.txt" in tidegate("logprob", "--help").stdout
    assert "bits a character" in tidegate("evaluate", "--help").stdout
    assert "logprob" in tidegate("--help").stdout


@pytest.mark.slow
def test_dry_run_tells_the_plan_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    done = tidegate("train", "generate", "text.txt", "--dry-run", *FAST, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for part in (
        "arch        gru",
        f"{int(0.9 * len(TEXT)):,} characters, 9 different ones",
        "parameters  ",
        "for 6 epochs",
        "out         text-gru",
        "Nothing was trained.",
    ):
        assert part in done.stdout
    assert [entry.name for entry in tmp_path.iterdir()] == ["text.txt"]


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["gru", "bilstm"])
def test_train_and_everything_that_is_proposed_after_it(arch: str, tmp_path: Path) -> None:
    (tmp_path / "a text.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "held out.txt").write_text(f"{ALPHABET}\n" * 20, encoding="utf-8")
    words = ("train", "generate", "a text.txt", "--test", "held out.txt", "--arch", arch, *FAST)
    done = tidegate(*words, cwd=tmp_path, fresh=arch == "gru")
    assert done.returncode == 0, done.stderr
    model = tmp_path / f"a text-{arch}"
    assert f"{int(0.9 * len(TEXT)):,} characters to train on, 9 different ones" in done.stderr
    assert "epoch  6/6" in done.stderr
    assert (model / "training" / "loss.svg").exists()
    assert f"Loss over time: a text-{arch}/training/loss.svg" in done.stdout
    if arch == "gru":
        sample = [line.removeprefix("  | ") for line in done.stdout.splitlines() if line.startswith("  | ")]
        assert "What it writes at temperature 0.8:" in done.stdout
        assert ALPHABET in sample
        assert 150 < len("\n".join(sample)) <= 200
    else:
        assert "A blank of the development text filled:" in done.stdout
        assert re.search(r"\| ___ may be '(.|\\n)' \(\d+%\), '(.|\\n)' \(\d+%\), ", done.stdout)
    commands = done.stdout.partition("Next:\n")[2].splitlines()
    assert [shlex.split(command)[:2] for command in commands] == [
        ["tidegate", "predict"], ["tidegate", "evaluate"], ["tidegate", "logprob"], ["python", "-c"],
    ]  # fmt: skip
    for command in commands:
        runnable = command.strip().replace("tidegate ", f"{sys.executable} -m tidegate ", 1).replace("python -c", f"{sys.executable} -c", 1)
        if command.strip().startswith("python"):
            runnable = command.strip().replace("python -c", f"{sys.executable} -c", 1)
        ran = subprocess.run(runnable, shell=True, cwd=tmp_path, capture_output=True, timeout=300, check=False, env=ENVIRONMENT)
        assert ran.returncode == 0, (command, ran.stderr)
        assert ran.stdout
    scores = json.loads(tidegate("evaluate", model, tmp_path / "held out.txt", "--format", "json").stdout)
    assert scores == json.loads((model / "metrics.json").read_text())["test"]
    assert {"n", "nats", "bits", "perplexity", "n_characters", "bits_per_character", "n_unknown"} <= set(scores)
    assert scores["n"] == scores["n_characters"] == 180
    if arch == "bilstm":
        assert scores["left"].keys() == scores["right"].keys() == {"nats", "perplexity", "accuracy"}
    shown = tidegate("evaluate", model, tmp_path / "held out.txt").stdout
    assert "180 characters" in shown
    assert f"{scores['nats']:.4f}" in shown
    assert ("left" in shown) == (arch == "bilstm")
    exists = tidegate(*words, cwd=tmp_path)
    assert_users_mistake(exists, "exists already (a directory)")


def test_prompts_come_by_option_from_files_and_from_a_pipe(writer: Path, tmp_path: Path) -> None:
    greedy = ("--temperature", 0, "--length", 6)
    assert texts_of(tidegate("predict", writer, "--prompt", "abc", *greedy, given="")) == ["abcdefgh\n"]
    assert texts_of(tidegate("predict", writer, *greedy, given="gh\n\nabcd\n")) == ["gh\nabcde", beginning(writer, 6), "abcdefgh\na"]
    (tmp_path / "prompts.txt").write_text("e\na\n", encoding="utf-8")
    done = tidegate("predict", writer, "prompts.txt", "-", "--prompt", "b", "--prompt", "c", *greedy, given="d\n", cwd=tmp_path)
    assert [text[0] for text in texts_of(done)] == ["b", "c", "e", "a", "d"]
    assert texts_of(tidegate("predict", writer, *greedy, given="")) == []


def test_chance_hangs_on_the_seed_and_every_prompt_has_its_own(writer: Path) -> None:
    model = load(writer)
    assert isinstance(model, GenerateModel)
    options = ("--temperature", 3, "--length", 60, "--top-k", 7, "--top-p", 0.95)
    given = "ab\nab\ngh\n"
    first, second, third = (
        texts_of(tidegate("predict", writer, *options, *seed, given=given)) for seed in ((), ("--seed", 1), ("--seed", 2))
    )
    assert first == second
    assert first[0] == "ab" + "".join(model.sample("ab", temperature=3, length=60, top_k=7, top_p=0.95, seed=1))
    assert len({*first, *third}) == 6
    # What a prompt gets does not hang on the prompts before it.
    assert texts_of(tidegate("predict", writer, *options, given="h\nab\ngh\n"))[1:] == first[1:]


def test_a_terminal_shows_the_text_itself(writer: Path) -> None:
    code, shown = on_terminal("predict", writer, "--prompt", "abc", "--prompt", "f", "--temperature", 0, "--length", 4)
    assert (code, shown) == (0, "abcdefg\n\nfgh\na\n")
    code, shown = on_terminal("predict", writer, "--temperature", 0, "--length", 9)  # nothing at all: from the beginning of a text
    assert (code, shown) == (0, beginning(writer, 9).removesuffix("\n") + "\n")
    code, shown = on_terminal("predict", writer, "--temperature", 0, "--length", 2, "--format", "jsonl")
    assert (code, json.loads(shown)) == (0, {"text": beginning(writer, 2)})


def test_the_text_appears_as_it_comes_and_ctrl_c_keeps_it(writer: Path) -> None:
    code, shown = on_terminal("predict", writer, "--prompt", "abc", "--temperature", 0, "--length", 100_000_000, interrupt_after=2000)
    assert code == 130
    assert shown.endswith("\n")
    whole, _, begun = shown.replace("^C", "").removesuffix("\n").rpartition("\n")
    assert len(whole) > 1500
    assert set(whole.splitlines()) <= set(SUFFIXES)
    assert any(line.startswith(begun) for line in SUFFIXES)


@pytest.mark.parametrize("writes", range(1, 20))
def test_a_text_cut_off_after_any_piece_ends_its_line(writer: Path, writes: int) -> None:
    """Ctrl-C right after a piece was written, wherever in a line that is."""
    model = load(writer)
    assert isinstance(model, GenerateModel)

    class CutOff(io.BytesIO):
        left = writes

        def write(self, data: Any) -> int:
            written = super().write(data)
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            return written

    stream = CutOff()
    writing = Writing(model, stream, "text", is_terminal=True, quiet=True, options={"temperature": 0, "length": 100}, seed=1)
    with pytest.raises(KeyboardInterrupt):
        writing.answer(iter([TextRecord("abc", Source("--prompt", 1, "text"))]))
    shown = stream.getvalue().decode()
    assert shown.endswith("\n")
    whole = "abc" + "".join(model.sample("abc", temperature=0, length=100))
    assert whole.startswith(shown.removesuffix("\n"))


def test_text_and_json_lines_go_to_files_whole(writer: Path, tmp_path: Path) -> None:
    greedy = ("--prompt", "abc", "--prompt", "f", "--temperature", 0, "--length", 4)
    for name, form, expected in (
        ("out.txt", (), "abcdefg\n\nfgh\na\n"),
        ("out.jsonl", (), '{"text": "abcdefg"}\n{"text": "fgh\\na"}\n'),
        ("out.txt", ("--format", "jsonl"), '{"text": "abcdefg"}\n{"text": "fgh\\na"}\n'),
    ):
        done = tidegate("predict", writer, *greedy, "--output", name, *form, cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert (tmp_path / name).read_text() == expected
    (tmp_path / "prompts.txt").write_text("a\nx\n", encoding="utf-8")
    done = tidegate("predict", writer, "prompts.txt", "--output", "none.txt", cwd=tmp_path)
    assert_users_mistake(done, "prompts.txt, line 2: the prompt has characters that the training text has not: 'x'")
    assert not (tmp_path / "none.txt").exists()


def test_a_stop_string_ends_the_text_and_one_never_met_is_told(writer: Path) -> None:
    greedy = ("--temperature", 0, "--length", 30, "--prompt", "ab")
    met = tidegate("predict", writer, *greedy, "--stop", "gh")
    assert (texts_of(met), met.stderr) == (["abcdef"], "")
    missed = tidegate("predict", writer, *greedy, "--stop", "ha")
    assert len(texts_of(missed)[0]) == 32
    assert missed.stderr == "--stop 'ha' was not met; the text ends after 30 units (--length).\n"
    assert tidegate("predict", writer, *greedy, "--stop", "ha", "--quiet").stderr == ""


def test_unknown_words_of_a_prompt_are_noted(reader: Path) -> None:
    done = tidegate("predict", reader, "--prompt", "a b zebra", "--length", 3)
    assert texts_of(done)[0].startswith("a b zebra ")
    assert "words that the model does not know" in done.stderr
    assert "'zebra'" in done.stderr


def test_blanks_are_filled(filler: Path, tmp_path: Path) -> None:
    done = tidegate("predict", filler, "--n-best", 2, given="ab___def___h\n\n___bcd\n")
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["text"] for answer in answers] == ["abcdefgh", "", "abcd"]
    first, second = answers[0]["blanks"]
    assert (first["start"], first["end"], second["start"], second["end"]) == (2, 5, 8, 11)
    for blank, letter in ((first, "c"), (second, "g")):
        for side in ("left", "right", "both"):
            assert len(blank[side]) == 2
            assert blank[side][0][0] == letter
            assert blank[side][0][1] > 0.5
    (tmp_path / "texts.txt").write_text("ab___d\n", encoding="utf-8")
    code, shown = on_terminal("predict", filler, tmp_path / "texts.txt", "--prompt", "ef___h", "--n-best", 3)
    assert code == 0
    assert "efgh\n" in shown
    assert re.search(r"\nef___h *\n", shown)
    assert shown.index("efgh\n") < shown.index("abcd\n")
    assert re.search(r"left alone +right alone +both", shown)
    assert re.search(r"\n *g +0\.\d{3} +g +0\.\d{3} +g +[01]\.\d{3}", shown)
    # Standing between "h" and "a", the line end: it is shown as such.
    assert "'\\n'" in tidegate("predict", filler, "--prompt", "gh___ab", "--format", "text").stdout


WRITERS_MISTAKES: list[tuple[list[str], list[str]]] = [
    (["--prompt", "aäb€"], ["--prompt, text 1: ", "'ä', '€'"]),
    (["--temperature", "-1"], ["temperature is -1"]),
    (["--temperature", "nan"], ["temperature is nan"]),
    (["--top-k", "-1"], ["top_k is -1"]),
    (["--top-p", "0"], ["top_p is 0"]),
    (["--top-p", "1.5"], ["top_p is 1.5"]),
    (["--length", "-1"], ["length is -1"]),
    (
        ["--n-best", "3"],
        ["--n-best is for a two-way language model, a translator or a transcriber, and this model writes text.", "--temperature"],
    ),
    (["--threshold", "0.5"], ["--threshold is for a classifier, and this model writes text.", "--prompt", "--length"]),
    (["--with-input"], ["--with-input is for a tagger, a classifier, a translator or a transcriber, and this model writes text."]),
    (["--input", "tokens"], ["--input is for a tagger or a classifier"]),
    (
        ["--format", "csv"],
        [
            "--format csv is for a tagger, a classifier, a translator, a forecaster, a filler of time series or a transcriber, and this model writes text. Use text or jsonl."
        ],
    ),
    (["--format", "txet"], ["--format txet is not one of", "Did you mean 'text'?"]),
    (["no.txt"], ["no.txt: no such file"]),
]


@pytest.mark.parametrize(("options", "parts"), WRITERS_MISTAKES, ids=[" ".join(entry[0]) for entry in WRITERS_MISTAKES])
def test_a_mistake_with_a_model_that_writes_is_one_message(writer: Path, options: list[str], parts: list[str]) -> None:
    given = None if "--prompt" in options or "no.txt" in options else "abc\n"
    assert_users_mistake(tidegate("predict", writer, *options, given=given), *parts)


def test_a_mistake_with_a_model_that_fills_is_one_message(filler: Path, toy_model: Path) -> None:
    done = tidegate("predict", filler, "--prompt", "abc")
    assert_users_mistake(
        done, "'abc' has no blank", "cannot go on with a text", "to the right, which is not written yet", "___", "--arch gru"
    )
    assert_users_mistake(
        tidegate("predict", filler, "--length", 5, given=""),
        "--length is for a language model that writes text, and this model fills blanks. What fits it: --prompt, --n-best.",
    )
    assert_users_mistake(tidegate("predict", filler, "--prompt", "a___", "--seed", 1), "--seed is for a language model that writes text")
    assert_users_mistake(
        tidegate("predict", toy_model, "--prompt", "abc"),
        "--prompt is for a language model, and this model tags tokens.",
        "--abstain-below",
    )
    assert_users_mistake(
        tidegate("predict", toy_model, "--format", "text", given=""),
        "--format text is for a language model or a translator, and this model tags tokens. Use jsonl or csv or conllu.",
    )
    code, shown = on_terminal("predict", filler)
    assert (code, shown.count("\n")) == (2, 1)
    assert "there is no text whose blanks could be filled" in shown


def test_logprob_is_the_sum_over_a_line_and_its_end(writer: Path, filler: Path, tmp_path: Path) -> None:
    model = load(writer)
    assert isinstance(model, GenerateModel)
    lines = [ALPHABET, "", "hgfedcba", "ab?"]
    (tmp_path / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    done = tidegate("logprob", writer, tmp_path / "lines.txt")
    assert (done.returncode, done.stderr) == (0, "")
    scores = [json.loads(line) for line in done.stdout.splitlines()]
    for line, score in zip(lines, scores, strict=True):
        each = model.log_probabilities(model.units.encode(f"{line}\n"))
        assert score == {"logprob": pytest.approx(each.sum(), abs=1e-4), "n": len(line) + 1, "n_unknown": line.count("?")}
    assert scores[0]["logprob"] > scores[2]["logprob"]
    assert tidegate("logprob", writer, given="\n".join(lines)).stdout == done.stdout
    repeated = json.loads(tidegate("logprob", writer, "-", "--with-input", given="ab?\n").stdout)
    assert repeated == {"text": "ab?", **scores[3]}
    pseudo = json.loads(tidegate("logprob", filler, given=f"{ALPHABET}\n").stdout)
    assert pseudo.keys() == {"pseudo_log_likelihood", "n", "n_unknown"}


@pytest.mark.parametrize("words", [("logprob", "--with-input"), ("predict", "--length", "3")], ids=lambda words: words[0])
def test_a_pipe_is_answered_line_by_line(words: tuple[str, ...], writer: Path) -> None:
    def begin(number: int) -> str:
        return ALPHABET[: 1 + number % 8]

    def check(number: int, answer: str) -> None:
        assert json.loads(answer)["text"].startswith(begin(number))

    assert_answers_each_line([sys.executable, "-m", "tidegate", words[0], str(writer), *words[1:]], begin, check)


def test_a_model_of_labels_has_no_logprob(toy_model: Path) -> None:
    done = tidegate("logprob", toy_model, given="a\n")
    assert_users_mistake(
        done, "logprob is for language models and translators", "was trained for the task tag", "tidegate train generate FILE"
    )


@pytest.mark.parametrize("words", [("predict", "--prompt", "ab", "--length", "5"), ("logprob", "FILE"), ("evaluate", "FILE")])
def test_no_torch_is_needed(words: tuple[str, ...], writer: Path, tmp_path: Path) -> None:
    (tmp_path / "FILE").write_text(f"{ALPHABET}\n", encoding="utf-8")
    arguments = ["tidegate", words[0], str(writer), *words[1:]]
    code = f"import sys; sys.modules['torch'] = None; sys.argv = {arguments!r}; from tidegate.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


BAD_TEXTS: list[tuple[str, bytes, list[str], list[str]]] = [
    ("empty.txt", b"", [], ["empty.txt", "holds no text"]),
    ("short.txt", b"just a line\n" * 3, [], ["window", "--set window="]),
    ("binary.txt", b"abc\0def\n" * 40, [], ["binary.txt, line 1: a NUL byte"]),
    ("latin.txt", b"caf\xe9\n" * 400, [], ["latin.txt, line 1", "UTF-8", "iconv"]),
    ("unit.txt", TEXT.encode(), ["--unit", "letter"], ["unit = 'letter' does not fit"]),
    ("arch.txt", TEXT.encode(), ["--arch", "gruu"], ["Did you mean 'gru'?"]),
    ("key.txt", TEXT.encode(), ["--set", "windw=3"], ["unknown key 'windw'", "Did you mean 'window'?"]),
    ("share.txt", TEXT.encode(), ["--set", "test_share=0.9"], ["test_share", "leaves nothing to train on"]),
    ("dev.txt", TEXT.encode(), ["--dev", "nowhere.txt"], ["nowhere.txt", "no such file"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "options", "parts"), BAD_TEXTS, ids=[entry[0] for entry in BAD_TEXTS])
def test_bad_training_text_is_one_message_and_leaves_nothing(
    name: str, content: bytes, options: list[str], parts: list[str], tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    done = tidegate("train", "generate", name, "--out", "model", *options, cwd=tmp_path)
    assert_users_mistake(done, *parts)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_evaluate_refuses_what_is_no_text_and_tells_unknown_characters(writer: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "binary.bin").write_bytes(b"a\0b\n")
    (tmp_path / "odd.txt").write_text(f"{ALPHABET}\n??\n", encoding="utf-8")
    assert_users_mistake(tidegate("evaluate", writer, "empty.txt", cwd=tmp_path), "empty.txt holds no text")
    assert_users_mistake(tidegate("evaluate", writer, "odd.txt", "empty.txt", cwd=tmp_path), "empty.txt holds no text")
    assert_users_mistake(tidegate("evaluate", writer, "binary.bin", cwd=tmp_path), "binary.bin, line 1: a NUL byte")
    assert_users_mistake(
        tidegate("evaluate", writer, "odd.txt", "--label", "upos", cwd=tmp_path),
        "--label is for a tagger or a classifier, and this model writes text. Leave it out.",
    )
    done = tidegate("evaluate", writer, "odd.txt", "--format", "json", cwd=tmp_path)
    assert json.loads(done.stdout)["n_unknown"] == 2
    assert done.stderr == "2 characters are unknown to the model and count by the probability of the unknown.\n"
