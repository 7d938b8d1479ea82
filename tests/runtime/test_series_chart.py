"""The picture of series: everything is in it at its place, and equal input gives equal bytes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tidegate.errors import OutputError
from tidegate.runtime.series_chart import MOST_SERIES, Picture, around_gaps, draw_series

HOURS = np.datetime64("2024-01-01T00", "s") + np.arange(60) * np.timedelta64(3600, "s")


def forecast_picture(title: str = "pump 1", times: np.ndarray = HOURS) -> Picture:
    known = np.sin(np.arange(48.0))
    known[[3, 4, 5, 20]] = np.nan
    told = np.zeros(12)
    bands = {50: (told - 1, told + 1), 90: (told - 2, told + 3)}
    return Picture(title, times[:48], known, times[48:], told, bands, np.ones(12))


def ids_of(path: Path) -> list[str]:
    return re.findall(r'<g id="([^"]+)"', path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("times", [HOURS, np.arange(100, 160)], ids=["dates", "numbers"])
def test_everything_is_in_the_picture(times: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "out.svg"
    assert draw_series([forecast_picture(times=times)], path, title="a gru") is None
    found = set(ids_of(path))
    assert {"known", "holes", "band-50-0", "band-90-0", "told-0", "truth-0"} <= found
    text = path.read_text(encoding="utf-8")
    for part in ("pump 1", "a gru", "known", "told", "what came", "90 % band", "50 % band", "missing"):
        assert f">{part}</text>" in text, part
    assert (">2024-Jan-03</text>" in text or "2024-Jan" in text) == (times is HOURS)


def test_equal_input_gives_equal_bytes_and_png_is_png(tmp_path: Path) -> None:
    written = []
    for name in ("a.svg", "b.svg", "a.png", "b.PNG"):
        draw_series([forecast_picture(), forecast_picture("pump 2")], tmp_path / name)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    assert written[2] == written[3]
    assert written[2].startswith(b"\x89PNG")
    assert written[0].startswith(b"<?xml")


def test_filled_holes_are_drawn_one_by_one(tmp_path: Path) -> None:
    known = np.arange(60.0)
    holes = np.array([5, 20, 21, 22, 59])
    known[holes] = np.nan
    told = holes + 0.5
    draw_series([Picture("level", HOURS, known, HOURS[holes], told, {90: (told - 1, told + 1)})], tmp_path / "out.svg")
    found = ids_of(tmp_path / "out.svg")
    assert [name for name in found if name.startswith("told")] == ["told-0", "told-1", "told-2"]
    assert [name for name in found if name.startswith("band")] == ["band-90-0", "band-90-1", "band-90-2"]


def test_what_has_no_room_is_named(tmp_path: Path) -> None:
    path = tmp_path / "out.svg"
    said = draw_series([forecast_picture(f"pump {number}") for number in range(MOST_SERIES + 3)], path)
    assert said == f"{path} shows 12 of 15 series, the first ones; a picture has room for no more."
    assert ids_of(path).count("known") == MOST_SERIES


def test_a_name_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"out\.pdf: the name says no form of picture. End it in \.svg or \.png"):
        draw_series([forecast_picture()], tmp_path / "out.pdf")
    assert list(tmp_path.iterdir()) == []


def test_series_of_nothing_and_of_one_value_can_be_drawn(tmp_path: Path) -> None:
    nothing, one = np.zeros(0), np.ones(1)
    draw_series(
        [
            Picture("empty", HOURS[:0], nothing, HOURS[:1], one, {90: (one - 1, one + 1)}),
            Picture("all missing", HOURS[:3], np.full(3, np.nan), HOURS[3:3], nothing),
        ],
        tmp_path / "out.svg",
    )  # fmt: skip
    assert "told-0" in ids_of(tmp_path / "out.svg")


def test_without_matplotlib_the_line_that_installs_it_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from pathlib import Path; import tidegate.runtime.picture_files as files\n"
        f"files.check_picture_file(Path({str(tmp_path / 'a.svg')!r}), '--plot')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingExtraError: a picture needs the extra 'train'" in done.stderr


def test_the_stretch_around_the_longest_gap() -> None:
    known = np.zeros(1000)
    assert around_gaps(known, np.array([], dtype=np.int64)) == slice(0, 1000)
    told = np.array([10, 500, 501, 502, 990])
    assert around_gaps(known, told, least=40) == slice(481, 521)
    assert around_gaps(known, np.arange(990, 1000), least=40) == slice(900, 1000)
    assert around_gaps(known[:30], told[:1], least=40) == slice(0, 30)
    long = np.arange(100, 300)
    assert around_gaps(known, long, least=40) == slice(0, 1000)
