"""Gates over a whole data set: true to gates computed one sequence at a time, and what opens them is what must."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidegate
from frame_models import FrameModelMaker
from language_models import LanguageModel
from tidegate.artefact import StoredModel, read_model
from tidegate.data.pairs import read_pairs
from tidegate.data.reading import read_labelled
from tidegate.data.units import CharacterUnits
from tidegate.errors import DataError, RecipeError
from tidegate.explanation.dataset import gate_survey
from tidegate.explanation.trace import LayerTrace, layer_traces
from tidegate.runtime import GenerateModel, TagModel, TranscribeModel, TranslateModel, load
from tidegate.runtime.layers import stacks_observed
from translate_models import TranslateTwin


def traces_of(work: Any) -> list[LayerTrace]:
    found: list[LayerTrace] = []

    def observe(stack: Any, reading: Any, states: Any) -> None:
        if not stack.name.startswith("character_encoder"):
            found.extend(layer_traces(stack.name, stack, reading, states))

    with stacks_observed(observe):
        work()
    return found


def sentences(path: Path) -> list[list[str]]:
    lines = path.read_text(encoding="utf-8").split("\n\n")
    return [[row.split("\t")[1] for row in block.splitlines()] for block in lines if block.strip()]


def test_a_tagger_is_surveyed_as_its_sentences_are_one_by_one(toy_model: Path, toy_files: Path) -> None:
    model = load(toy_model)
    assert isinstance(model, TagModel)
    texts = sentences(toy_files / "dev.conllu")
    survey = gate_survey(model, texts, min_count=3)
    values: dict[tuple[str, str], list[Any]] = defaultdict(list)
    words: list[str] = []
    states: dict[str, list[Any]] = defaultdict(list)
    for text in texts:
        for trace in traces_of(lambda text=text: model.predict([text])):
            states[trace.direction].append(trace.states)
            for name, gate in trace.gates.items():
                values[trace.direction, name].append(gate)
        words += text
    (panel,) = survey.panels
    assert (survey.sequences, panel.steps, panel.unit_name) == (len(texts), len(words), "word")
    assert [(layer.number, layer.direction) for layer in survey.layers] == [(0, "forward"), (0, "backward")]
    each = np.array(words)
    for layer in survey.layers:
        assert [gate.name for gate in layer.gates] == ["i", "f", "o"]
        own = np.concatenate(states[layer.direction])
        assert layer.dead == tuple(np.flatnonzero(own.std(axis=0) < 1e-3))
        for gate in layer.gates:
            expected = np.concatenate(values[layer.direction, gate.name]).astype(np.float64)
            assert gate.mean == pytest.approx(expected.mean(), abs=1e-6)
            assert gate.closed == pytest.approx((expected < 0.1).mean(), abs=1e-4)
            assert gate.open == pytest.approx((expected > 0.9).mean(), abs=1e-4)
            assert gate.counts.sum() == expected.size
            np.testing.assert_allclose(gate.unit_mean, expected.mean(axis=0), atol=1e-6)
            np.testing.assert_allclose(gate.unit_open, (expected > 0.9).mean(axis=0), atol=1e-3)
            means = {word: expected[each == word].mean() for word in set(words) if (each == word).sum() >= 3}
            most = sorted(means, key=means.__getitem__)
            assert gate.opens[0].name == most[-1]
            assert gate.closes[0].name == most[0]
            for group in (*gate.opens, *gate.closes):
                assert group.count == (each == group.name).sum() >= 3
                assert group.mean == pytest.approx(means[group.name], abs=1e-5)
            unit = {word: expected[each == word].mean(axis=0) for word in means}
            for number in range(layer.hidden_size):
                best = max(unit, key=lambda word: unit[word][number])
                assert unit[gate.unit_opens[number][0]][number] == pytest.approx(unit[best][number], abs=1e-6)
        kept = np.concatenate(values[layer.direction, "f"]).astype(np.float64)
        assert layer.memory is not None
        np.testing.assert_allclose(layer.memory, -1 / np.log(np.clip(kept, 1e-12, 1 - 1e-6)).mean(axis=0), rtol=1e-4)
        assert sum(layer.memory_counts) == layer.hidden_size
    assert json.loads(json.dumps(survey.to_json()))["panels"][0]["layers"][0]["gates"]["f"]["role"] == "keeps"


def test_records_and_what_predict_takes_come_to_the_same(toy_model: Path, toy_files: Path) -> None:
    path = toy_files / "dev.conllu"
    records = list(read_labelled(path, label=["upos"]))
    assert gate_survey(toy_model, records).to_json() == gate_survey(toy_model, sentences(path)).to_json()


def test_a_classifier_is_surveyed_by_its_words(toy_classifier: Path) -> None:
    survey = gate_survey(toy_classifier, ["the soup was cold"] * 6 + ["", "the band"], min_count=6)
    told = {group.name for layer in survey.layers for gate in layer.gates for group in gate.opens}
    assert told == {"the", "soup", "was", "cold"}
    assert survey.sequences == 8


def test_a_dead_unit_and_a_stuck_gate_are_named(toy_mover: Path, toy_moves: Path) -> None:
    stored = read_model(toy_mover)
    tensors = {name: tensor.copy() for name, tensor in stored.tensors.items()}
    hidden = 16
    prefix = "stack.layers.0.0."
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):  # unit 5: z = σ(9), n = tanh(0)
        for block in range(3):
            tensors[prefix + name][block * hidden + 5] = 0
    tensors[prefix + "bias_ih"][hidden + 5] = 9
    from tidegate.runtime import SequenceClassifyModel

    model = SequenceClassifyModel(StoredModel(stored.path, stored.config, tensors, stored.vocabulary, stored.metrics))
    survey = gate_survey(model, model.read([str(toy_moves / "test.csv")]))
    (layer,) = survey.layers
    assert 5 in layer.dead
    r, z = layer.gates
    assert 5 in r.stuck
    assert 5 in z.stuck
    assert z.unit_open[5] == 1.0
    assert layer.memory is not None
    assert layer.memory[5] == pytest.approx(-1 / np.log(1 / (1 + np.exp(-9))), rel=0.02)


def test_steps_of_numbers_are_grouped_by_the_thirds_of_each_feature(toy_mover: Path, toy_moves: Path) -> None:
    model: Any = load(toy_mover)
    records = model.read([str(toy_moves / "test.csv")])
    survey = gate_survey(model, records, min_count=1)
    z = next(gate for gate in survey.layers[0].gates if gate.name == "z")
    told = {group.name: group for group in (*z.opens, *z.closes)}
    assert told.keys() == {f"a: {level}" for level in ("low", "middle", "high")} | {
        f"b: {level}" for level in ("low", "middle", "high", "missing")
    }
    a = np.concatenate([record.values[:, 0] for record in records])
    assert told["a: low"].count == (a <= np.quantile(a, 1 / 3)).sum()
    values = np.concatenate([traces_of(lambda record=record: model.predict([record]))[0].gates["z"] for record in records])
    assert told["a: high"].mean == pytest.approx(float(values[a > np.quantile(a, 2 / 3)].mean()), abs=1e-5)


def test_steps_of_sound_are_quiet_or_loud(toy_tones: Path) -> None:
    model = TranscribeModel(FrameModelMaker("transcribe", "bilstm").stored)
    survey = gate_survey(model, [str(path) for path in sorted(toy_tones.glob("low_*.wav"))])
    assert {group.name for group in survey.layers[0].gates[0].opens} == {"quiet", "middling", "loud"}


def test_what_cannot_be_surveyed_is_refused(toy_model: Path) -> None:
    with pytest.raises(RecipeError, match="a int was given to survey its gates"):
        gate_survey(3, [])
    with pytest.raises(DataError, match=r"one str was given where a data set is expected; write \[input, …\]"):
        gate_survey(toy_model, "a text")
    with pytest.raises(DataError, match="there is nothing to survey"):
        gate_survey(toy_model, [])
    with pytest.raises(RecipeError, match="min_count is 0"):
        gate_survey(toy_model, [["a"]], min_count=0)


@pytest.mark.parametrize("breaks", [["\n"], []])
@pytest.mark.parametrize("arch", ["gru", "bilstm"])
def test_a_language_model_is_surveyed_by_its_characters(arch: str, breaks: list[str]) -> None:
    units = CharacterUnits(["", *breaks, "a", "b", "c"])
    model = GenerateModel(LanguageModel(arch, units, layers=2).stored)
    lines = ["abba", "b", "", "abc" * 30]
    survey = gate_survey(model, lines, min_count=1)
    directions = ["forward", "backward"] if arch == "bilstm" else ["forward"]
    assert [layer.direction for layer in survey.layers if layer.number == 0] == directions
    for layer in survey.layers:
        if layer.number:
            continue
        told = {group.name: group for group in layer.gates[0].opens}
        assert told.keys() == {"a", "b", "c"} | ({"↵"} if breaks else set())
        assert told["c"].count == 30
        traces = [t for line in lines for t in traces_of(lambda line=line: list(model.logprob([line])))]
        own = [t for t in traces if t.number == 0 and t.stack == layer.stack]
        gate = layer.gates[0].name
        texts = [[*line, *(["↵"] if breaks else [])] for line in lines]
        read = [text[::-1] if layer.direction == "backward" else text for text in texts if text]
        values = np.concatenate([trace.gates[gate] for trace in own])
        is_b = np.array([c == "b" for text in read for c in text])
        assert told["b"].mean == pytest.approx(float(values[is_b].mean()), abs=1e-5)


@pytest.mark.parametrize("attention", ["additive", "none"])
def test_a_translator_is_surveyed_as_its_translations_are_explained_one_by_one(attention: str) -> None:
    units = CharacterUnits(["", "a", "b", "c", "d"]), CharacterUnits(["", "x", "y", "z"])
    stored = TranslateTwin(*units, attention=attention, decoder="gru").stored
    stored.tensors["head.bias"][-1] -= 3  # so that targets do not end at once
    model = TranslateModel(stored)
    sources = ["abcadb", "dd", "ca?b"]
    survey = gate_survey(model, list(zip(sources, model.predict(sources), strict=True)), min_count=1)
    explained = [tidegate.explain(model, source, influence=False).panels for source in sources]
    assert (survey.sequences, survey.sequence_name) == (3, "pair")
    for place, (name, count) in enumerate((("source", 2), ("target", 2))):
        panel = survey.panels[place]
        assert (panel.name, panel.unit_name, len(panel.layers)) == (name, "character", count)
        read = np.array([unit for panels in explained for unit in panels[place].units])
        assert panel.steps == len(read)
        for number, layer in enumerate(panel.layers):
            for gate in layer.gates:
                views = [panels[place].layers[number] for panels in explained]
                values = np.concatenate([view.trace.gates[gate.name] for view in views]).astype(np.float64)
                np.testing.assert_allclose(gate.unit_mean, values.mean(axis=0), atol=1e-5)
                told = {group.name: group for group in gate.opens}
                assert told.keys() == set(read)
                for unit in set(read):
                    assert told[unit].count == (read == unit).sum()
                    assert told[unit].mean == pytest.approx(values[read == unit].mean(), abs=1e-5)
    assert [layer.title for layer in survey.panels[1].layers] == ["layer 1 →", "layer 2 →"]


def test_a_translator_is_surveyed_over_its_files(toy_translator: Path, toy_sounds: Path) -> None:
    entries = read_pairs([str(toy_sounds / "dev.dict")]).entries
    survey = gate_survey(toy_translator, entries)
    assert survey.to_json() == gate_survey(toy_translator, [(one.source, one.targets[0]) for one in entries]).to_json()
    source, target = survey.panels
    assert (source.unit_name, target.unit_name) == ("character", "token")
    assert source.steps == sum(len(one.source) + 1 for one in entries)
    assert target.steps == sum(len(one.targets[0].split()) + 1 for one in entries)
    assert "sh" not in {group.name for group in source.layers[0].gates[0].opens}


def test_pairs_that_are_none_are_refused(toy_translator: Path) -> None:
    with pytest.raises(
        DataError, match=r"item 2 is 'kasa'; a pair \(source, target\) was expected.*zip\(sources, model.predict\(sources\)\)"
    ):
        gate_survey(toy_translator, [("sa", "S AA1"), "kasa"])
    with pytest.raises(DataError, match="pair 1: the target is empty"):
        gate_survey(toy_translator, [("sa", " ")])
    with pytest.raises(DataError, match="there is nothing to survey: no pair was given"):
        gate_survey(toy_translator, [])
