"""The commands over sequences of numbers and over sound, run as a person would."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .test_commands import ENVIRONMENT, assert_users_mistake, tidegate

SMALL = [
    *("--preset", "fast", "--threads", "1", "--max-epochs", "3"),
    *(word for setting in ("hidden_size=12", "embedding_size=8", "warmup_steps=5") for word in ("--set", setting)),
]
RATE = 8000
PATTERN = "{label}_{group}_{}"
TONES = {"low": 400, "mid": 900, "high": 1800}


def table(path: Path, count: int, seed: int, *, per_step: bool = False) -> Path:
    """Walks up and down with holes, a row a step; the label says where they go, or where they are."""
    random = np.random.default_rng(seed)
    lines = ["sequence,step,x,z,label"]
    for number in range(count):
        drift = random.choice([-0.6, 0.6])
        walk = np.cumsum(random.normal(drift, 1, size=int(random.integers(6, 16))))
        for step, x in enumerate(walk):
            label = ("up" if drift > 0 else "down") if not per_step else ("above" if x > 0 else "below")
            lines.append(f"s{number},{step},{x:.3f},{'NA' if random.random() < 0.1 else round(random.normal(), 3)},{label}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def tone(path: Path, hz: float, *, rate: int = RATE, seconds: float = 0.25, width: int = 2, channels: int = 1, seed: int = 0) -> Path:
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    samples = 0.3 * np.sin(2 * np.pi * hz * time) + 0.01 * random.normal(size=len(time))
    whole = np.repeat((samples * (2 ** (8 * width - 1) - 1)).astype("<i4")[:, None], channels, axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(whole.reshape(-1, 1).view("u1").reshape(-1, 4)[:, :width].tobytes())
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables, a folder of tones named label_group_number.wav, and a table of what is said in them."""
    folder = tmp_path_factory.mktemp("sequences")
    table(folder / "train.csv", 60, 1)
    table(folder / "test.csv", 20, 2)
    table(folder / "steps.csv", 40, 3, per_step=True)
    lines = ["file\tsentence"]
    for number in range(36):
        label = list(TONES)[number % 3]
        path = tone(folder / "tones" / f"{label}_p{number % 4}_{number}.wav", TONES[label] * (1 + 0.02 * (number % 5)), seed=number)
        if label != "mid":
            lines.append(f"tones/{path.name}\t{label}")
    (folder / "said.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def trained(folder: Path, *words: str) -> Path:
    """The model that `tidegate train` with these words makes, `--out` last."""
    done = tidegate("train", words[0], *SMALL, *words[1:], cwd=folder, fresh=words[0] == "transcribe")
    assert done.returncode == 0, done.stderr
    for part in ("Next:", "training/loss.svg"):
        assert part in done.stdout
    (folder / f"{words[-1]}.txt").write_text(done.stdout, encoding="utf-8")
    return folder / words[-1]


@pytest.fixture(scope="module")
def walks(made: Path) -> Path:
    return trained(made, "classify", "train.csv", "--test", "test.csv", "--arch", "gru", "--out", "walks")


@pytest.fixture(scope="module")
def places(made: Path) -> Path:
    return trained(made, "tag", "steps.csv", "--arch", "bilstm", "--out", "places")


@pytest.fixture(scope="module")
def odd(made: Path) -> Path:
    """A table in quotes with decimal commas, at a place that a shell would read something into."""
    folder = made / "it's $HOME `x`"
    folder.mkdir()
    rows = [line.replace(".", ":").split(",") for line in (made / "train.csv").read_text(encoding="utf-8").splitlines()]
    lines = [";".join(f'"{cell.replace(":", ",")}"' for cell in row) for row in rows]
    (folder / "train.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return trained(made, "classify", f"{folder.name}/train.csv", "--input", "numbers", "--arch", "gru", "--out", "odd it's [bold] $1")


@pytest.fixture(scope="module")
def tones(made: Path) -> Path:
    return trained(made, "classify", "tones/*.wav", "--pattern", PATTERN, "--arch", "bigru", "--lookahead", "100ms", "--out", "heard")


@pytest.fixture(scope="module")
def transcripts(made: Path) -> Path:
    """What learns the three tones in a few seconds."""
    settings = (
        "hidden_size=24 embedding_size=32 learning_rate=0.01 warmup_steps=20 dropout=0 average_decay=0.9 snr_db=none shift_ms=0 "
        "batch_steps=24 patience=40"
    ).split()
    more = [word for setting in settings for word in ("--set", setting)]
    words = ("said.tsv", "--text", "sentence", "--arch", "gru", "--max-epochs", "30", *more)
    return trained(made, "transcribe", *words, "--out", "said")


MODELS = ("walks", "odd", "places", "tones", "transcripts")


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_help_names_every_option_and_has_examples() -> None:
    shared = (
        "--dev --test --group --lookahead --arch --out --recipe --preset --time-budget --max-epochs --seed --set --dry-run --help".split()
    )
    numbers = "--input --label --sequence --step --features --missing".split()
    for task, own, example in (
        ("classify", [*numbers, "--path", "--pattern", "--text"], "moves.csv --sequence trial --step t --label gesture"),
        ("tag", numbers, "sleep.csv --sequence night --step epoch --label stage"),
        ("transcribe", "--text --path --pattern --unit --connect".split(), "spoken.tsv --path file --text sentence"),
    ):
        shown = tidegate("train", task, "--help").stdout
        for option in (*shared, *own):
            assert f"{option} " in shown, (task, option)
        assert example in shown
    assert "transcribe" in tidegate("train", "--help").stdout
    for command, options, example in (
        ("predict", ["--lookahead", "--n-best"], "call.wav --beam 16"),
        ("evaluate", ["--lookahead", "--plot"], "--plot confusion.svg"),
        ("stream", ["--lookahead", "--latency"], "arecord -t raw"),
    ):
        shown = tidegate(command, "--help").stdout
        for option in options:
            assert f"{option} " in shown, (command, option)
        assert example in shown
    assert "stream" in tidegate("--help").stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_everything_that_is_proposed_after_training_works(name: str, made: Path, request: pytest.FixtureRequest) -> None:
    model: Path = request.getfixturevalue(name)
    commands = (made / f"{model.name}.txt").read_text(encoding="utf-8").partition("Next:\n")[2].splitlines()
    assert len(commands) == 4
    assert "tidegate stream" in commands[-1]
    for command in commands:
        runnable = re.sub(r"\btidegate (?=evaluate|predict|stream)", f"{sys.executable} -m tidegate ", command.strip())
        runnable = re.sub(r"^python ", f"{sys.executable} ", runnable)
        ran = subprocess.run(runnable, shell=True, cwd=made, capture_output=True, text=True, timeout=300, check=False, env=ENVIRONMENT)
        assert ran.returncode == 0, (command, ran.stderr)
        assert ran.stdout, command


@pytest.mark.slow
def test_numbers_are_classified_scored_and_drawn(walks: Path, made: Path) -> None:
    answers = objects(tidegate("predict", walks, "test.csv", "--with-input", cwd=made).stdout)
    assert [answer["name"] for answer in answers] == [f"s{number}" for number in range(20)]
    for answer in answers:
        assert answer["input"]["label"] in ("up", "down")
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert answer["probabilities"][answer["label"]] == answer["probability"]
    given = (made / "test.csv").read_text(encoding="utf-8")
    assert objects(tidegate("predict", walks, given=given).stdout) == objects(tidegate("predict", walks, "test.csv", cwd=made).stdout)
    rows = list(csv.DictReader(io.StringIO(tidegate("predict", walks, "test.csv", "--format", "csv", cwd=made).stdout)))
    assert [row["label"] for row in rows] == [answer["label"] for answer in answers]
    unsure = objects(tidegate("predict", walks, "test.csv", "--abstain-below", 1, cwd=made).stdout)
    assert {answer["label"] for answer in unsure} == {None}
    scores = json.loads(tidegate("evaluate", walks, "test.csv", "--format", "json", cwd=made).stdout)
    assert scores["accuracy"] == sum(answer["label"] == answer["input"]["label"] for answer in answers) / 20
    assert scores["accuracy"] == json.loads((walks / "metrics.json").read_text(encoding="utf-8"))["test"]["accuracy"]
    assert [entry["share"] for entry in scores["by_share"]] == [tenth / 10 for tenth in range(1, 11)]
    assert scores["by_share"][-1]["accuracy"] == scores["accuracy"]
    shown = tidegate("evaluate", walks, "test.csv", "--plot", "seen.svg", cwd=made).stdout
    for part in ("Right label, and what was answered", "by the share of the sequence", "100%", f"{scores['accuracy']:.4f}"):
        assert part in shown, part
    assert "share of the sequence seen, in percent" in (made / "seen.svg").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_stream_of_numbers_says_what_predict_says_of_each_beginning(walks: Path, made: Path, tmp_path: Path) -> None:
    lines = (made / "test.csv").read_text(encoding="utf-8").splitlines()
    first = [line for line in lines if line.startswith("s0,")]
    told = objects(tidegate("stream", walks, given="\n".join([lines[0], *first, "", *first[:2]]) + "\n").stdout)
    assert [line["index"] for line in told] == [*range(len(first)), len(first) - 1, 0, 1, 1]
    assert [line["final"] for line in told] == [False] * len(first) + [True, False, False, True]
    for count in (1, len(first)):
        (tmp_path / "part.csv").write_text("\n".join([lines[0], *first[:count]]) + "\n", encoding="utf-8")
        (answer,) = objects(tidegate("predict", walks, tmp_path / "part.csv").stdout)
        assert told[count - 1]["label"] == answer["label"]
        assert told[count - 1]["probability"] == pytest.approx(answer["probability"], abs=1e-5)


@pytest.mark.slow
def test_a_frame_is_answered_before_the_next_one_comes(walks: Path) -> None:
    command = [sys.executable, "-m", "tidegate", "stream", str(walks)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for step in range(3):
            process.stdin.write("0.5 1\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["index"] == step
        process.stdin.close()
        assert json.loads(process.stdout.readline())["final"] is True
    assert process.returncode == 0


@pytest.mark.slow
def test_steps_are_tagged_whole_bounded_and_live(places: Path, made: Path) -> None:
    answers = objects(tidegate("predict", places, "steps.csv", "--with-input", "--lookahead", 2, cwd=made).stdout)
    assert all(len(answer["labels"]) == len(answer["probabilities"]) == len(answer["input"]["label"]) for answer in answers)
    rows = list(csv.DictReader(io.StringIO(tidegate("predict", places, "steps.csv", "--format", "csv", "--lookahead", 2, cwd=made).stdout)))
    assert [row["label"] for row in rows] == [label for answer in answers for label in answer["labels"]]
    lines = (made / "steps.csv").read_text(encoding="utf-8").splitlines()
    first = [line for line in lines if line.startswith("s0,")]
    told = objects(tidegate("stream", places, "--lookahead", 2, given="\n".join([lines[0], *first]) + "\n").stdout)
    assert [line["label"] for line in told] == answers[0]["labels"]
    assert all(line["final"] for line in told)
    whole = json.loads(tidegate("evaluate", places, "steps.csv", "--format", "json", cwd=made).stdout)
    assert whole["n"] == len(rows)
    assert sum(sum(row.values()) for row in whole["confusion"].values()) == len(rows)
    assert_users_mistake(tidegate("stream", places, given=""), "both ends", "--lookahead")


@pytest.mark.slow
def test_sound_is_classified_from_files_from_a_pipe_and_live(tones: Path, made: Path) -> None:
    one = made / "tones" / "low_p0_0.wav"
    (answer,) = objects(tidegate("predict", tones, one).stdout)
    assert objects(tidegate("predict", tones, given=one.read_bytes()).stdout.decode()) == [answer]
    live = tidegate("stream", tones, "--latency", given=one.read_bytes())
    told = objects(live.stdout.decode())
    assert told[-1]["final"] is True
    assert told[-1]["label"] == answer["label"]
    assert told[-1]["probability"] == pytest.approx(answer["probability"], abs=1e-5)
    assert re.search(r"steps: [0-9.]+ ms a step \(median\), [0-9.]+ ms \(99 %\); [0-9.]+ of real time", live.stderr.decode())
    raw = tidegate("stream", tones, given=one.read_bytes()[44:]).stdout.decode()
    assert objects(raw)[-1] == told[-1]
    scores = json.loads(tidegate("evaluate", tones, "tones/*.wav", "--format", "json", cwd=made).stdout)
    assert scores["n"] == 36


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda path: tone(path, 400, channels=2), id="stereo"),
        pytest.param(lambda path: tone(path, 400, width=3), id="24 bits"),
        pytest.param(lambda path: tone(path, 400, rate=44100), id="44.1 kHz"),
        pytest.param(lambda path: tone(path, 400, rate=44100, channels=2, width=3), id="all of it"),
        pytest.param(lambda path: tone(path, 400, seconds=0.001), id="shorter than a window"),
    ],
)
def test_sound_of_other_forms_is_heard(make: Callable[[Path], Path], tones: Path, tmp_path: Path) -> None:
    done = tidegate("predict", tones, make(tmp_path / "other.wav"))
    assert done.returncode == 0, done.stderr
    assert objects(done.stdout)[0]["label"] in TONES


@pytest.mark.slow
def test_what_is_said_is_written_searched_scored_and_told_live(transcripts: Path, made: Path) -> None:
    one = made / "tones" / "low_p0_0.wav"
    answer, *others = objects(tidegate("predict", transcripts, "said.tsv", "--with-input", cwd=made).stdout)
    assert len(others) == 23
    assert answer["input"]["sentence"] == "low"
    assert sum(one["text"] == one["input"]["sentence"] for one in (answer, *others)) > 16
    assert answer["text"] == " ".join(unit["unit"] for unit in answer["units"])
    (searched,) = objects(tidegate("predict", transcripts, one, "--beam", 4, "--n-best", 2).stdout)
    assert [entry["score"] for entry in searched["n_best"]] == sorted((entry["score"] for entry in searched["n_best"]), reverse=True)
    rows = list(csv.DictReader(io.StringIO(tidegate("predict", transcripts, one, "--beam", 4, "--n-best", 2, "--format", "csv").stdout)))
    assert [row["rank"] for row in rows] == ["1", "2"]
    scores = json.loads(tidegate("evaluate", transcripts, "said.tsv", "--format", "json", cwd=made).stdout)
    assert (scores["n"], scores["n_units"]) == (24, 24)
    assert f"{scores['wer']:.4f}" in tidegate("evaluate", transcripts, "said.tsv", cwd=made).stdout
    told = objects(tidegate("stream", transcripts, given=one.read_bytes()).stdout.decode())
    (greedy,) = objects(tidegate("predict", transcripts, one, "--beam", 1).stdout)
    assert [line["unit"] for line in told] == [unit["unit"] for unit in greedy["units"]]
    assert told
    assert all(line["final"] for line in told)


def bad(folder: Path) -> Path:
    """Files that something is wrong with."""
    head = "sequence,step,x,label\n"
    for name, text in (
        ("word.csv", head + "a,1,2,u\na,2,oops,u\nb,1,3,v\n"),
        ("twice.csv", head + "a,1,2,u\na,1,3,u\nb,1,3,v\n"),
        ("labels.csv", head + "a,1,2,u\na,2,3,v\nb,1,3,v\n"),
        ("one.csv", head + "a,1,2,u\nb,1,3,u\n"),
        ("short.csv", head + "a,1,2,u\na,2,3\n"),
        ("header.csv", head),
        ("nothing.csv", ""),
        ("fine.csv", head + "a,1,2,u\na,2,3,u\nb,1,3,v\nb,2,1,v\nc,1,3,v\n"),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    whole = tone(folder / "low_a_1.wav", 400).read_bytes()
    (folder / "low_a_2.wav").write_bytes(whole)
    for number in (1, 2):
        tone(folder / f"high_a_{number}.wav", 1800)
    (folder / "low_a_cut.wav").write_bytes(whole[:600])
    (folder / "low_a_nothing.wav").write_bytes(b"")
    (folder / "low_a_silent.wav").write_bytes(whole[:40] + bytes(4))
    (folder / "low_a_text.wav").write_bytes(b"hello, this is no sound at all")
    (folder / "low_a_float.wav").write_bytes(whole[:20] + b"\6\0" + whole[22:])
    for place, columns in ((1, "x,z"), (2, "x")):
        (folder / "moves" / "up").mkdir(parents=True, exist_ok=True)
        (folder / "moves" / "up" / f"{place}.csv").write_text(f"{columns}\n" + ",".join("1" * len(columns.split(","))) + "\n")
    (folder / "texts.csv").write_text("text,label\nwell done,good\nbadly done,bad\n", encoding="utf-8")
    return folder


SOUND = ("low_a_1.wav", "low_a_2.wav", "high_a_1.wav", "high_a_2.wav", "--pattern", "{label}_{}")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        pytest.param(["classify", "word.csv", "--sequence", "sequence"], ["word.csv, line 3", "'oops'", "'x'"], id="a word"),
        pytest.param(["classify", "twice.csv"], ["twice.csv, line 3", "line 2"], id="a step twice"),
        pytest.param(["classify", "labels.csv"], ["labels.csv, line 3", "'v'", "'u'"], id="two labels in a sequence"),
        pytest.param(["classify", "one.csv"], ["one.csv", "'u'"], id="one label in all"),
        pytest.param(["classify", "short.csv", "--input", "numbers"], ["short.csv, line 3", "3 cells", "4 expected"], id="a short row"),
        pytest.param(["classify", "header.csv", "--step", "step"], ["header.csv"], id="a header alone"),
        pytest.param(["classify", "nothing.csv", "--input", "numbers"], ["nothing.csv"], id="an empty file"),
        pytest.param(["classify", "moves"], ["moves/up/2.csv", "'z'"], id="features that differ"),
        pytest.param(["classify", "fine.csv", "--features", "nope"], ["'nope'", "'x'"], id="no such feature"),
        pytest.param(["classify", "fine.csv", "--text", "x"], ["--text is for texts", "sequences of numbers"], id="a text's option"),
        pytest.param(["classify", "fine.csv", "--pattern", PATTERN], ["--pattern is for sound"], id="sound's option"),
        pytest.param(["classify", "texts.csv", "--missing", "-9"], ["--missing is for sequences of numbers", "texts"], id="numbers' option"),
        pytest.param(["classify", "fine.csv", "--input", "image"], ["--input image", "auto, text, numbers, sound"], id="no such input"),
        pytest.param(["classify", "fine.csv", "--arch", "gru", "--lookahead", "3"], ["lookahead", "gru"], id="one way ahead"),
        pytest.param(["classify", "fine.csv", "--lookahead", "100ms"], ["100ms", "steps"], id="a time of numbers"),
        pytest.param(["classify", "fine.csv", "--init-from", "m"], ["init_from", "begins afresh"], id="begun with a model"),
        pytest.param(["classify", "fine.csv", "--set", "hiden_size=3"], ["Did you mean 'hidden_size'?"], id="no such key"),
        pytest.param(["classify", *SOUND, "--sequence", "a"], ["--sequence is for sequences of numbers", "sound"], id="a column of sound"),
        pytest.param(["classify", *SOUND, "--lookahead", "soon"], ["soon", "100ms"], id="a span that is none"),
        pytest.param(["classify", *SOUND[:2], *SOUND[4:]], ["'low'"], id="one label of sound"),
        pytest.param(["classify", "low_a_1.wav", "--pattern", "{label"], ["{label"], id="a pattern that is none"),
        pytest.param(["classify", "low_a_cut.wav", "--pattern", PATTERN], ["low_a_cut.wav", "cut short", "ffmpeg"], id="sound cut"),
        pytest.param(["classify", "low_a_nothing.wav", "--pattern", PATTERN], ["low_a_nothing.wav", "empty"], id="sound of no bytes"),
        pytest.param(["classify", "low_a_silent.wav", "--pattern", PATTERN], ["low_a_silent.wav"], id="sound of no samples"),
        pytest.param(["classify", "low_a_text.wav", "--pattern", PATTERN], ["low_a_text.wav", "ffmpeg"], id="text called sound"),
        pytest.param(["classify", "low_a_float.wav", "--pattern", PATTERN], ["low_a_float.wav", "ffmpeg"], id="compressed sound"),
        pytest.param(["tag", *SOUND[:1]], ["low_a_1.wav holds sound", "tidegate train transcribe"], id="sound to be tagged"),
        pytest.param(["tag", "fine.csv", "--input", "sound"], ["--input sound", "auto, tokens, numbers"], id="sound asked for"),
        pytest.param(["tag", "texts.csv", "--input", "tokens", "--step", "a"], ["--step is for sequences of numbers"], id="steps of tokens"),
        pytest.param(["transcribe", "fine.csv"], ["fine.csv", "--path"], id="a table without recordings"),
        pytest.param(["transcribe", *SOUND, "--connect", "x"], ["connect", "1-7"], id="no count"),
        pytest.param(["transcribe", *SOUND, "--unit", "syllable"], ["unit", "'word'"], id="no such unit"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_on_is_one_message(words: list[str], parts: list[str], tmp_path: Path) -> None:
    bad(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = tidegate("train", *words, "--quiet", cwd=tmp_path)
    assert_users_mistake(done, *parts)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "words", "parts"),
    [
        pytest.param("walks", ["predict", "{}", "fine.csv"], ["fine.csv", "'z'"], id="a feature that is not there"),
        pytest.param("walks", ["evaluate", "{}", "fine.csv"], ["fine.csv", "'z'"], id="the same to be scored"),
        pytest.param("walks", ["predict", "{}", "low_a_1.wav"], ["low_a_1.wav is sound", "numbers: x, z"], id="sound for numbers"),
        pytest.param("walks", ["predict", "{}", "nowhere.csv"], ["nowhere.csv", "no such file"], id="no such file"),
        pytest.param("walks", ["predict", "{}", "fine.csv", "--threshold", "0.5"], ["--threshold", "--abstain-below"], id="threshold"),
        pytest.param("walks", ["predict", "{}", "fine.csv", "--beam", "3"], ["--beam", "a transcriber"], id="beam"),
        pytest.param("walks", ["predict", "{}", "fine.csv", "--format", "conllu"], ["--format conllu", "jsonl or csv"], id="conllu"),
        pytest.param("walks", ["evaluate", "{}", "fine.csv", "--plot", "a.pdf"], ["--plot a.pdf", ".svg or .png"], id="no picture"),
        pytest.param("walks", ["stream", "{}", "--lookahead", "3"], ["reads one way"], id="one way ahead"),
        pytest.param("places", ["predict", "{}", "fine.csv", "--lookahead", "100ms"], ["100ms"], id="a time of numbers"),
        pytest.param("tones", ["predict", "{}", "fine.csv"], ["fine.csv"], id="numbers for sound"),
        pytest.param("tones", ["predict", "{}", "low_a_cut.wav"], ["low_a_cut.wav", "cut short"], id="sound cut"),
        pytest.param("tones", ["predict", "{}", "low_a_silent.wav"], ["low_a_silent.wav"], id="no samples"),
        pytest.param("transcripts", ["predict", "{}", "low_a_1.wav", "--abstain-below", "0.5"], ["--abstain-below"], id="no abstaining"),
        pytest.param("transcripts", ["predict", "{}", "low_a_1.wav", "--n-best", "3"], ["3", "beam"], id="more than the beam"),
        pytest.param("transcripts", ["evaluate", "{}", "low_a_1.wav", "--plot", "a.svg"], ["--plot", "transcribes"], id="nothing to draw"),
    ],
)
def test_what_cannot_be_answered_is_one_message(
    model: str, words: list[str], parts: list[str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    bad(tmp_path)
    path = request.getfixturevalue(model)
    assert_users_mistake(
        tidegate(*(word.format(path) for word in words), "--quiet" if words[0] != "stream" else "--threads=1", cwd=tmp_path), *parts
    )


@pytest.mark.slow
def test_sequences_without_a_step_and_of_a_million(walks: Path, made: Path, tmp_path: Path) -> None:
    lengths = np.array([3, 0, 2])
    np.savez(tmp_path / "short.npz", x=np.ones((5, 2), dtype=np.float32), lengths=lengths, features=np.array(["x", "z"]))
    done = tidegate("predict", walks, tmp_path / "short.npz", "--with-input")
    first, empty, last = objects(done.stdout)
    assert empty == {"name": "short/2", "label": None, "probability": None, "probabilities": {}}
    assert (first["name"], last["name"]) == ("short/1", "short/3")
    assert first["label"] is not None is not last["label"]
    assert "1 sequence without a frame (the first: 'short/2', " in done.stderr
    rows = tidegate("predict", walks, tmp_path / "short.npz", "--format", "csv", "--quiet").stdout.splitlines()
    assert rows[2] == "short/2,,"
    assert len(rows) == 4
    labelled = {"x": np.ones((5, 2), dtype=np.float32), "features": np.array(["x", "z"])}
    np.savez(tmp_path / "rag.npz", **labelled, lengths=lengths, y=np.array(["up", "down", "down"]))
    np.savez(tmp_path / "full.npz", **labelled, lengths=lengths[[0, 2]], y=np.array(["up", "down"]))
    scored, right = (tidegate("evaluate", walks, tmp_path / name, "--format", "json") for name in ("rag.npz", "full.npz"))
    scores = json.loads(scored.stdout)
    (note,) = scores.pop("notes")
    assert note in scored.stderr
    assert "1 sequence without a frame (the first: 'rag/2', " in note
    assert scores == json.loads(right.stdout)
    np.savez(tmp_path / "none.npz", x=np.ones((0, 2)), lengths=np.array([0]), y=np.array(["up"]), features=np.array(["x", "z"]))
    assert_users_mistake(tidegate("evaluate", walks, tmp_path / "none.npz"), "nothing to score")
    np.savez(tmp_path / "long.npz", x=np.ones((10**6, 2), dtype=np.float32), lengths=np.array([10**6]), features=np.array(["x", "z"]))
    done = tidegate("predict", walks, tmp_path / "long.npz", "--quiet")
    assert done.returncode == 0, done.stderr
    assert len(objects(done.stdout)) == 1


@pytest.mark.slow
def test_live_frames_that_cannot_be_read_are_one_message(walks: Path, tones: Path) -> None:
    done = tidegate("stream", walks, given="1,2\nbroken,3\n")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "standard input, line 2: 'broken' in column 'x'" in done.stderr
    assert_users_mistake(tidegate("stream", walks, given="1,2,3\n"), "standard input, line 1", "2 were expected")
    assert tidegate("stream", walks, given="").stdout == ""
    assert tidegate("stream", tones, given=b"").returncode == 0


def test_other_commands_say_what_they_are_for(tmp_path: Path) -> None:
    bad(tmp_path)
    assert_users_mistake(tidegate("compare", "tag", "low_a_1.wav", cwd=tmp_path), "holds sound", "a tagger labels the tokens of sentences")
    assert_users_mistake(tidegate("compare", "classify", "fine.csv", "--unit", "char", cwd=tmp_path), "--unit is for texts")
    assert_users_mistake(
        tidegate("data", "check", "fine.csv", cwd=tmp_path), "fine.csv holds sequences of numbers", "classify FILE --dry-run"
    )
    assert_users_mistake(tidegate("data", "check", "low_a_1.wav", cwd=tmp_path), "holds sound", "classify FILE --dry-run")
    assert_users_mistake(tidegate("data", "check", "low_a_1.wav", "--task", "transcribe", cwd=tmp_path), "train transcribe FILE --dry-run")
    assert_users_mistake(tidegate("compare", "transcribe", "nowhere.wav", cwd=tmp_path), "nowhere.wav")


def test_labels_of_texts_and_tokens_are_drawn_too(
    toy_classifier: Path, toy_texts: Path, toy_model: Path, toy_files: Path, tmp_path: Path
) -> None:
    for model, file in ((toy_classifier, toy_texts / "test.csv"), (toy_model, toy_files / "test.conllu")):
        done = tidegate("evaluate", model, file, "--plot", tmp_path / "taken.svg")
        assert done.returncode == 0, done.stderr
        assert "Right label, and what was answered" in done.stdout
        assert ">right label</text>" in (tmp_path / "taken.svg").read_text(encoding="utf-8")
    assert_users_mistake(tidegate("predict", toy_classifier, file, "--lookahead", 3), "--lookahead", "a classifier of sequences")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["classify", "train.csv"], ["numbers: ", "out         train-bilstm"]),
        (["transcribe", "said.tsv", "--connect", "1-3", "--lookahead", "60ms"], ["sound: ", "60ms", "out         said-bilstm"]),
    ],
)
def test_dry_run_tells_the_plan_and_writes_nothing(words: list[str], parts: list[str], made: Path, tmp_path: Path) -> None:
    task, file, *options = words
    done = tidegate("train", task, made / file, *options, *SMALL, "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for part in ("arch        bilstm", "parameters ", "for 3 epochs", "Nothing was trained.", *parts):
        assert part in done.stdout, part
    assert list(tmp_path.iterdir()) == []
