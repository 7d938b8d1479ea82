"""The commands over pairs, run as a person would."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import SMALL_TRANSLATOR, sounds_of
from tidegate.data.pairs import read_pairs
from tidegate.runtime import TranslateModel, load
from timing import assert_answers_each_line

from .test_commands import ENVIRONMENT, assert_users_mistake, tidegate
from .test_generate_commands import on_terminal

FAST = [word for key, value in SMALL_TRANSLATOR.items() for word in ("--set", f"{key}={value}")] + ["--threads", "1"]
WORDS = ["shade", "bike", "", "had"]


def model_at(path: Path) -> TranslateModel:
    model = load(path)
    assert isinstance(model, TranslateModel)
    return model


def answers_of(done: subprocess.CompletedProcess[Any]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def plain_translator(train_sounds: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory: a gru without attention."""
    path: Path = train_sounds(tmp_path_factory.mktemp("plain") / "plain", arch="gru", attention="none", max_epochs=1).path
    return path


def test_help_names_every_option_and_says_what_it_is_for() -> None:
    shown = tidegate("train", "translate", "--help").stdout
    for option in (
        "--dev --test --source --target --source-unit --target-unit --attention --simultaneous --arch --out --init-from --recipe --preset "
        "--time-budget --max-epochs --seed --set --resume --overwrite --dry-run --threads --quiet --version --help"
    ).split():
        assert f"{option} " in shown, option
    for part in (
        "translation, spelling to sound, lemmas, transliteration, normalising dates",
        "cmudict.dict",
        "additive|multiplicative|none",
    ):
        assert part in " ".join(shown.split()), part
    predicts = tidegate("predict", "--help").stdout
    for option in "--beam --n-best --length-penalty --coverage-penalty --wait-k --with-attention --source".split():
        assert f"{option} " in predicts, option
    assert "--wait-k 1,3,5,full" in tidegate("evaluate", "--help").stdout
    assert "pairs.tsv" in tidegate("logprob", "--help").stdout
    assert "translate" in tidegate("train", "--help").stdout


@pytest.mark.slow
def test_dry_run_tells_the_plan_and_writes_nothing(toy_sounds: Path, tmp_path: Path) -> None:
    done = tidegate("train", "translate", toy_sounds / "train.dict", "--dry-run", "--set", "stress=drop", *FAST, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for part in (
        "arch        bilstm",
        "source      char, 8 different ones",
        "target      token, 9 different ones",
        "5 % of the sources, drawn by seed 1",
        "for 8 epochs",
        "out         train-bilstm",
        "Nothing was trained.",
    ):
        assert part in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("arch", "options"), [("bilstm", ()), ("gru", ("--simultaneous",))])
def test_train_and_everything_that_is_proposed_after_it(arch: str, options: tuple[str, ...], toy_sounds: Path, tmp_path: Path) -> None:
    rows = {
        name: [line.split(" ", 1) for line in (toy_sounds / f"{name}.dict").read_text("utf-8").splitlines()] for name in ("train", "test")
    }
    with (tmp_path / "the pairs.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["number", "spelt", "spoken"], *([number, *row] for number, row in enumerate(rows["train"]))])
    (tmp_path / "test.tsv").write_text("".join("\t".join(row) + "\n" for row in [["spelt", "spoken"], *rows["test"]]), encoding="utf-8")
    words = (
        "train",
        "translate",
        "the pairs.csv",
        "--source",
        "spelt",
        "--target",
        "spoken",
        "--test",
        "test.tsv",
        "--arch",
        arch,
        *options,
        *FAST,
    )
    done = tidegate(*words, cwd=tmp_path, fresh=not options)
    assert done.returncode == 0, done.stderr
    assert "the source is read as characters, the target written as tokens" in done.stderr
    assert "epoch  8/8" in done.stderr
    assert "A source of the development data translated:" in done.stdout
    said = [line.removeprefix("  | ") for line in done.stdout.splitlines() if line.startswith("  | ")]
    model = tmp_path / f"the pairs-{arch}"
    assert said == [said[0], model_at(model).predict(said[:1])[0]]
    for score in ("exact_match", "per", "wer"):
        assert re.search(rf"test .* {score} ", done.stdout)
    commands = done.stdout.partition("Next:\n")[2].splitlines()
    assert len(commands) == 3
    assert ("--wait-k 1,3,5,full" in commands[0]) == bool(options)
    for command in commands:
        runnable = command.strip().replace("tidegate ", f"{sys.executable} -m tidegate ", 1)
        if "| tidegate" in command:
            runnable = command.strip().replace("| tidegate ", f"| {sys.executable} -m tidegate ", 1)
        if command.strip().startswith("python"):
            runnable = command.strip().replace("python -c", f"{sys.executable} -c", 1)
        ran = subprocess.run(runnable, shell=True, cwd=tmp_path, capture_output=True, timeout=300, check=False, env=ENVIRONMENT)
        assert ran.returncode == 0, (command, ran.stderr)
        assert ran.stdout
    scores = json.loads(tidegate("evaluate", model, "test.tsv", "--format", "json", cwd=tmp_path).stdout)
    assert scores == json.loads((model / "metrics.json").read_text())["test"]
    assert_users_mistake(tidegate(*words, cwd=tmp_path), "exists already (a directory)")


def test_sources_come_from_files_and_from_a_pipe(toy_translator: Path, tmp_path: Path) -> None:
    given = "".join(f"{word}\n" for word in WORDS)
    answers = answers_of(tidegate("predict", toy_translator, given=given))
    expected = [json.loads(json.dumps(answer.to_json())) for answer in model_at(toy_translator).translate(WORDS)]
    assert [answer["target"] for answer in answers] == [answer["target"] for answer in expected]
    assert [answer["target"] for answer in answers[:2]] == [sounds_of(word) for word in WORDS[:2]]
    assert answers[2] == {"target": "", "score": 0.0, "n_best": []}
    for answer, other in zip(answers, expected, strict=True):
        assert answer["score"] == pytest.approx(other["score"], abs=1e-5)
    (tmp_path / "words.txt").write_text(given, encoding="utf-8")
    done = tidegate("predict", toy_translator, "words.txt", "-", given="bad\n", cwd=tmp_path)
    assert [answer["target"] for answer in answers_of(done)] == [*(answer["target"] for answer in answers), sounds_of("bad")]
    assert answers_of(tidegate("predict", toy_translator, given="")) == []
    with_input = answers_of(tidegate("predict", toy_translator, "--with-input", "--n-best", 2, given="bike\n"))[0]
    assert (list(with_input), with_input["source"]) == (["source", "target", "score", "n_best"], "bike")
    assert len(with_input["n_best"]) == 2
    assert with_input["n_best"][0].items() >= {"target": with_input["target"], "score": with_input["score"]}.items()
    assert with_input["n_best"][0]["score"] > with_input["n_best"][1]["score"]


def test_the_search_is_as_asked(toy_translator: Path) -> None:
    model = model_at(toy_translator)
    options = {"beam": 4, "n_best": 4, "length_penalty": 0.0, "coverage_penalty": 0.3}
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    (answer,) = answers_of(tidegate("predict", toy_translator, *words, given="shishi\n"))
    (expected,) = model.translate(["shishi"], **options)  # type: ignore[arg-type]
    assert [found["target"] for found in answer["n_best"]] == [found.target for found in expected.hypotheses]
    assert [found["score"] for found in answer["n_best"]] == pytest.approx([found.score for found in expected.hypotheses], abs=1e-5)
    assert any(found["score"] != pytest.approx(found["logprob"], abs=1e-5) for found in answer["n_best"])


def test_tables_give_one_column(toy_translator: Path, tmp_path: Path) -> None:
    def targets(*words: object, **options: Any) -> tuple[list[str], str]:
        done = tidegate("predict", toy_translator, *words, cwd=tmp_path, **options)
        return [answer["target"] for answer in answers_of(done)], done.stderr

    (tmp_path / "pairs.tsv").write_text(f"bike\t{sounds_of('bike')}\n\nhad\tx\ty\n", encoding="utf-8")
    assert targets("pairs.tsv") == ([sounds_of("bike"), "", sounds_of("had")], "")
    assert targets("-", given="bike\twhatever\n") == ([sounds_of("bike")], "")
    (tmp_path / "named.tsv").write_text("word\tpronunciation\nbike\tx\n", encoding="utf-8")
    assert targets("named.tsv") == ([sounds_of("bike")], "named.tsv: the first row is a header; the sources are those of 'word'.\n")
    (tmp_path / "turned.tsv").write_text("lemma\tform\nx\tbike\n", encoding="utf-8")
    assert targets("turned.tsv", "--quiet") == ([sounds_of("bike")], "")
    (tmp_path / "table.csv").write_text('number,entry\n1,"had"\n2,bike\n', encoding="utf-8")
    found = targets("table.csv", "--source", "entry", "--quiet")
    assert found == ([sounds_of("had"), sounds_of("bike")], "")
    assert targets("table.csv", "--source", "2", "--quiet")[0][1:] == found[0]
    mistake = tidegate("predict", toy_translator, "table.csv", "--source", "entyr", cwd=tmp_path)
    assert_users_mistake(mistake, "table.csv, line 1: there is no column 'entyr'", "Did you mean 'entry'?")
    (tmp_path / "short.tsv").write_text("1\thad\n2\n", encoding="utf-8")
    mistake = tidegate("predict", toy_translator, "short.tsv", "--source", 2, "--output", "out.jsonl", cwd=tmp_path)
    assert_users_mistake(mistake, "short.tsv, line 2: 1 columns; the sources were expected in column 2")
    assert not (tmp_path / "out.jsonl").exists()


def test_text_and_csv(toy_translator: Path, tmp_path: Path) -> None:
    bike, had = sounds_of("bike"), sounds_of("had")
    given = "bike\n\nhad\n"
    assert tidegate("predict", toy_translator, "--format", "text", given=given).stdout == f"{bike}\n\n{had}\n"
    assert tidegate("predict", toy_translator, "--format", "text", "--with-input", given=given).stdout == f"bike\t{bike}\n\t\nhad\t{had}\n"
    (tmp_path / "words.txt").write_text(given, encoding="utf-8")
    code, shown = on_terminal("predict", toy_translator, tmp_path / "words.txt")
    assert (code, shown) == (0, f"{bike}\n\n{had}\n")
    blocks = tidegate("predict", toy_translator, "--format", "text", "--n-best", 2, given="bike\nhad\n").stdout.split("\n\n")
    assert [re.sub(r"-?\d+\.\d{4}$", "", block.partition("\n")[0]) for block in blocks] == [f"{bike}\t", f"{had}\t"]
    assert [len(block.splitlines()) for block in blocks] == [2, 2]
    done = tidegate("predict", toy_translator, "words.txt", "--n-best", 2, "--with-input", "--output", "out.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text(encoding="utf-8"))))
    assert list(rows[0]) == ["sequence", "rank", "source", "target", "score", "logprob"]
    assert [(row["sequence"], row["rank"], row["source"]) for row in rows] == [
        ("0", "1", "bike"), ("0", "2", "bike"), ("1", "1", ""), ("2", "1", "had"), ("2", "2", "had"),
    ]  # fmt: skip
    assert [rows[place]["target"] for place in (0, 2, 3)] == [bike, "", had]


def test_attention_is_told_as_weights_and_as_the_units_read(toy_translator: Path, plain_translator: Path) -> None:
    attention = answers_of(tidegate("predict", toy_translator, "--with-attention", given="bike\n"))[0]["attention"]
    assert attention["source"] == [*"bike", "</s>"]
    assert attention["target"] == [*sounds_of("bike").split(), "</s>"]
    assert np.array(attention["weights"]).sum(axis=1) == pytest.approx(1, abs=1e-4)
    shown = tidegate("predict", toy_translator, "--with-attention", "--format", "text", given="bike\n\n").stdout.splitlines()
    assert shown[0] == sounds_of("bike")
    assert shown[6:] == ["", ""]
    for line, unit, weights in zip(shown[1:6], attention["target"], attention["weights"], strict=True):
        first = attention["source"][int(np.argmax(weights))]
        assert line.split()[:3] == [unit, first, f"{max(weights):.2f}"]
    mistake = tidegate("predict", plain_translator, "--with-attention", given="bike\n")
    assert_users_mistake(mistake, "trained with attention = none and has no weights to show")
    mistake = tidegate("predict", toy_translator, "--with-attention", "--format", "csv", given="bike\n")
    assert_users_mistake(mistake, "--with-attention has no room in csv")


def test_what_the_model_never_met_is_noted_with_its_line(toy_translator: Path) -> None:
    given = f"bike\nbïke\n{'bad' * 30}\n"
    done = tidegate("predict", toy_translator, given=given)
    assert len(answers_of(done)) == 3
    unknown, long = done.stderr.splitlines()
    assert unknown.startswith("standard input, line 2: ")
    assert "'ï'" in unknown
    longest = model_at(toy_translator).config["lengths"]["longest_source"]
    assert long == f"standard input, line 3: the source has 90 units; the longest that training saw has {longest}."
    assert tidegate("predict", toy_translator, "--quiet", given=given).stderr == ""
    many = tidegate("predict", toy_translator, given="x\n" * 25).stderr.splitlines()
    assert len(many) == 11
    assert many[-1] == "15 more such notes were left out."


def test_a_pipe_is_answered_line_by_line(toy_translator: Path) -> None:
    words = ["bike", "had", "shade", "bad"]

    def check(number: int, answer: str) -> None:
        assert json.loads(answer)["source"] == words[number % 4]

    command = [sys.executable, "-m", "tidegate", "predict", str(toy_translator), "--with-input"]
    assert_answers_each_line(command, lambda number: words[number % 4], check)


def test_answers_that_come_while_the_source_does(toy_interpreter: Path, toy_translator: Path, toy_sounds: Path) -> None:
    model = model_at(toy_interpreter)
    words = ["shade", "bike", "shishi"]
    for wait in (1, 3):
        done = tidegate("predict", toy_interpreter, "--wait-k", wait, given="".join(f"{word}\n" for word in words))
        assert [answer["target"] for answer in answers_of(done)] == model.predict(words, wait_k=wait)
    test = toy_sounds / "test.dict"
    scores = json.loads(tidegate("evaluate", toy_interpreter, test, "--wait-k", "1,3,inf", "--format", "json").stdout)["wait_k"]
    assert [row["k"] for row in scores] == [1, 3, "full"]
    assert scores[0]["per"] > scores[1]["per"] + 0.05  # one letter does not tell "s" from "sh"
    greedy = json.loads(tidegate("evaluate", toy_interpreter, test, "--beam", 1, "--format", "json").stdout)
    assert scores[2] == {"k": "full", **greedy}
    shown = tidegate("evaluate", toy_interpreter, test, "--wait-k", "1,3,full").stdout
    for row in scores:
        assert re.search(rf" {row['k']} .* {row['per']:.4f} ", shown)
    for asked in ("0", "1,,3", "fast"):
        mistake = tidegate("evaluate", toy_interpreter, test, "--wait-k", asked)
        assert_users_mistake(mistake, f"--wait-k {asked}: ", "for instance 1,3,5,full")
    assert_users_mistake(tidegate("evaluate", toy_interpreter, test, "--wait-k", "1", "--beam", 2), "--beam does not go with --wait-k")
    assert_users_mistake(tidegate("predict", toy_interpreter, "--wait-k", 2, "--beam", 2, given="a\n"), "beam is 2 with wait_k 2")
    for words_ in (("predict", toy_translator, "--wait-k", 2), ("evaluate", toy_translator, test, "--wait-k", 2)):
        assert_users_mistake(tidegate(*words_, given="a\n"), "reads a whole source before it answers", "--simultaneous")


def test_evaluate_scores_the_pairs_and_shows_them_by_length(toy_translator: Path, toy_sounds: Path) -> None:
    scores = json.loads(tidegate("evaluate", toy_translator, toy_sounds / "test.dict", "--format", "json").stdout)
    assert scores == json.loads((toy_translator / "metrics.json").read_text())["test"]
    assert scores["n"] == 60
    assert scores["exact_match"] > 0.8
    shown = tidegate("evaluate", toy_translator, toy_sounds / "test.dict").stdout
    assert "60 sources" in shown
    for name in ("exact_match", "per", "wer", "nats", "perplexity"):
        assert re.search(rf" {name} .* {scores[name]:.4f} ", shown)
    for row in scores["by_length"]:
        assert re.search(rf" {row['source_units']} .* {row['n']} .* {row['per']:.4f} ", shown)
    greedy = json.loads(tidegate("evaluate", toy_translator, toy_sounds / "test.dict", "--beam", 1, "--format", "json").stdout)
    assert greedy == model_at(toy_translator).evaluate(read_pairs([str(toy_sounds / "test.dict")]).entries, beam=1)


def test_logprob_scores_pairs(toy_translator: Path, tmp_path: Path) -> None:
    model = model_at(toy_translator)
    pairs = [("bike", sounds_of("bike")), ("bike", sounds_of("had")), ("", ""), ("bike", "B QQ")]
    (tmp_path / "pairs.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in pairs), encoding="utf-8")
    scores = answers_of(tidegate("logprob", toy_translator, tmp_path / "pairs.tsv", "--with-input"))
    for score, pair, expected in zip(scores, pairs, model.logprob(pairs), strict=True):
        assert score == {"source": pair[0], "target": pair[1], **expected.to_json(), "logprob": pytest.approx(expected.logprob, abs=1e-4)}
    assert scores[0]["logprob"] > scores[1]["logprob"]
    assert (scores[0]["n"], scores[3]["n_unknown"]) == (5, 1)
    (best,) = model.translate(["bike"])[0].hypotheses
    assert scores[0]["logprob"] == pytest.approx(best.logprob, abs=1e-4)
    for line, found in (("bike", "no tab"), ("bike\ta\tb", "2 tabs")):
        assert_users_mistake(tidegate("logprob", toy_translator, given=f"{line}\n"), f"standard input, line 1: {found}", "one tab")


TRANSLATORS_MISTAKES: list[tuple[list[str], list[str]]] = [
    (["--beam", "0"], ["beam is 0"]),
    (["--beam", "1000"], ["beam is 1000", "the units that this model chooses among"]),
    (["--n-best", "9", "--beam", "3"], ["n_best is 9", "the width of the beam"]),
    (["--length-penalty", "-1"], ["length_penalty is -1"]),
    (["--coverage-penalty", "nan"], ["coverage_penalty is nan"]),
    (["--temperature", "1"], ["--temperature is for a language model that writes text, and this model translates.", "--beam", "--wait-k"]),
    (["--threshold", "0.5"], ["--threshold is for a classifier, and this model translates."]),
    (["--prompt", "a"], ["--prompt is for a language model, and this model translates."]),
    (["--input", "text"], ["--input is for a tagger or a classifier, and this model translates."]),
    (["--format", "conllu"], ["--format conllu is for a tagger, and this model translates. Use text or jsonl or csv."]),
    (["no.txt"], ["no.txt: no such file"]),
]


@pytest.mark.parametrize(("options", "parts"), TRANSLATORS_MISTAKES, ids=[" ".join(entry[0]) for entry in TRANSLATORS_MISTAKES])
def test_a_mistake_with_a_translator_is_one_message(toy_translator: Path, options: list[str], parts: list[str]) -> None:
    assert_users_mistake(tidegate("predict", toy_translator, *options, given="bike\n"), *parts)


def test_what_is_for_translators_is_refused_of_others(toy_model: Path, toy_translator: Path, toy_files: Path, toy_sounds: Path) -> None:
    for options in (("--beam", 2), ("--wait-k", 1), ("--with-attention",), ("--length-penalty", 1), ("--source", 1)):
        mistake = tidegate("predict", toy_model, *options, given="a\n")
        whom = "a translator or a transcriber" if options[0] == "--beam" else "a translator"
        assert_users_mistake(mistake, f"{options[0]} is for {whom}, and this model tags tokens. What fits it: --abstain-below,")
    mistake = tidegate("predict", toy_model, "--n-best", 2, given="a\n")
    assert_users_mistake(mistake, "--n-best is for a two-way language model, a translator or a transcriber, and this model tags tokens.")
    mistake = tidegate("evaluate", toy_model, toy_files / "test.conllu", "--wait-k", "1")
    assert_users_mistake(
        mistake, "--wait-k is for a translator, and this model tags tokens. What fits it: --label, --plot, --batch-tokens."
    )
    mistake = tidegate("evaluate", toy_translator, toy_sounds / "test.dict", "--label", "upos")
    assert_users_mistake(
        mistake, "--label is for a tagger or a classifier, and this model translates. What fits it: --source, --target, --beam"
    )


@pytest.mark.parametrize("words", [("predict", "FILE", "--with-attention"), ("logprob", "FILE"), ("evaluate", "FILE")])
def test_no_torch_is_needed(words: tuple[str, ...], toy_translator: Path, tmp_path: Path) -> None:
    (tmp_path / "FILE").write_text(f"bike\t{sounds_of('bike')}\n", encoding="utf-8")
    arguments = ["tidegate", words[0], str(toy_translator), *words[1:]]
    code = f"import sys; sys.modules['torch'] = None; sys.argv = {arguments!r}; from tidegate.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


PAIRS = "".join(f"source {n}\ttarget {n}\n" for n in range(40)).encode()
BAD_PAIRS: list[tuple[str, bytes, list[str], list[str]]] = [
    ("empty.tsv", b"", [], ["empty.tsv holds no pairs"]),
    ("one.tsv", b"abc\ndef\n", [], ["one.tsv, line 1: one column", "a tab between"]),
    ("one.csv", b"abc\ndef\n", [], ["one.csv, line 1: one column", "a comma between"]),
    ("three.tsv", b"a\tb\tc\n", [], ["three.tsv, line 1: 3 columns", "--source 1 --target 2"]),
    ("named.tsv", b"a\tb\tc\n", ["--source", "d"], ["named.tsv, line 1: there is no column 'd'", "1 'a', 2 'b', 3 'c'"]),
    ("target.tsv", PAIRS + b"a\t\n", [], ["target.tsv, line 41: the target is empty"]),
    ("source.tsv", PAIRS + b" \tb\n", [], ["source.tsv, line 41: the source is empty"]),
    ("silent.dict", b"cat K AE1 T\nhat\n", [], ["silent.dict, line 2", "hat"]),
    ("latin.tsv", b"caf\xe9\tcoffee\n", [], ["latin.tsv, line 1", "UTF-8", "iconv"]),
    ("few.tsv", b"a\tb\n", [], ["1 distinct sources are too few"]),
    ("arch.tsv", PAIRS, ["--arch", "bilst"], ["Did you mean 'bilstm'?"]),
    ("unit.tsv", PAIRS, ["--source-unit", "letter"], ["source_unit = 'letter' does not fit"]),
    ("attention.tsv", PAIRS, ["--attention", "dot"], ["attention = 'dot' does not fit", "'multiplicative'"]),
    ("both.tsv", PAIRS, ["--simultaneous"], ["simultaneous = True does not fit", "arch lstm"]),
    ("blind.tsv", PAIRS, ["--simultaneous", "--arch", "gru", "--attention", "none"], ["simultaneous = True does not fit", "attention additive"]),
    ("key.tsv", PAIRS, ["--set", "beem=3"], ["unknown key 'beem'", "Did you mean 'beam'?"]),
    ("dev.tsv", PAIRS, ["--dev", "nowhere.tsv"], ["nowhere.tsv", "no such file"]),
    ("long.tsv", PAIRS, ["--set", "max_units=3"], ["every pair to train on has a side of more than 3 units", "max_units"]),
    ("rare.tsv", PAIRS, ["--set", "min_count=10000"], ["none of the characters of the sources would be known", "min_count"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "options", "parts"), BAD_PAIRS, ids=[entry[0] for entry in BAD_PAIRS])
def test_bad_training_pairs_are_one_message_and_leave_nothing(
    name: str, content: bytes, options: list[str], parts: list[str], tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    done = tidegate("train", "translate", name, "--out", "model", *options, cwd=tmp_path)
    assert_users_mistake(done, *parts)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_does_not_know_pairs_says_so(toy_sounds: Path, tmp_path: Path) -> None:
    mistake = tidegate("compare", "tagg", "x.conllu")
    assert (mistake.returncode, "Did you mean 'tag'" in mistake.stderr) == (2, True)
    (tmp_path / "pairs.tsv").write_bytes(PAIRS)
    for words in (("pairs.tsv",), ("pairs.tsv", "--task", "translate"), (toy_sounds / "train.dict",)):
        mistake = tidegate("data", "check", *words, cwd=tmp_path)
        assert_users_mistake(mistake, "not checked here: tidegate train translate FILE --dry-run")
    assert "translate" not in tidegate("data", "check", "no.tsv", cwd=tmp_path).stderr


@pytest.mark.parametrize("other", ["toy_model", "toy_classifier"])
def test_a_run_begins_with_models_of_its_own_task_alone(
    other: str, toy_translator: Path, toy_sounds: Path, toy_files: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    directory = request.getfixturevalue(other)
    done = tidegate("train", "translate", toy_sounds / "train.dict", "--init-from", directory, "--out", tmp_path / "m")
    assert_users_mistake(done, f"init_from: the model {directory} is of the task {load(directory).config['task']}")
    done = tidegate("train", "tag", toy_files / "train.conllu", "--init-from", toy_translator, "--out", tmp_path / "m")
    assert_users_mistake(done, "is of the task translate; a run of tag can begin with a model of generate or of tag")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_run_begins_with_a_translator_and_is_that_very_one_before_it_learns(
    toy_translator: Path, toy_sounds: Path, tmp_path: Path
) -> None:
    train = ("train", "translate", toy_sounds / "train.dict", "--dev", toy_sounds / "dev.dict", "--init-from", toy_translator)
    done = tidegate(*train, "--out", "m", "--max-epochs", 1, "--threads", 1, "--set", "learning_rate=1e-9", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"begun with {toy_translator}: its units and " in done.stderr
    model, before = model_at(tmp_path / "m"), model_at(toy_translator)
    assert model.config["network"] == before.config["network"]
    words = [entry.source for entry in read_pairs([str(toy_sounds / "test.dict")]).entries]
    assert model.predict(words) == before.predict(words)
    mistake = tidegate(*train, "--out", "other", "--attention", "none", cwd=tmp_path)
    assert_users_mistake(mistake, "attention = additive, but none is asked for", "Leave attention out")
