"""`tidegate explain` as a person runs it: every kind of model, every form of output, and mistakes."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from tidegate.cli.explain import complete_direction, complete_gate
from tidegate.cli.main import app
from tidegate.errors import TidegateError


def tidegate(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tidegate", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "160", "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment, timeout=300, check=False)


def explained(*arguments: object, width: int = 160) -> str:
    """Runs the command in this process, which is quicker, and gives what it printed."""
    done = CliRunner().invoke(app, ["explain", *map(str, arguments)], env={"COLUMNS": str(width)})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0
    return done.stdout


def refused(*arguments: object) -> str:
    with pytest.raises(TidegateError) as caught:
        explained(*arguments)
    return str(caught.value)


def json_of(tmp_path: Path, *arguments: object) -> dict[str, Any]:
    explained(*arguments, "--out", tmp_path / "gates.json", "--quiet")
    found: dict[str, Any] = json.loads((tmp_path / "gates.json").read_text(encoding="utf-8"))
    return found


def test_a_row_for_each_word_in_the_terminal(toy_classifier: Path) -> None:
    done = tidegate("explain", toy_classifier, "we like the soup", "--threads", 1)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if re.match(r" *[1-4]  ", line)]
    assert [row[1] for row in rows] == ["we", "like", "the", "soup"]
    assert "keeps" in done.stdout
    assert "the score" in done.stdout
    assert done.stdout == tidegate("explain", toy_classifier, "we", "like", "the", "soup").stdout  # quotes may be left out
    assert "--out gates.html" not in tidegate("explain", toy_classifier, "soup", "--quiet").stdout


def test_help_version_and_the_tab_key() -> None:
    shown = tidegate("explain", "--help").stdout
    assert "--out gates.html" in shown
    assert "--survey" in shown
    assert tidegate("explain", "--version").stdout.startswith("tidegate 0.")
    assert complete_direction("b") == ["backward"]
    assert complete_gate("") == ["z", "f", "s", "r", "i", "o", "n", "g", "h"]
    assert complete_gate("r") == ["r"]


def test_every_form_of_output(toy_model: Path, tmp_path: Path) -> None:
    content = json_of(tmp_path, toy_model, "Teddy bears sleep")
    assert content["panels"][0]["units"] == ["Teddy", "bears", "sleep"]
    assert "values" in content["panels"][0]["layers"][0]["gates"]["h"]
    explained(toy_model, "Teddy bears sleep", "--out", tmp_path / "gates.svg")
    assert any(element.text == "bears" for element in ElementTree.parse(tmp_path / "gates.svg").iter())
    assert "gates.html (" in explained(toy_model, "Teddy bears sleep", "--out", tmp_path / "gates.html")
    assert '"units":["Teddy","bears","sleep"]' in (tmp_path / "gates.html").read_text(encoding="utf-8")


def test_a_page_is_opened_in_the_browser(toy_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: bool(asked.append(address)) or True)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    explained(toy_model, "Teddy sleeps", "--open")
    assert asked[0].startswith("file:")
    assert list(tmp_path.glob("tidegate-*/gates.html"))


def test_equations_of_a_unit_and_a_step(toy_model: Path, tmp_path: Path) -> None:
    shown = explained(toy_model, "Teddy bears sleep", "--step", 2, "--unit", 3, "--layer", 1, "--direction", "forward")
    assert "layer 1 →, unit 3, step 2 (bears):" in shown
    assert re.search(r"h' = .* = −?\d\.\d{3}", shown)
    content = json_of(tmp_path, toy_model, "Teddy bears sleep", "--step", 2, "--unit", 3)
    assert {(one["step"], one["unit"]) for one in content["equations"]} == {(1, 2)}
    assert content["shown"] == {"panel": 0, "layer": 0, "step": 1, "unit": 2}
    (one,) = json_of(tmp_path, toy_model, "Teddy bears", "--step", 1, "--direction", "forward")["equations"]
    assert one["step"] == 0  # of the unit that moves most there


def test_a_record_of_a_file(toy_classifier: Path, toy_texts: Path, tmp_path: Path) -> None:
    with (toy_texts / "test.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    assert json_of(tmp_path, toy_classifier, "--file", toy_texts / "test.csv", "--record", 3)["source"] == texts[2]
    assert json_of(tmp_path, toy_classifier, "--file", toy_texts / "test.csv")["source"] == texts[0]
    assert "--record 999: " in refused(toy_classifier, "--file", toy_texts / "test.csv", "--record", 999)


def test_the_answer_at_a_word(toy_model: Path, tmp_path: Path) -> None:
    by_word = json_of(tmp_path, toy_model, "Teddy bears sleep", "--at", "bears")
    assert by_word == json_of(tmp_path, toy_model, "Teddy bears sleep", "--at", 2)
    assert by_word["influence"]["at"] == 1
    assert "no such word" in refused(toy_model, "Teddy bears sleep", "--at", "bear")
    assert "2 times. Give its number: 1, 2" in refused(toy_model, "bears bears sleep", "--at", "bears")
    # As people count, and not as the library does.
    assert refused(toy_model, "Teddy bears sleep", "--at", 4) == "--at 4: the input has 3 words, a whole number from 1 to 3 was expected."


def test_a_text_longer_than_any_files_name(toy_classifier: Path) -> None:
    shown = explained(toy_classifier, "soup " * 1000)
    assert "of 1,000" in shown or "first" in shown
    assert max(map(len, shown.splitlines())) <= 160


@pytest.mark.slow
def test_models_of_other_tasks(
    toy_translator: Path, toy_forecaster: Path, toy_filler: Path, toy_mover: Path, toy_transcriber: Path, toy_tones: Path, toy_series: Path,
    toy_moves: Path, toy_sounds: Path, tmp_path: Path,
) -> None:  # fmt: skip
    word = (toy_sounds / "test.dict").read_text(encoding="utf-8").split()[0]
    translation = json_of(tmp_path, toy_translator, word)
    assert translation["task"] == "translate"
    assert len(translation["panels"]) == 2
    assert "read from" in explained(toy_translator, word) or translation["attention"] is None
    for model, folder, pattern, more in (
        (toy_forecaster, toy_series, "*.csv", ("--series", "north")),
        (toy_filler, toy_series, "*.csv", ("--series", "north")),
        (toy_mover, toy_moves, "*.csv", ()),
        (toy_transcriber, toy_tones, "*_3.wav", ()),
    ):
        file = sorted(folder.glob(pattern))[0]
        assert "layer 1" in explained(model, "--file", file, *more)
        for suffix in ("html", "svg"):
            explained(model, "--file", file, *more, "--out", tmp_path / f"{model.parent.name}.{suffix}", "--quiet")
    explained(toy_translator, word, "--out", tmp_path / "translator.html")
    assert "(north, south)" in refused(toy_forecaster, "--file", sorted(toy_series.glob("*.csv"))[0])


def test_a_survey_over_files(toy_model: Path, toy_files: Path, toy_classifier: Path, toy_texts: Path, tmp_path: Path) -> None:
    shown = explained(toy_model, "--survey", toy_files / "test.conllu")
    assert "80 sequences" in shown
    assert "that close it most" in shown
    assert "Memory: half of the units" in shown
    survey = json_of(tmp_path, toy_classifier, "--survey", toy_texts / "dev.csv", toy_texts / "test.csv", "--min-count", 2, "--layer", 1)
    assert survey["sequences"] == 140
    assert survey["min_count"] == 2
    explained(toy_classifier, "--survey", toy_texts / "test.csv", "--out", tmp_path / "survey.html")
    assert "words that open it most" in (tmp_path / "survey.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [40, 69, 70, 99, 100])
def test_a_survey_has_every_number_and_word_at_every_width(toy_classifier: Path, toy_texts: Path, tmp_path: Path, width: int) -> None:
    shown = explained(toy_classifier, "--survey", toy_texts / "test.csv", width=width)
    assert max(map(len, shown.splitlines())) <= width
    assert "…" not in shown
    survey = json_of(tmp_path, toy_classifier, "--survey", toy_texts / "test.csv")
    for layer in survey["panels"][0]["layers"]:
        for name, gate in layer["gates"].items():
            assert re.search(rf"^{name} {gate['role']} +{gate['mean']:.2f} +{gate['closed']:.0%} +{gate['open']:.0%} ", shown, re.MULTILINE)
            assert f"{gate['opens'][0]['name']} {gate['opens'][0]['mean']:.2f}" in " ".join(shown.split())


@pytest.mark.slow
def test_a_survey_over_pairs_and_series(
    toy_translator: Path, toy_sounds: Path, toy_forecaster: Path, toy_filler: Path, toy_series: Path, tmp_path: Path
) -> None:
    shown = explained(toy_translator, "--survey", toy_sounds / "dev.dict")
    assert re.search(r"40 pairs: source \d+ characters, target \d+ tokens", shown)
    assert "target: layer 1 →" in shown
    assert "tokens that open it most" in shown
    assert "target: layer 1 →" not in explained(toy_translator, "--survey", toy_sounds / "dev.dict", "--direction", "backward")
    for model, name, group in ((toy_forecaster, "window", "steps back"), (toy_filler, "part", "pressure: ")):
        survey = json_of(tmp_path, model, "--survey", toy_series / "pumps.csv")
        assert survey["sequence_name"] == name
        (first, *_) = survey["panels"]
        gates = [gate for layer in first["layers"] for gate in layer["gates"].values()]
        assert any(group in told for gate in gates for side in ("opens", "closes") for names in gate["units"][side] for told in names)
        explained(model, "--survey", toy_series / "pumps.csv", "--out", tmp_path / "survey.html")
        assert "hour 12" in (tmp_path / "survey.html").read_text(encoding="utf-8")
    told = refused(toy_translator, "--survey", toy_series / "pumps.csv")
    assert "Two were expected, source and target" in told
    assert "--source" not in told  # which explain does not have
    assert "there is no column 'pump' here" in refused(toy_filler, "--survey", toy_sounds / "dev.dict")
    (tmp_path / "empty.csv").write_text("")
    for model in (toy_translator, toy_forecaster, toy_filler):
        assert "empty.csv holds no rows" in refused(model, "--survey", tmp_path / "empty.csv")


@pytest.mark.slow
def test_gradients_of_a_forecast_in_the_terminal_and_on_the_page(toy_forecaster: Path, toy_series: Path, tmp_path: Path) -> None:
    pytest.importorskip("captum")
    asked = (toy_forecaster, toy_series / "pumps.csv", "--future", toy_series / "plan.csv", "--series", "north", "--at", 3, "--gradients")
    shown = explained(*asked)
    assert re.search(r"channel +hangs on it +gradient", shown)
    assert "What the gradients deal out, in the target's unit: pressure, at 2024-04-10 02:00:00: " in " ".join(shown.split())
    influence = json_of(tmp_path, *asked)["influence"]
    assert len(influence["gradient"]) == 4
    explained(*asked, "--out", tmp_path / "gates.svg", "--quiet")
    drawn = " ".join(" ".join(ElementTree.parse(tmp_path / "gates.svg").getroot().itertext()).split())
    assert "adds so much to the number told" in drawn
    assert "; gradients " in drawn


def test_mistakes_are_told_in_one_message(toy_model: Path, toy_classifier: Path, toy_mover: Path, toy_texts: Path, tmp_path: Path) -> None:
    done = tidegate("explain", toy_model, "Teddy", "--gate", "q")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"tidegate: --gate q: this \w+ has no such gate. It has .*\n", done.stderr)
    assert "nothing to explain was given. Give a text" in refused(toy_model)
    assert "nothing to explain" in refused(toy_classifier, "")
    assert "Give --file FILE" in refused(toy_mover)
    assert "--layer 7" in refused(toy_model, "Teddy", "--layer", 7)
    assert "--step 2: the input has 1 word. " in refused(toy_model, "Teddy", "--step", 2)
    assert "--unit 0: a layer has " in refused(toy_model, "Teddy", "--unit", 0)
    assert "the name says no form" in refused(toy_model, "Teddy", "--out", tmp_path / "gates.png")
    assert "a survey is no picture" in refused(toy_model, "--survey", "x", "--out", tmp_path / "gates.svg")
    assert "--open opens a page" in refused(toy_model, "Teddy", "--open", "--out", tmp_path / "gates.json")
    assert "--step is for one input" in refused(toy_model, "--survey", "x", "--step", 1)
    assert "--min-count is for --survey" in refused(toy_model, "Teddy", "--min-count", 2)
    assert "both a text and --file" in refused(toy_model, "Teddy", "--file", "x")
    assert "--record is for --file" in refused(toy_model, "Teddy", "--record", 2)
    assert not list(tmp_path.iterdir())
    (tmp_path / "empty.txt").write_text("")
    assert "is empty" in refused(toy_classifier, "--file", tmp_path / "empty.txt")


def test_the_weights_of_attention_pooling_are_shown_everywhere(toy_classifier: Path, tmp_path: Path) -> None:
    assert "Attention read about as much from every word: 0.25." in explained(toy_classifier, "we like the soup")
    weights = json_of(tmp_path, toy_classifier, "we like the soup")["attention"]["weights"]
    assert [sum(row) for row in weights] == [pytest.approx(1, abs=1e-3)]
    explained(toy_classifier, "we like the soup", "--out", tmp_path / "gates.svg")
    assert "Attention" in (tmp_path / "gates.svg").read_text(encoding="utf-8")
