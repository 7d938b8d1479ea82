"""The gate page in Chromium: quiet, whole, readable by keyboard and on a phone, and quick to open."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from browser import DESKTOP, PHONE, Visit, visited
from made_explanations import made_explanation
from tidegate.explanation.equation import equation_of
from tidegate.explanation.explanation import Attention, Explanation
from tidegate.explanation.views.page import page_of
from tidegate.explanation.views.survey_page import survey_page_of

pytestmark = pytest.mark.slow

# The bar is a second on a quiet machine; this only catches a page that has become several times as slow.
OPENS_WITHIN_MS = 4000
# Conditions in JavaScript: what the focused element is called; the mean in the row of a button.
FOCUSED = "([text]) => document.activeElement.getAttribute('aria-label')?.includes(text)"
MEAN_SHOWN = """([button, mean]) => {
  const row = document.querySelector(`[aria-label^="${button}"]`).closest(".row");
  return Math.abs(parseFloat(row.querySelector(".value").innerText.match(/mean (\\S+),/)[1].replace("−", "-")) - mean) < 0.0051;
}"""


@contextmanager
def opened(
    browser: Any,
    folder: Path,
    made: Explanation,
    *,
    theme: Literal["light", "dark"] = "light",
    size: tuple[int, int] = DESKTOP,
    **more: Any,
) -> Iterator[Visit]:
    """The page of an explanation, which must neither complain nor ask for anything."""
    path = folder / "gates.html"
    path.write_text(page_of({**made.to_json(), **more}), encoding="utf-8")
    with visited(browser, path, theme=theme, size=size) as visit:
        yield visit
        assert visit.complaints == []
        assert visit.requests == []


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def open_units(visit: Visit, name: str) -> None:
    visit.page.get_by_role("button", name=f"Units of {name}").first.click()
    visit.wait_until("performance.getEntriesByName('tidegate-heat-map').length")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_serious_is_found_and_nothing_hangs_over(
    browser: Any, tmp_path: Path, theme: Literal["light", "dark"], size: tuple[int, int]
) -> None:
    with opened(browser, tmp_path, made_explanation(steps=40, layers=2), theme=theme, size=size) as visit:
        for name in ("z keeps", "h state"):
            open_units(visit, name)
        visit.page.locator(".units .grip").first.focus()
        visit.page.keyboard.press("Enter")
        assert visit.findings() == []
        assert visit.overhang() == 0
        assert visit.page.evaluate("document.documentElement.dataset.theme") == theme
        visit.page.get_by_role("button", name="Dark").click()
        assert visit.page.evaluate("document.documentElement.dataset.theme") != theme
        assert visit.findings() == []


@pytest.mark.parametrize("arch", ["rnn", "gru-reset-after", "minlstm"])  # others below
def test_every_kind_of_cell_opens(browser: Any, tmp_path: Path, arch: str) -> None:
    with opened(browser, tmp_path, made_explanation(arch)) as visit:
        open_units(visit, "h state")
        visit.page.locator(".units .grip").first.focus()
        visit.page.keyboard.press("Enter")
        assert "h′" in visit.page.locator(".trace pre").inner_text()


def test_keys_walk_along_the_words_and_every_chart_follows(browser: Any, tmp_path: Path) -> None:
    made = made_explanation(steps=60)
    means = made.to_json()["panels"][0]["layers"][0]["gates"]["r"]["mean"]
    with opened(browser, tmp_path, made) as visit:
        page = visit.page
        page.locator(".token[tabindex='0']").focus()
        assert page.locator(".token[tabindex='0']").count() == 1
        for key, step in (
            ("ArrowRight", 1),
            ("End", 59),
            ("ArrowLeft", 58),
            ("PageUp", 48),
            ("Home", 0),
            ("ArrowLeft", 0),
            ("PageDown", 10),
        ):
            page.keyboard.press(key)
            visit.wait_until(FOCUSED, f" {step + 1} of 60")
            visit.wait_until(MEAN_SHOWN, "Units of r uses past, layer 1 →", means[step])
            box = page.evaluate("(() => { const a = document.activeElement.getBoundingClientRect(); return [a.left, a.right]; })()")
            assert 0 <= box[0] < box[1] <= DESKTOP[0]
        visit.wait_for_text("#live", "word 11 of 60")


@pytest.mark.parametrize("arch", ["bigru", "bilstm", "biminlstm"])
def test_the_heat_map_reads_out_what_was_computed(browser: Any, tmp_path: Path, arch: str) -> None:
    made = made_explanation(arch, steps=20)
    view = made.panels[0].layers[0]
    gate = view.gates[0]
    with opened(browser, tmp_path, made) as visit:
        page = visit.page
        open_units(visit, f"{gate.name} {gate.role}")
        page.locator(".units .grip").first.focus()
        for key in ["ArrowRight"] * 3 + ["ArrowDown"] * 2:
            page.keyboard.press(key)
        unit = int(gate.order[2])
        visit.wait_for_text("#live", f"unit {unit + 1}, ")
        said = page.locator("#live").inner_text()
        assert number(re.search(rf": {gate.name} (\S+), reacts", said).group(1)) == pytest.approx(float(gate.values[3, unit]), abs=0.0071)  # type: ignore[union-attr]
        page.keyboard.press("Enter")
        page.locator(".trace pre").first.wait_for()
        shown = page.locator(".trace pre").first.inner_text().splitlines()
        expected = equation_of(view.trace, 3, unit).value
        assert number(shown[-1].split(" = ")[-1]) == pytest.approx(expected, abs=0.04 * max(1.0, view.gates[-1].scale))
        visit.wait_for_text(".trace", "words here")


def test_colours_are_those_of_the_values(browser: Any, tmp_path: Path) -> None:
    """Where a gate is open the map is drawn in the last colour of its legend, where it is shut in the first."""
    made = made_explanation("gru", steps=4, hidden=2)
    values = made.panels[0].layers[0].trace.gates["z"]
    values[:] = np.array([[0.0, 1.0]] * 4)
    with opened(browser, tmp_path, made) as visit:
        open_units(visit, "z keeps")
        visit.page.mouse.move(0, 0)
        pixels = visit.page.evaluate(
            """() => {
              const canvas = document.querySelector(".units .grip canvas");
              const x = Math.round(canvas.width * 0.85);
              const column = canvas.getContext("2d").getImageData(x, 0, 1, canvas.height).data;
              const at = (share) => [...column.slice(4 * Math.round(canvas.height * share), 4 * Math.round(canvas.height * share) + 3)];
              return [at(0.25), at(0.75)];
            }"""
        )
        order = made.panels[0].layers[0].gates[1].order.tolist()
        shut, wide = pixels if order[0] == 0 else pixels[::-1]
        assert np.mean(shut) > 200  # paper
        assert np.mean(wide) < 80  # ink


def test_a_long_text_scrolls_and_can_be_seen_whole(browser: Any, tmp_path: Path) -> None:
    with opened(browser, tmp_path, made_explanation(steps=900)) as visit:
        page = visit.page
        assert page.locator(".token").count() < 200  # those in sight, and some more
        page.locator(".token[tabindex='0']").focus()
        page.keyboard.press("End")
        visit.wait_until(FOCUSED, ", 900 of 900")
        page.get_by_role("button", name="Whole input at once").click()
        visit.wait_until("(() => { const a = document.querySelector('.axis'); return a.scrollWidth - a.clientWidth <= 3; })()")
        assert visit.overhang() == 0


def test_a_finger_moves_the_cursor_and_drags_the_words(browser: Any, tmp_path: Path) -> None:
    with opened(browser, tmp_path, made_explanation(steps=80), size=PHONE) as visit:
        page = visit.page
        canvas = page.locator(".row canvas.plot").first
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box is not None
        page.touchscreen.tap(box["x"] + box["width"] - 10, box["y"] + 20)
        visit.wait_until("!document.querySelector('.here').innerText.includes('word 1 of')")
        before = page.locator(".axis").first.evaluate("axis => axis.scrollLeft")
        page.mouse.move(box["x"] + 250, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + 120, box["y"] + 20, steps=5)
        page.mouse.up()
        visit.wait_until("([before]) => document.querySelector('.axis').scrollLeft > before + 50", before)


def test_a_page_opens_at_the_unit_that_was_asked_for(browser: Any, tmp_path: Path) -> None:
    made = made_explanation("gru", steps=20)
    equation = equation_of(made.panels[0].layers[0].trace, 6, 3)
    exact = {"panel": "input", "stack": "stack", "layer": 0, "direction": "forward", **equation.to_json(), "text": equation.text}
    of_another_panel = {**exact, "panel": "ahead", "text": "of another panel"}
    more = {"equations": [of_another_panel, exact], "shown": {"panel": 0, "layer": 0, "step": 6, "unit": 3}}
    with opened(browser, tmp_path, made, **more) as visit:
        assert "word 7 of 20" in visit.page.locator(".here").inner_text()
        assert visit.page.locator(".trace pre").inner_text() == equation.text


def test_the_largest_page_opens_at_once(browser: Any, tmp_path: Path) -> None:
    made = made_explanation("bilstm", steps=200, hidden=256)
    least = math.inf
    for _ in range(10):  # a busy machine may take its time with many of them
        with opened(browser, tmp_path, made) as visit:
            visit.wait_until("performance.getEntriesByName('tidegate-shown').length")
            shown = visit.page.evaluate("performance.getEntriesByName('tidegate-shown')[0].startTime")
            clicked = visit.page.evaluate(
                """() => {
                  const before = performance.now();
                  document.querySelector("[aria-label^='Units of f']").click();
                  return performance.getEntriesByName("tidegate-heat-map")[0].startTime - before;
                }"""
            )
            print(f"shown after {shown:.0f} ms, the first heat map {clicked:.0f} ms after its click")
            least = min(least, shown + clicked)
        if least < OPENS_WITHIN_MS:
            break
    assert least < OPENS_WITHIN_MS
    assert (tmp_path / "gates.html").stat().st_size < 1_200_000  # a byte a value in base64, and the means


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_attention_into_one_answer_stands_along_the_input(browser: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    made = made_explanation(words=("Teddy", "bears", "sleep"), steps=6)
    attention = Attention(("praise",), made.panels[0].units, np.array([[0.05, 0.1, 0.2, 0.5, 0.1, 0.05]]))
    with opened(browser, tmp_path, made, attention=attention.to_json(), size=size) as visit:
        (card,) = visit.page.locator("section[aria-label=Attention]").all()
        assert "An equal share is 17%." in card.inner_text()
        assert "5%" in card.locator(".value").inner_text()
        visit.page.locator(".strip .token").first.focus()
        for _ in range(3):
            visit.page.keyboard.press("ArrowRight")
        visit.wait_until("() => document.querySelector('section[aria-label=Attention] .value').innerText.includes('50%')")
        assert visit.findings() == []
        assert visit.overhang() == 0


def test_an_empty_input_and_a_model_without_gates_open(browser: Any, tmp_path: Path) -> None:
    empty = {"name": "input", "unit_name": "word", "units": [], "said": [], "probabilities": [], "layers": []}
    with opened(browser, tmp_path, made_explanation(), panels=[empty], influence=None, attention=None) as visit:
        assert "the input is empty" in visit.page.locator("main").inner_text()
    with opened(browser, tmp_path, made_explanation("rnn")) as visit:
        assert "An rnn has no gates" in visit.page.locator("#guide").inner_text()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_what_gradients_deal_out_stands_beside_each_channel(browser: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    made = made_explanation()
    influence = made.influence
    assert influence is not None
    told = {"channel_occlusion": np.array([0.5, 0.25]), "channel_gradient": np.array([1.5, -0.75]), "gradient": influence.occlusion}
    series = replace(made, influence=replace(influence, **told, gradient_of="load, at noon: 7, against 6 where every value reads as 0"))
    with opened(browser, tmp_path, series, size=size) as visit:
        assert visit.overhang() == 0
        assert visit.findings() == []
        rows = visit.page.locator("section[aria-label='What the answer hangs on'] tbody tr")
        assert rows.nth(0).locator("td").nth(2).inner_text() == "+1.50"
        assert rows.nth(1).locator("td").nth(2).inner_text() == "−0.75"
        said = visit.page.locator("section[aria-label='What the answer hangs on']").inner_text()
        assert "What the gradients deal out, in the target's unit: load, at noon: 7, against 6" in said
        assert "adds to the number told, in the target's unit" in said


@pytest.mark.parametrize("panels", [("input",), ("source", "<target>")])
def test_the_page_of_a_survey_is_quiet_too(browser: Any, tmp_path: Path, panels: tuple[str, ...]) -> None:
    groups = [{"name": name, "mean": 0.9, "count": 7} for name in ("</script>", "a" * 60, "<b>")]
    units = {"mean": [0.5, 0.6], "closed": [0, 0.1], "open": [0.2, 0], "opens": [["a"], ["<i>"]], "closes": [["b"], ["c"]]}
    gate = {
        "role": "keeps",
        "mean": 0.7,
        "closed": 0.1,
        "open": 0.3,
        "counts": [3, 1] * 10,
        "opens": groups,
        "closes": groups,
        "units": units,
    }
    memory = {"units": [1.5, 40.0], "quantiles": [1.0, 1.2, 3.0, 9.0, 40.0], "counts": [1, 0, 0, 0, 0, 1] + [0] * 6}
    layer = {"stack": "stack", "layer": 0, "direction": "forward", "cell": "gru", "title": "layer 1 →", "hidden_size": 2}
    layers = [{**layer, "gates": {"z": {**gate, "stuck": [1]}}, "dead": [0], "memory": memory}]
    content = {
        "tidegate_version": "0", "task": "translate", "arch": "gru", "title": "gru (Cho 2014)", "sequence_name": "pair", "sequences": 1,
        "min_count": 5, "notes": ["<script>"], "panels": [{"name": name, "unit_name": "word", "steps": 40, "layers": layers} for name in panels],
    }  # fmt: skip
    path = tmp_path / "survey.html"
    path.write_text(survey_page_of(content), encoding="utf-8")
    for theme, size in (("light", DESKTOP), ("dark", PHONE)):
        with visited(browser, path, theme=theme, size=size) as visit:  # type: ignore[arg-type]
            assert visit.findings() == []
            assert visit.overhang() == 0
            assert (visit.complaints, visit.requests) == ([], [])
            assert "</script>" in visit.page.locator("table").first.inner_text()
            titles = visit.page.locator("h2").all_inner_texts()
            assert titles == (["layer 1 →"] if len(panels) == 1 else [f"{name}: layer 1 →" for name in panels])
