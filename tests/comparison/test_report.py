"""What the report says, and how it behaves in a browser."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser import DESKTOP, PHONE, visited
from comparison_contents import results_content
from tidegate.comparison.report import page as report_page
from tidegate.comparison.report import wording, write_report
from tidegate.comparison.report.compared import Compared
from tidegate.comparison.report.cost_figures import costs
from tidegate.comparison.report.drawing import Table, draw
from tidegate.comparison.report.looks import PALETTE, SENTINELS, looks_of
from tidegate.comparison.report.wording import short
from tidegate.errors import OutputError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TWELVE = ("rnn", "lstm", "gru", "bilstm", "bigru", "mgu", "indrnn", "sru", "birnn", "bimgu", "bisru", "gru-v2")
# Each breaks something where it is not escaped: HTML, attributes, scripts, comments, XML, matplotlib's mathematics, the order of reading.
STRANGE = (
    '</script><script>document.title = "broken"</script>',
    '<img src=x onerror="throw 1">',
    "\"' onclick=alert(1) & <b>",
    "-->]]><!--",
    "$\\frac{1}{0}$ {{ 7 * 7 }} {% raw %}",
    "مرحبا بالعالم \u202e",
    "null\x00 bell\x07 \x0b\ufffe \ud800",
    "#017ffe url(#a) var(--ink)",
    "语言 😀",
    "",
)
FIGURES = {"scores", "learning-curves", "score-and-cost", "pairs", "by-label", "by-length", "by-position", "calibration"}


class _Reading(HTMLParser):
    """What a page says: its text, the names of its elements, and for every element its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.text = re.sub(r"\s+", " ", " ".join(self.texts))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:  # neither style nor script
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [own for name, own in self.elements if name == tag]


def read(content: dict[str, Any], out: Path) -> _Reading:
    return _Reading(write_report(content, out).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of an ordinary comparison."""
    return write_report(results_content(), tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of one whose labels, texts and answers are all that could break a page; two architectures failed."""
    content = results_content(TWELVE, labels=STRANGE, shares=(0.5, 1.0), examples=8, failed=("mgu", "sru"), text=STRANGE[0])
    content["disagreements"] += [{**content["disagreements"][0], "input": text, "right": text} for text in STRANGE]
    content["failures"].append(STRANGE[1])
    content["verdict"]["sentences"].append(STRANGE[2])
    return write_report(content, tmp_path_factory.mktemp("strange"))


def test_the_page_begins_with_the_verdict(plain: Path) -> None:
    page = plain.read_text(encoding="utf-8")
    assert re.search(r"<h1[^>]*><bdi>Choose bigru</bdi></h1>", page)
    text = _Reading(page).text
    assert (
        text.index("As good as the best (p = 0.41) and 1.3 × faster to train.") < text.index("Leaderboard 95")
        if "Leaderboard 95" in text
        else True
    )
    assert "If answers are needed while the sequence still comes: gru." in text


def test_the_leaderboard_says_every_figure_of_every_row(plain: Path) -> None:
    content = results_content()
    text = _Reading(plain.read_text(encoding="utf-8")).text
    for row in content["leaderboard"]:
        spread = "" if row["spread"] is None else f" ± {row['spread']:.4f}"
        assert f"{row['score']:.4f}{spread}" in text
        if row["kind"] == "network":
            assert f"{row['parameters']:,}" in text
            assert f"{row['ms_per_sequence']:.3f}" in text
    assert "gru (Cho 2014)" in text
    gru = next(row for row in content["leaderboard"] if row["name"] == "gru")
    assert f"{gru['ms_per_step_p50']:.3f} / {gru['ms_per_step_p99']:.3f}" in text


def test_differences_to_the_best_are_turned_to_the_rows_own_side(plain: Path) -> None:
    content = results_content()
    compared = Compared(content)
    best = compared.scored[0]
    assert best["name"] not in compared.against_best
    for row in compared.scored[1:]:
        pair = compared.against_best[row["name"]]
        assert pair["difference"] == pytest.approx(row["score"] - best["score"])
        assert pair["low"] < pair["difference"] < pair["high"]
    svm = compared.against_best["tf-idf + linear SVM"]
    said = f"{svm['low']:+.4f} to {svm['high']:+.4f}".replace("-", "−")
    assert said in _Reading(plain.read_text(encoding="utf-8")).text


def test_cost_is_told_as_forecast_and_as_spent(plain: Path) -> None:
    text = _Reading(plain.read_text(encoding="utf-8")).text
    assert re.search(r"time\s+7\.9 min\s+5\.4 min\s+MB on disk\s+21\.0\s+19\.3", text)
    assert "a pilot of 6.2 s" in text


def test_every_figure_has_a_title_an_alternative_and_its_numbers(plain: Path) -> None:
    page = _Reading(plain.read_text(encoding="utf-8"))
    drawn = [own for own in page.all("svg") if own.get("role") == "img"]
    assert len(drawn) == len(FIGURES)
    assert all(len(own["aria-label"] or "") > 60 for own in drawn)
    assert len(page.all("details")) >= len(FIGURES)  # numbers of every figure but the scores, which stand in the leaderboard; settings
    identifiers = [own["id"] for _, own in page.elements if own.get("id")]
    assert len(identifiers) == len(set(identifiers))


def test_the_same_figures_are_files_of_their_own_with_both_themes(plain: Path) -> None:
    files = sorted((plain.parent / "plots").glob("*.svg"))
    assert {path.stem for path in files} == FIGURES
    for path in [*files, plain.parent / "leaderboard.svg"]:
        root = ET.fromstring(path.read_text(encoding="utf-8"))
        names = [child.tag.rpartition("}")[2] for child in root]
        assert names[:3] == ["title", "desc", "style"]
        assert "prefers-color-scheme: dark" in (root[2].text or "")
        assert root.get("role") == "img"
        assert not any(sentinel in path.read_text(encoding="utf-8") for sentinel in SENTINELS.values())
    board = (plain.parent / "leaderboard.svg").read_text(encoding="utf-8")
    assert board.startswith("<?xml")
    for said in ("bilstm", "gru (Cho 2014)", "ms/sequence", "0.9690"):
        assert f">{said}" in board


def test_the_page_asks_for_nothing(plain: Path) -> None:
    page = _Reading(plain.read_text(encoding="utf-8"))
    for _, own in page.elements:
        for key in ("src", "href", "action", "srcset"):
            assert (own.get(key) or "#").startswith("#"), own
    policy = next(own["content"] for own in page.all("meta") if own.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_equal_results_give_equal_bytes(plain: Path, tmp_path: Path) -> None:
    again = write_report(json.loads(json.dumps(results_content())), tmp_path)
    assert again.read_bytes() == plain.read_bytes()
    assert (tmp_path / "leaderboard.svg").read_bytes() == (plain.parent / "leaderboard.svg").read_bytes()


def test_strange_texts_stay_texts(strange: Path) -> None:
    whole = strange.read_text(encoding="utf-8")
    page = _Reading(whole)
    assert whole.count("<script") == 1
    assert not page.all("img")
    assert not page.all("b")
    assert not any("onclick" in own or "onerror" in own for _, own in page.elements)
    assert "{{ 7 * 7 }}" in page.text
    assert "$\\frac{1}{0}$" in page.text
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe]", whole)
    drawn = ET.fromstring((strange.parent / "plots" / "by-label.svg").read_text(encoding="utf-8"))
    texts = {element.text for element in drawn.iter() if element.tag.endswith("}text")}
    assert STRANGE[7] in texts  # a label that looks like a colour stays as it was
    assert "-->]]><!--" in texts
    assert "语言 😀" in texts


def test_runs_that_failed_are_listed_with_their_cause(strange: Path) -> None:
    text = _Reading(strange.read_text(encoding="utf-8")).text
    assert "13 runs failed." in text  # two architectures, two sizes, three seeds, and one that was put in
    assert "mgu, seed 2: RunError: the loss became nan <at> step 3" in text
    assert re.search(r"mgu\s+failed", text)


def test_a_comparison_where_every_run_failed_says_so(tmp_path: Path) -> None:
    page = read(results_content(("rnn", "gru"), baselines=(), failed=("rnn", "gru"), examples=0), tmp_path)
    assert "Every run failed" in page.text
    assert "gru, seed 3: RunError" in page.text
    assert not (tmp_path / "leaderboard.svg").exists()


def test_what_failed_stands_on_the_leaderboards_picture(strange: Path) -> None:
    board = ET.fromstring((strange.parent / "leaderboard.svg").read_text(encoding="utf-8"))
    texts = [element.text for element in board.iter() if element.tag.endswith("}text")]
    assert {"mgu", "sru", "gru (Cho 2014)", "majority", "accuracy on the test data"} <= set(texts)
    assert texts.count("failed") == 4  # of two contenders, beside their names and in the column of scores


def test_one_seed_claims_nothing(tmp_path: Path) -> None:
    page = read(results_content(("rnn", "gru"), seeds=1), tmp_path)
    assert "no claim" in page.text
    assert "p =" not in page.text.partition("Differences between contenders")[2]
    assert "±" not in page.text.partition("How to repeat")[0].replace("mean ± standard deviation", "")


def test_the_others_are_held_against_the_best_network_even_where_a_baseline_is_first(tmp_path: Path) -> None:
    content = results_content(("rnn",))
    compared = Compared(content)
    assert compared.names[0] == "tf-idf + linear SVM"
    assert compared.best == "rnn"
    ahead = compared.against_best["tf-idf + linear SVM"]["difference"]
    assert ahead > 0
    text = read(content, tmp_path).text
    assert "to rnn" in text
    assert f"+{ahead:.4f}" in text


def test_answers_that_are_never_simply_right_show_what_they_scored(tmp_path: Path) -> None:
    content = results_content(("rnn", "gru"), is_lower_better=True)
    for entry in content["disagreements"]:
        entry["is_right"] = dict.fromkeys(entry["is_right"])
        entry["scores"] = {name: 1.25 + place for place, name in enumerate(entry["answers"])}
    page = read(content, tmp_path)
    examples = page.text.partition("Where they disagree")[2]
    assert re.search(r"gru\s+\d\.25", examples)
    assert "✓" not in examples
    assert not page.all("select")  # nobody can be asked for by right and wrong
    assert any(own.get("type") == "search" for own in page.all("input"))


def test_one_contender_alone_has_a_report(tmp_path: Path) -> None:
    page = read(results_content(("gru",), seeds=1, baselines=(), examples=0), tmp_path)
    assert "Choose gru" in page.text
    assert "Differences between contenders" not in page.text
    assert "Where they disagree" not in page.text


def test_where_lower_is_better_the_front_and_the_words_turn_round(tmp_path: Path) -> None:
    content = results_content(is_lower_better=True)
    page = read(content, tmp_path)
    assert "lower is better" in page.text
    assert "worse, p" in (tmp_path / "plots" / "pairs.svg").read_text(encoding="utf-8")
    assert "better, p" not in (tmp_path / "plots" / "pairs.svg").read_text(encoding="utf-8")
    compared = Compared(content)
    front = {row[0] for row in costs(compared).table.rows if row[3] == "yes"}  # type: ignore[union-attr]
    cheapest = min(compared.scored, key=lambda row: row["train_seconds"])
    assert {compared.scored[0]["name"], cheapest["name"]} <= front


def test_first_epochs_that_are_far_off_do_not_press_the_later_ones_together(tmp_path: Path) -> None:
    content = results_content()
    assert "outside the picture" not in read(content, tmp_path / "near").text
    for run in content["runs"]:
        for entry in (run["epochs"] or ())[:1]:
            entry["dev_score"] -= 50.0
    assert "The first epochs lie outside the picture" in read(content, tmp_path / "far").text


def test_the_front_holds_those_whom_nobody_beats_in_both() -> None:
    content = results_content(("rnn", "lstm", "gru"), baselines=())
    values = {"rnn": (0.90, 1.0), "lstm": (0.95, 3.0), "gru": (0.94, 4.0)}
    for row in content["leaderboard"]:
        row["score"], row["train_seconds"] = values[row["name"]]
    picture = costs(Compared(content))
    assert picture is not None
    assert {row[0].split()[0]: row[3] for row in picture.table.rows} == {"rnn": "yes", "lstm": "yes", "gru": "no"}


def test_a_baseline_that_is_far_off_does_not_press_the_others_together() -> None:
    content = results_content()
    compared = Compared(content)
    assert compared.far_off == {"majority": pytest.approx(0.862)}
    assert "majority (0.8620)" in compared.far_off_note


def test_who_is_far_off_is_pointed_at_on_the_leaderboards_picture(plain: Path) -> None:
    assert "◀ 0.8620" in (plain.parent / "leaderboard.svg").read_text(encoding="utf-8")
    assert "majority" not in (plain.parent / "plots" / "pairs.svg").read_text(encoding="utf-8").partition("</desc>")[2]


def test_many_labels_and_contenders_and_long_texts_fit_into_three_megabytes(tmp_path: Path) -> None:
    labels = tuple(f"{k} {'<&ا' * 3333} {k}" for k in range(150))
    content = results_content(TWELVE, labels=labels, shares=(0.25, 0.5, 0.75, 1.0), examples=60, text="<" * 3000)
    path = write_report(content, tmp_path)
    assert path.stat().st_size <= 3_000_000
    page = _Reading(path.read_text(encoding="utf-8"))
    assert len([own for own in page.all("tr") if "data-right" in own]) == 60
    assert "The 25 labels of 150" in page.text
    assert all(f" {k} <&" in page.text for k in (0, 77, 149))  # the table has all of them


def test_examples_that_do_not_fit_are_left_out_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_page, "MOST_BYTES", 180_000)
    page = read(results_content(("rnn", "gru"), examples=60, seeds=1), tmp_path)
    shown = len([own for own in page.all("tr") if "data-right" in own])
    assert 0 < shown < 60
    assert f"{60 - shown} more examples are in results.json" in page.text


def test_a_long_training_is_drawn_and_told_in_part(tmp_path: Path) -> None:
    content = results_content(("gru",), baselines=(), examples=0)
    for run in content["runs"]:
        run["epochs"] = [{"epoch": k, "dev_score": k / 5000} for k in range(1, 5001)]
    page = read(content, tmp_path)
    assert "60 of 5000 epochs" in page.text
    assert (tmp_path / "plots" / "learning-curves.svg").stat().st_size < 60_000


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "plots").write_text("a file")
    with pytest.raises(OutputError, match="plots cannot be written"):
        write_report(results_content(("gru",), seeds=1), tmp_path)


def test_a_text_is_cut_in_the_middle_so_that_long_ones_stay_different() -> None:
    assert short("a" * 100 + "1", 20) != short("a" * 100 + "2", 20)
    assert len(short("a" * 10_000)) == 60
    assert short("x\x00\n\ud800") == "x␀ �"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (wording.score(-0.00001, signed=True), "0.0000"),
        (wording.score(-0.5, signed=True), "−0.5000"),
        (wording.score(23.456), "23.46"),
        (wording.probability(0.0004), "< 0.001"),
        (wording.seconds(0.0002), "< 1 ms"),
        (wording.seconds(59.94), "59.9 s"),
        (wording.seconds(600), "10.0 min"),
        (wording.milliseconds(0.0), "< 0.001"),
        (wording.megabytes(0.02), "0.020"),
        (wording.score(None), "–"),
    ],
)
def test_numbers_are_told_as_exactly_as_they_are_worth(said: str, expected: str) -> None:
    assert said == expected


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_colour_stands_out_from_the_paper(theme: int) -> None:
    for name, colours in PALETTE.items():
        if name not in ("paper", "line"):
            assert contrast(colours[theme], PALETTE["paper"][theme]) >= 4.5, name


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, 1.4.3."""
    brightness = []
    for colour in (one, other):
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        brightness.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(brightness) + 0.05) / (min(brightness) + 0.05)


def test_contenders_differ_in_more_than_their_colour() -> None:
    looks = looks_of(dict.fromkeys(TWELVE, "network") | {"majority": "baseline", "linear": "baseline"})
    assert len({(look.mark, look.is_hollow) for look in looks.values()}) == len(looks)
    assert len({(look.colour, str(look.dash)) for look in looks.values() if not look.is_hollow}) == len(TWELVE)


def test_colours_of_a_figure_are_those_of_the_theme_and_its_text_is_text() -> None:
    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        axes.plot([1, 2], [1, 2])
        axes.set_title("#017ffe & <$x$>")

    picture = draw("one", "A title", (3, 2), paint, alt="what it shows", table=Table(["a"], []))
    assert "var(--ink, #1d2126)" in picture.inline
    assert ">#017ffe &amp; &lt;$x$&gt;<" in picture.inline
    assert 'id="one-figure_1"' in picture.inline
    assert "http" not in picture.inline
    assert 'aria-label="A title. what it shows"' in picture.inline
    assert "<title>A title</title>" in picture.standalone


# In a browser.


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("which", ["plain", "strange"])
def test_nothing_stands_in_anybodys_way(browser: Browser, request: pytest.FixtureRequest, which: str, theme: Any) -> None:
    with visited(browser, request.getfixturevalue(which), theme=theme) as visit:
        assert visit.findings() == []
        assert (visit.complaints, visit.requests) == ([], [])
        assert visit.page.title() != "broken"
        paper = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == ("rgb(255, 255, 255)" if theme == "light" else "rgb(21, 24, 28)")


@pytest.mark.slow
@pytest.mark.parametrize("which", ["plain", "strange"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_page_never_scrolls_sideways(browser: Browser, request: pytest.FixtureRequest, which: str, size: tuple[int, int]) -> None:
    with visited(browser, request.getfixturevalue(which), size=size) as visit:
        assert visit.overhang() == 0
        assert visit.findings() == []  # opens everything
        assert visit.overhang() == 0
        # What is wider than the window scrolls inside a region that the keyboard reaches.
        wide = "[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth).map(one => one.tabIndex)"
        reached = visit.page.evaluate(wide)
        assert set(reached) <= {0}
        assert reached or size == DESKTOP


@pytest.mark.slow
def test_the_leaderboard_is_sorted_by_keyboard(browser: Browser, plain: Path) -> None:
    with visited(browser, plain) as visit:
        page = visit.page
        _tab_to(page, ".board thead th:nth-child(7) button")
        page.keyboard.press("Enter")
        assert page.get_attribute(".board thead th:nth-child(7)", "aria-sort") == "ascending"
        seconds = [float(key) for key in _keys(page, 7)]
        assert seconds == sorted(seconds)
        assert len(seconds) == 7
        page.keyboard.press("Space")
        assert page.get_attribute(".board thead th:nth-child(7)", "aria-sort") == "descending"
        assert [float(key) for key in _keys(page, 7)] == seconds[::-1]
        _tab_to(page, ".board thead th:nth-child(9) button")
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        assert _keys(page, 9)[-4:] == [""] * 4  # what was not measured stands last, whichever way it is sorted
        assert page.get_attribute(".board thead th:nth-child(7)", "aria-sort") is None


@pytest.mark.slow
def test_examples_are_filtered_by_keyboard(browser: Browser, plain: Path) -> None:
    entries = results_content()["disagreements"]
    with visited(browser, plain) as visit:
        page = visit.page
        _tab_to(page, "#filter .condition:nth-of-type(1) .who")
        _choose(page, "gru")
        wanted = [entry["input"] for entry in entries if entry["is_right"]["gru"]]
        assert 0 < len(wanted) < len(entries)
        assert _shown(page) == wanted
        assert page.inner_text("#shown") == f"{len(wanted)} of {len(entries)} examples"
        _tab_to(page, "#filter .condition:nth-of-type(2) .who")
        _choose(page, "rnn")
        assert _shown(page) == [entry["input"] for entry in entries if entry["is_right"]["gru"] and not entry["is_right"]["rnn"]]
        _tab_to(page, "#filter .words")
        page.keyboard.type("no such words")
        assert _shown(page) == []
        _tab_to(page, "#filter button")
        page.keyboard.press("Enter")
        page.wait_for_function("document.getElementById('shown').textContent.startsWith('12 of')")
        assert len(_shown(page)) == len(entries)
        assert visit.complaints == []


@pytest.mark.slow
def test_the_theme_is_chosen_by_a_button_and_paper_is_always_light(browser: Browser, plain: Path) -> None:
    with visited(browser, plain, theme="dark") as visit:
        page = visit.page
        paper = "getComputedStyle(document.body).backgroundColor"
        page.emulate_media(media="print")
        assert page.evaluate(paper) == "rgb(255, 255, 255)"
        page.emulate_media(media="screen")
        assert page.evaluate(paper) == "rgb(21, 24, 28)"
        _tab_to(page, "#theme")
        page.keyboard.press("Enter")
        assert page.inner_text("#theme") == "Theme: light"
        assert page.evaluate(paper) == "rgb(255, 255, 255)"
        page.keyboard.press("Enter")
        assert page.inner_text("#theme") == "Theme: dark"
        page.emulate_media(color_scheme="light")
        assert page.evaluate(paper) == "rgb(21, 24, 28)"
        ink = "getComputedStyle(document.querySelector('.plot text')).fill"
        assert page.evaluate(ink) == "rgb(231, 233, 236)"
        page.emulate_media(media="print")
        assert page.evaluate(paper) == "rgb(255, 255, 255)"
        assert not page.is_visible("#theme")


@pytest.mark.slow
def test_a_figure_of_its_own_follows_the_system(browser: Browser, plain: Path) -> None:
    for theme, paper in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(21, 24, 28)")):
        with visited(browser, plain.parent / "leaderboard.svg", theme=theme) as visit:  # type: ignore[arg-type]
            assert visit.page.evaluate("getComputedStyle(document.querySelector('rect')).fill") == paper
            assert (visit.complaints, visit.requests) == ([], [])


def _tab_to(page: Page, selector: str) -> None:
    """Presses Tab until the element has the focus; a keyboard must come there."""
    for _ in range(120):
        if page.evaluate("selector => document.activeElement === document.querySelector(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not reached by Tab")


def _choose(page: Page, name: str) -> None:
    """Walks down the list that has the focus to that name; letters would be taken for one word only while they come quickly."""
    for _ in range(30):
        if page.evaluate("document.activeElement.selectedOptions[0].textContent") == name:
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"{name} is not in the list")


def _keys(page: Page, column: int) -> list[str]:
    found: list[str] = page.evaluate(
        "column => [...document.querySelectorAll(`.board tbody tr > :nth-child(${column})`)].map(one => one.dataset.key)", column
    )
    return found


def _shown(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('.examples tbody tr')].filter(one => !one.hidden).map(one => one.cells[0].textContent)"
    )
    return found
