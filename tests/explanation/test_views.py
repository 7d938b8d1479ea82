"""The terminal, the picture, the page's text and what of an explanation is chosen."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from made_explanations import HOSTILE, made_explanation
from tidegate.errors import RecipeError
from tidegate.explanation.evidence import Check
from tidegate.explanation.explanation import Attention
from tidegate.explanation.views.choice import checked_step, checked_unit, chosen, stretch_of
from tidegate.explanation.views.page import page_of, script_json
from tidegate.explanation.views.sentences import influence_sentences, memory_sentence, seen, signed
from tidegate.explanation.views.svg import svg_of
from tidegate.explanation.views.terminal import print_explanation
from tidegate.kernels import ARCHITECTURES


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    return made_explanation().to_json()


def printed(content: Any, width: int = 120, encoding: str = "utf-8", **options: Any) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_explanation(content, Console(file=stream, width=width, legacy_windows=False), **options)
    stream.flush()
    stream.seek(0)
    return stream.read()


def test_a_row_for_each_word_with_its_influence_and_gates(content: dict[str, Any]) -> None:
    shown = printed(content, width=200)
    rows = [line for line in shown.splitlines() if re.match(r" *\d+  ", line)]
    assert len(rows) == 12
    influence, gate = content["influence"], content["panels"][0]["layers"][0]["gates"]["z"]
    for step, row in enumerate(rows):
        assert f"{abs(influence['occlusion'][step]):.2f}" in row
        assert ("+" in row) == (influence["occlusion"][step] >= 0.005)
        assert f"{gate['mean'][step]:.2f}" in row
        assert f"{influence['left_share'][step]:.2f}" in row
        assert signed(influence["gradient"][step]) in row
    assert "z keeps →" in shown
    assert "r uses past ←" in shown
    assert "praise (0.97)" in shown
    assert "[red]x[/]" in shown  # a word is never markup
    assert "In 100% of 50 draws" in shown


def test_marks_lie_where_the_numbers_are(content: dict[str, Any]) -> None:
    layer = content["panels"][0]["layers"][0]
    one = {**content, "influence": None, "attention": None, "panels": [{**content["panels"][0], "said": [], "layers": [layer]}]}
    layer = {**layer, "gates": {"z": {**layer["gates"]["z"], "mean": [1.0, 0.0] * 6, "low": [0.5, 0.0] * 6, "high": [1.0, 0.5] * 6}}}
    one["panels"][0]["layers"] = [layer]
    rows = [line.split("  ")[-2] for line in printed(one).splitlines() if re.match(r" *\d+  ", line)]
    marks = [re.search(r"[·─●]{6,}", line).group() for line in printed(one).splitlines() if re.match(r" *\d+  ", line)]  # type: ignore[union-attr]
    assert rows
    assert marks[0].endswith("─●")
    assert marks[0].startswith("·")
    assert marks[1].startswith("●─")
    assert marks[1].endswith("·")


@pytest.mark.parametrize("width", [200, 120, 80, 60, 40])
def test_no_line_is_wider_than_the_terminal(content: dict[str, Any], width: int) -> None:
    shown = printed(content, width=width)
    assert max(map(len, shown.splitlines())) <= width
    gate = content["panels"][0]["layers"][1]["gates"]["z"]
    assert f"{gate['mean'][0]:.2f}" in shown  # of either direction, however narrow


def test_a_terminal_that_knows_no_unicode_gets_plain_signs(content: dict[str, Any]) -> None:
    plain = {**content, "panels": [{**content["panels"][0], "units": ["word"] * 12}], "source": "words", "notes": []}
    shown = printed(plain, encoding="ascii", width=200)
    assert "layer 1 ->" in shown
    assert "●" not in shown


def test_of_a_long_input_the_terminal_shows_the_stretch_on_which_most_hangs() -> None:
    long = made_explanation(steps=300, words=("word",))
    occlusion = np.zeros(300)
    occlusion[200:205] = 3.0
    content = {**long.to_json(), "influence": {**long.to_json()["influence"], "occlusion": occlusion.tolist()}}
    begin, end, said = stretch_of(content, content["panels"][0], 40)
    assert begin <= 200
    assert end >= 205
    assert end - begin == 40
    assert f"words {begin + 1} to {end} of 300" in said
    assert said in " ".join(printed(content).split())
    assert stretch_of(content, content["panels"][0], 40, around=0)[:2] == (0, 40)
    assert stretch_of(content, content["panels"][0], 40, around=299)[:2] == (260, 300)
    assert stretch_of({**content, "influence": None}, content["panels"][0], 40)[:2] == (0, 40)
    assert stretch_of(content, content["panels"][0], 300) == (0, 300, "")


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_architecture_is_drawn_everywhere(arch: str) -> None:
    content = made_explanation(arch, layers=2).to_json()
    for text in (printed(content, width=160), svg_of(content), page_of(content)):
        assert "layer 1" in text
    if ARCHITECTURES[arch].cell == "rnn":
        assert "h state" in printed(content, width=160)
        assert memory_sentence(content["panels"][0]["layers"][0], "word") == ""


def test_memory_is_told_in_what_stands_along_the_input() -> None:
    content = made_explanation("gru").to_json()
    panels = [{**content["panels"][0], "unit_name": "segment"}]
    for shown in (printed({**content, "panels": panels}), svg_of({**content, "panels": panels})):
        assert re.search(r"half of the units keep the past for [\d.,]+ segments or more, a tenth for [\d.,]+ segments or more", shown)
        assert " steps" not in shown


def pooled(weights: Any, **changes: Any) -> dict[str, Any]:
    """An explanation of whose units attention read so much into the one answer."""
    made = made_explanation(words=tuple(f"w{number}" for number in range(300)), steps=len(weights), **changes)
    return replace(made, attention=Attention(("praise",), made.panels[0].units, np.array([weights]))).to_json()


def test_attention_into_one_answer_is_told_by_the_strongest_units_however_long_the_input() -> None:
    weights = np.full(300, 0.5 / 297)
    weights[[250, 7, 99]] = 0.2, 0.18, 0.12
    shown = " ".join(printed(pooled(weights), width=80).split())
    assert "Attention read most from: w250 (251) 0.20 · w7 (8) 0.18 · w99 (100) 0.12 · " in shown
    assert shown.partition("an equal share is ")[2].startswith("0.0033.")
    weights = np.full(300, 1 / 300)
    weights[4] = 1.05 / 300
    assert "Attention read about as much from every word: 0.0033." in printed(pooled(weights))


def test_of_attention_into_one_answer_the_picture_draws_the_stretch_that_it_shows() -> None:
    weights = np.linspace(1, 2, 300)
    content = pooled(weights / weights.sum())
    begin, end, _ = stretch_of(content, content["panels"][0], 60)
    svg = svg_of(content)
    heights = [float(height) for height in re.findall(r'height="([\d.]+)" class="fill-keep"><title>', svg)]
    assert len(heights) == 60
    shown = weights[begin:end]
    np.testing.assert_allclose(heights, shown / shown.max() * max(heights), atol=0.2)
    assert "the fuller a square" not in svg


def test_of_attention_into_several_units_each_is_told_its_strongest() -> None:
    attention = Attention(("a", "b"), tuple("vwxyz") * 8, np.full((2, 40), 0.025))
    shown = printed(replace(made_explanation(), attention=attention).to_json())
    assert len(re.findall(r"^[ab] +v 0\.025 *$", shown, re.MULTILINE)) == 2


def test_of_stretches_that_are_as_good_that_about_the_strongest_unit_is_shown(content: dict[str, Any]) -> None:
    falls = np.full(300, 0.001)
    falls[[5, 44]] = 1, 0.002  # a stretch from the sixth unit on would hold a little more, and nothing before the strongest
    influence = {**content["influence"], "occlusion": falls.tolist()}
    panel = {**content["panels"][0], "units": ["w"] * 300}
    assert stretch_of({**content, "influence": influence}, panel, 40)[:2] == (0, 40)


def test_small_gradients_are_told_to_two_digits_that_count(content: dict[str, Any]) -> None:
    influence = content["influence"]
    small = {**influence, "gradient": [0.0012 * (step + 1) for step in range(12)], "channels": ["word", "shape"]}
    small |= {"channel_occlusion": [0.1, 0.2], "channel_gradient": [0.0012, -0.00345]}
    shown = printed({**content, "influence": small}, width=160)
    assert "+0.0012" in shown
    assert "+0.014" in shown
    assert "−0.0034" in shown or "−0.0035" in shown


def test_an_empty_input_is_drawn_as_one() -> None:
    content = made_explanation(steps=0, influence=None, attention=None, panels=()).to_json()
    assert "praise" in printed(content)
    empty = {**content, "panels": [{"name": "input", "unit_name": "word", "units": [], "said": [], "probabilities": [], "layers": []}]}
    assert "empty" in svg_of(empty)


class Parts(HTMLParser):
    """The scripts of a page, and the elements that would load something."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.foreign: list[str] = []
        self._is_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_script = tag == "script"
        if self._is_script:
            self.scripts.append("")
        self.foreign += [
            f"{tag} {name}={value}" for name, value in attrs if name in ("src", "href") and not str(value).startswith(("#", "data:"))
        ]

    def handle_endtag(self, tag: str) -> None:
        self._is_script = False

    def handle_data(self, data: str) -> None:
        if self._is_script:
            self.scripts[-1] += data


def test_no_word_breaks_the_page(content: dict[str, Any]) -> None:
    page = page_of(content)
    parts = Parts()
    parts.feed(page)
    assert len(parts.scripts) == 2
    shown = {**content, "sentences": influence_sentences(content)}
    assert json.loads(parts.scripts[0]) == json.loads(json.dumps(shown))
    assert parts.foreign == []
    assert "<b>bold" not in page
    assert page.count("</script>") == 2


def test_json_in_a_script_says_the_same_in_safe_characters() -> None:
    given = ["</script>", "<!--", "\u2028", "&", "ü"]
    text = script_json(given)
    assert json.loads(text) == given
    assert not set(text) & set("<>&\u2028")


def test_the_picture_is_well_formed_and_shows_every_gate_and_word(content: dict[str, Any]) -> None:
    root = ElementTree.fromstring(svg_of(content))
    space = "{http://www.w3.org/2000/svg}"
    texts = [element.text or "" for element in root.iter(f"{space}text")]
    for word in HOSTILE:
        assert ("�" if word == "\x00" else seen(word)[:13]) in "\n".join(texts)
    lines = list(root.iter(f"{space}polyline"))
    assert len(lines) == 2 * 4  # r, z, n and h of both directions
    points = [float(pair.split(",")[1]) for pair in lines[1].get("points", "").split()]
    means = content["panels"][0]["layers"][0]["gates"]["z"]["mean"]
    assert np.corrcoef(points, means)[0, 1] == pytest.approx(-1, abs=1e-3)  # higher is further up
    bars = [element for element in root.iter(f"{space}rect") if element.get("class") == "fill-plus"]
    assert len(bars) >= sum(value > 0.02 for value in content["influence"]["occlusion"])
    assert svg_of(content) == svg_of(content)


def test_a_picture_of_a_long_input_says_what_it_leaves_out() -> None:
    content = made_explanation(steps=200).to_json(with_units=False)
    assert "of 200, on which the answer hangs most" in svg_of(content)
    assert "around word 150" in svg_of(content, step=149)


def test_layers_directions_and_gates_can_be_chosen(content: dict[str, Any]) -> None:
    two = made_explanation(layers=2).to_json(with_units=False)
    (layer,) = chosen(two, layer=2, direction="backward", gate="z")["panels"][0]["layers"]
    assert (layer["layer"], layer["direction"], list(layer["gates"])) == (1, "backward", ["z"])
    assert chosen(two) == two


@pytest.mark.parametrize(
    ("arch", "asked", "said"),
    [
        ("lstm", {"gate": "r"}, "--gate r: this lstm has no such gate. It has i (lets in), f (keeps), o (shows), g (offers), h (state)."),
        ("rnn", {"gate": "z"}, "--gate z: an rnn has no gates; its state h is what can be shown."),
        ("gru", {"layer": 3}, "--layer 3: this gru has layers 1 to 2. Layers are counted from 1, the lowest."),
        ("gru", {"direction": "backward"}, "--direction backward: this gru has forward only."),
        ("bigru", {"direction": "backwards"}, "--direction backwards is neither forward nor backward. Did you mean 'backward'?"),
    ],
)
def test_what_a_model_does_not_have_is_refused_by_naming_what_it_has(arch: str, asked: dict[str, Any], said: str) -> None:
    content = made_explanation(arch, layers=2).to_json(with_units=False)
    with pytest.raises(RecipeError, match=f"^{re.escape(said)}$"):
        chosen(content, **asked)


def test_layers_of_several_stacks_bear_their_stacks_names() -> None:
    (panel,) = made_explanation("gru").panels
    twice = [replace(layer, trace=replace(layer.trace, stack=name)) for name in ("decoder.0", "decoder.1") for layer in panel.layers]
    titles = [layer["title"] for layer in replace(panel, layers=tuple(twice)).to_json(with_units=False)["layers"]]
    assert titles == ["decoder.0, layer 1 →", "decoder.1, layer 1 →"]


def test_small_scores_are_told_with_the_digits_that_count(content: dict[str, Any]) -> None:
    check = {**content["influence"]["check"], "important": 0.00123, "random_mean": 0.00001}
    said, _ = influence_sentences({**content, "influence": {**content["influence"], "check": check}})
    assert "falls by 0.0012; without 3 others by chance it hardly moves on average" in said


def test_steps_and_units_are_counted_from_one(content: dict[str, Any]) -> None:
    assert (checked_step(content, 1), checked_step(content, 12)) == (0, 11)
    assert checked_unit(content, 8) == 7
    for step in (0, 13):
        with pytest.raises(RecipeError, match=rf"--step {step}: the input has 12 words. Steps are counted from 1."):
            checked_step(content, step)
    with pytest.raises(RecipeError, match=r"--unit 9: a layer has 8 units"):
        checked_unit(content, 9)


def test_sentences_say_which_way_the_score_goes(content: dict[str, Any]) -> None:
    check, directions = influence_sentences(content)
    assert check == (
        "Without the 3 most important words the score (log p of 'praise') falls by 2.10; without 3 others by chance it falls by 0.20 on "
        "average. In 100% of 50 draws the others moved it less: what is called important is."
    )
    assert directions == (
        "Without the states of the forward direction the score falls by 1.25; without those of the backward direction it rises by 0.50."
    )
    assert [signed(value) for value in (1.234, -0.5, -0.001, 0.0)] == ["+1.23", "−0.50", "0.00", "0.00"]


def test_a_check_that_fails_is_called_so(content: dict[str, Any]) -> None:
    influence = content["influence"]
    for check, verdict in (
        (Check(1, 1.0, (0.2,) * 50), "In 100% of 50 draws the others moved it less: what is called important is."),
        (
            Check(1, 0.4, (0.2, 0.41) * 25),
            "In 50% of 50 draws the others moved it less: that is not clearly more than by chance. Make little of the bars.",
        ),
        (
            Check(1, 0.25, (0.2, 0.4) * 25),
            "In 50% of 50 draws the others moved it less: the word called important did not move the answer more than others do. "
            "Make little of the bars.",
        ),
        (Check(2, 1e-7, (0.0,) * 50), "it hardly moves on average: the answer hangs on no word alone. Make little of the bars."),
        (
            Check(2, -0.5, (-1.0,) * 50),
            ": the words called important did not move the answer more than others do. Make little of the bars.",
        ),
    ):
        said, _ = influence_sentences({**content, "influence": {**influence, "check": check.to_json()}})
        assert said.endswith(verdict)
        assert said.replace("'", "'") in page_of({**content, "influence": {**influence, "check": check.to_json()}})


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        (0.3, 0.1, "falls by 0.30, without all behind it it falls by 0.10: of what speaks for the answer 75% stands on the left."),
        (0.3, -2.0, "falls by 0.30, without all behind it it rises by 2.00: of what speaks for the answer 100% stands on the left."),
        (0.004, 0.0, "hardly moves, without all behind it it hardly moves: neither context matters."),
        (-0.3, -0.1, "rises by 0.30, without all behind it it rises by 0.10: neither context speaks for the answer."),
    ],
)
def test_the_contexts_of_the_unit_that_is_asked_about(left: float, right: float, said: str) -> None:
    made = made_explanation(words=("Teddy", "bears"), steps=2)
    assert made.influence is not None
    influence = replace(made.influence, left=np.array([5.0, left]), right=np.array([0.0, right]), at=1)
    *_, sentence = influence_sentences(replace(made, influence=influence).to_json(with_units=False))
    assert sentence == f"Without all that stands before 'bears' the score {said}"
    assert bool(np.isnan(influence.left_share[1])) == ("neither" in said)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_every_width_has_every_number(width: int) -> None:
    made = made_explanation("bilstm", words=("Teddy", "bears", "sleep"), steps=6)
    content = replace(made, attention=None).to_json(with_units=False)
    shown = printed(content, width=width)
    assert max(map(len, shown.splitlines())) <= width
    assert "…" not in shown.partition("input")[2]
    for step, share in enumerate(content["influence"]["left_share"]):
        assert f"{share:.2f}" in shown
        assert f"{abs(content['influence']['occlusion'][step]):.2f}" in shown
        for layer in content["panels"][0]["layers"]:
            assert all(f"{layer['gates'][name]['mean'][step]:.2f}" in shown for name in "ifo")
    has_marks = "●" in shown.partition("layer 1")[2].rpartition("─●─")[0]
    assert has_marks == ("the middle eight tenths" in " ".join(shown.split())) == (width >= 80)
    assert ("±: so far the score falls" in " ".join(shown.split())) == (not has_marks)


def test_bars_of_nothing_are_not_drawn(content: dict[str, Any]) -> None:
    influence = {**content["influence"], "occlusion": [2e-6, *[0.0] * 11], "channels": []}
    shown = printed({**content, "influence": influence}, width=200)
    assert "█" * 3 not in re.findall(r"^ *1  .*", shown, re.MULTILINE)[0].partition("─")[0].split("0.00")[0]


def test_the_ends_of_a_wide_scale_are_told(content: dict[str, Any]) -> None:
    layer = content["panels"][0]["layers"][0]
    wide = {**layer, "gates": {"h": {**layer["gates"]["h"], "scale": 3.26}}}
    shown = printed({**content, "panels": [{**content["panels"][0], "layers": [wide]}]}, width=200)
    assert "h from −3.3 to 3.3" in shown


def test_a_notebook_shows_the_page_in_a_frame_of_its_own() -> None:
    shown = made_explanation()._repr_html_()
    parts = Parts()
    parts.feed(shown)
    assert shown.startswith("<iframe")
    assert parts.scripts == []  # all of the page is inside the frame
    assert 'sandbox="allow-scripts"' in shown
