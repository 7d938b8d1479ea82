"""The commands over time series, run as a person would."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import SMALL_FILLER, SMALL_FORECASTER, TOY_COLUMNS
from tidegate.cli.series_scores import print_series_scores, shown_steps
from tidegate.cli.train_options import complete_one_way_arch

from .test_commands import ENVIRONMENT, assert_users_mistake, tidegate

SMALL = {
    task: [word for key, value in settings.items() for word in ("--set", f"{key}={value}")] + ["--threads", "1"]
    for task, settings in (("forecast", SMALL_FORECASTER), ("fill", SMALL_FILLER))
}
COLUMNS = [word for key, value in TOY_COLUMNS.items() for word in (f"--{key.replace('_', '-')}", value)]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def hourly(count: int, *, begin: int = 0, value: Callable[[int], object] = lambda hour: hour % 24) -> list[str]:
    """Rows `time,y` of so many hours of March 2024."""
    return [f"2024-03-{1 + (begin + hour) // 24:02d} {(begin + hour) % 24:02d}:00,{value(hour)}" for hour in range(count)]


def table(folder: Path, lines: list[str], *, name: str = "table.csv", header: str = "time,y") -> Path:
    (folder / name).write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return folder / name


def test_help_names_every_option_and_says_what_it_is_for() -> None:
    shared = (
        "--time --target --series --future-covariates --past-covariates --static-covariates --frequency --season --missing --dev-last "
        "--test-last --levels --arch --out --recipe --preset --time-budget --max-epochs --seed --set --resume --overwrite --dry-run "
        "--threads --quiet --version --help"
    ).split()
    for task, own in (("forecast", ["--horizon", "--context", "--gaps"]), ("fill", [])):
        shown = tidegate("train", task, "--help").stdout
        for option in (*shared, *own):
            assert f"{option} " in shown, option
        assert "--time year,month,day,hour --target PM2.5" in shown
    for command, options in (("predict", ("--future", "--horizon", "--plot")), ("evaluate", ("--last", "--every", "--scaled"))):
        shown = tidegate(command, "--help").stdout
        for option in options:
            assert f"{option} " in shown, option
        assert "pump-gru/ pump.csv" in shown


def test_the_tab_key_offers_forecasters_that_read_one_way() -> None:
    assert complete_one_way_arch("") == ["rnn", "lstm", "gru", "gru-reset-after", "mingru", "minlstm"]
    assert complete_one_way_arch("bi") == []


def test_steps_that_are_shown_begin_at_one_and_end_at_the_horizon() -> None:
    assert shown_steps(5) == [1, 2, 3, 4, 5]
    for horizon in (9, 24, 96, 720):
        steps = shown_steps(horizon)
        assert (steps[0], steps[-1], len(steps) <= 8) == (1, horizon, True)
        assert steps == sorted(set(steps))


@pytest.mark.parametrize(
    ("lines", "options", "parts"),
    [
        pytest.param(hourly(100)[:50] + hourly(90, begin=50)[17:], ["--frequency", "D"], ["table.csv, line 3"], id="frequency that is not"),
        pytest.param(
            [f"2024-03-{1 + 7 * place // 24:02d} {7 * place % 24:02d}:{place * place % 60:02d},1" for place in range(60)],
            [],
            ["table.csv, line ", "--frequency"],
            id="irregular",
        ),
        pytest.param([*hourly(100), hourly(100)[30]], [], ["table.csv, line 102", "line 32"], id="one time twice"),
        pytest.param(
            [*hourly(50), *(line.replace(":00,", ":00+01:00,") for line in hourly(50, begin=50))],
            [],
            ["table.csv, line 52"],
            id="with and without an offset",
        ),
        pytest.param(
            [f"2024-10-{26 + (hour + 2) // 24} {(hour + 2) % 24:02d}:00,1" for hour in range(25)]
            + [f"2024-10-27 {hour:02d}:00,1" for hour in range(2, 24)]
            + [f"2024-10-{28 + hour // 24} {hour % 24:02d}:00,1" for hour in range(72)],
            [],
            ["daylight saving"],
            id="the hour that autumn doubles",
        ),
        pytest.param(hourly(20), [], ["20 steps"], id="shorter than a window"),
        pytest.param(hourly(200, value=lambda hour: ""), ["--target", "y"], ["y"], id="no value at all"),
        pytest.param(
            hourly(200, value=lambda hour: f'"{hour},5"'), ["--target", "y"], ["table.csv, line 2", "decimal comma"], id="decimal commas"
        ),
        pytest.param(
            hourly(200, value=lambda hour: "broken" if hour == 7 else hour), ["--target", "y"], ["table.csv, line 9", "'broken'"], id="a word"
        ),
        pytest.param(hourly(200), ["--target", "x"], ["x", "y"], id="no such column"),
        pytest.param(hourly(200), ["--time", "y", "--target", "time"], ["table.csv"], id="columns turned round"),
        pytest.param([f"then,{hour}" for hour in range(200)], ["--time", "time"], ["table.csv, line 2", "'then'"], id="no time"),
        pytest.param([], [], ["table.csv"], id="a header alone"),
        pytest.param(hourly(200), ["--horizon", "90m"], ["--horizon: '90m'"], id="a horizon between the steps"),
        pytest.param(hourly(200), ["--horizon", "soon"], ["--horizon", "soon"], id="a horizon that is none"),
        pytest.param(hourly(200), ["--dev-last", "5"], ["--dev-last 5", "24"], id="a part below the horizon"),
        pytest.param(hourly(200), ["--test-last", "300"], ["200 steps", "--test-last"], id="a part above the series"),
        pytest.param(hourly(200), ["--levels", "90,100"], ["levels", "100"], id="a band of everything"),
        pytest.param(hourly(200), ["--gaps", "ignore"], ["gaps", "'mask'"], id="no such way with holes"),
        pytest.param(hourly(200, value=lambda hour: "" if hour == 7 else hour), ["--gaps", "refuse", "--target", "y"], ["2024-03-01 07:00"], id="holes refused"),
        pytest.param(hourly(200), ["--arch", "bigru"], ["two-way", "arch gru", "fill"], id="a two-way network"),
        pytest.param(hourly(200), ["--frequency", "fortnight"], ["frequency", "fortnight"], id="no such frequency"),
        pytest.param(hourly(200), ["--set", "horizn=3"], ["Did you mean 'horizon'?"], id="no such key"),
        pytest.param(hourly(200), ["--set", "init_from=model"], ["init_from", "begins afresh"], id="begun with a model"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_on_is_one_message(lines: list[str], options: list[str], parts: list[str], tmp_path: Path) -> None:
    table(tmp_path, lines)
    assert_users_mistake(tidegate("train", "forecast", "table.csv", *options, "--quiet", cwd=tmp_path), *parts)
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_other_commands_say_where_series_belong(tmp_path: Path) -> None:
    table(tmp_path, hourly(100))
    assert_users_mistake(tidegate("train", "forecast", "nowhere.csv", cwd=tmp_path), "nowhere.csv")
    assert_users_mistake(tidegate("compare", "forecast", "table.csv", "--folds", "3", cwd=tmp_path), "no folds", "cut by time")
    assert_users_mistake(tidegate("compare", "fill", "table.csv", "--train-sizes", "50,100%", cwd=tmp_path), "no shares", "cut by time")
    assert_users_mistake(tidegate("data", "check", "table.csv", "--task", "fill", cwd=tmp_path), "tidegate train fill FILE --dry-run")
    assert tidegate("train", "forecast", "table.csv", "--test", "table.csv", cwd=tmp_path).returncode == 2


@pytest.mark.slow
@pytest.mark.parametrize("task", ["forecast", "fill"])
def test_dry_run_tells_the_plan_and_writes_nothing(task: str, toy_series: Path, tmp_path: Path) -> None:
    done = tidegate("train", task, toy_series / "pumps.csv", *COLUMNS, *SMALL[task], "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for part in (
        "arch        ",
        "timestamp",
        "pressure",
        "2 series",
        "parameters ",
        "for 3 epochs",
        "out         pumps-",
        "Nothing was trained.",
    ):
        assert part in done.stdout, part
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("task", "model"), [("forecast", "pumps-gru"), ("fill", "pumps-bigru")])
def test_train_and_everything_that_is_proposed_after_it(task: str, model: str, toy_series: Path, tmp_path: Path) -> None:
    file = tmp_path / "the pumps.csv"
    file.write_bytes((toy_series / "both.csv").read_bytes())
    words = ("train", task, file.name, *COLUMNS, *SMALL[task])
    done = tidegate(*words, cwd=tmp_path, fresh=True)
    assert done.returncode == 0, done.stderr
    out = tmp_path / f"the {model}"
    assert "epoch  3/3" in done.stderr
    assert f"What came, and what the model tells: the {model}/training/{task}.svg" in done.stdout
    drawn = (out / "training" / f"{task}.svg").read_text(encoding="utf-8")
    for part in ("north", "south", "what came", "90 % band"):
        assert f">{part}</text>" in drawn, part
    assert re.search(r"test .* mae ", done.stdout)
    assert "Labels" not in (out / "README.md").read_text(encoding="utf-8")
    commands = done.stdout.partition("Next:\n")[2].splitlines()
    assert len(commands) == 3
    for command in commands:
        runnable = re.sub(
            r"^  (tidegate|python -c) ?", lambda found: f"{sys.executable} {'-m tidegate' if 'tide' in found[1] else '-c'} ", command
        )
        ran = subprocess.run(runnable, shell=True, cwd=tmp_path, capture_output=True, timeout=300, check=False, env=ENVIRONMENT)
        assert ran.returncode == 0, (command, ran.stderr)
        assert ran.stdout or "--output" in command
    assert (tmp_path / f"{task}.svg").exists()
    assert_users_mistake(tidegate(*words, cwd=tmp_path), "exists already (a directory)")


def test_forecasts_stand_in_the_users_columns(toy_forecaster: Path, toy_series: Path, tmp_path: Path) -> None:
    file, plan = toy_series / "pumps.csv", toy_series / "plan.csv"
    done = tidegate("predict", toy_forecaster, file, "--future", plan, "--plot", "next.svg", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    assert list(rows[0]) == ["pump", "timestamp", "gru", "gru-lo-50", "gru-hi-50", "gru-lo-90", "gru-hi-90"]
    assert [row["timestamp"] for row in rows] == [f"2024-04-10 {hour:02d}:00:00" for hour in range(12)] * 2
    assert [row["pump"] for row in rows] == ["north"] * 12 + ["south"] * 12
    for row in rows:
        low, lower, median, upper, high = (float(row[f"gru{end}"]) for end in ("-lo-90", "-lo-50", "", "-hi-50", "-hi-90"))
        assert low <= lower <= median <= upper <= high
        assert (10 < median < 40) if row["pump"] == "north" else (450 < median < 1800)
    assert ">south</text>" in (tmp_path / "next.svg").read_text(encoding="utf-8")
    lines = tidegate("predict", toy_forecaster, file, "--future", plan, "--format", "jsonl", "--horizon", "6h").stdout.splitlines()
    assert [json.loads(line)["gru"] for line in lines[:6]] == [float(row["gru"]) for row in rows[:6]]
    assert len(lines) == 12
    piped = tidegate("predict", toy_forecaster, "-", "--future", plan, given=file.read_text("utf-8"))
    assert piped.stdout == done.stdout
    both = toy_series / "both.csv"
    assert tidegate("predict", toy_forecaster, both).stdout == done.stdout
    done = tidegate("predict", toy_forecaster, both, "--output", tmp_path / "out.csv", "--plot", tmp_path / "next.png", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "out.csv").read_text("utf-8") == piped.stdout
    assert (tmp_path / "next.png").read_bytes().startswith(b"\x89PNG")


def test_forecasts_are_scored_beside_the_naive_ones(toy_forecaster: Path, toy_series: Path) -> None:
    file = toy_series / "pumps.csv"
    words = ("evaluate", toy_forecaster, file, "--last", "4d")
    scores = json.loads(tidegate(*words, "--format", "json").stdout)
    metrics = json.loads((toy_forecaster / "metrics.json").read_text())["test"]
    assert {key: scores[key] for key in ("n", "mae", "coverage_90")} == pytest.approx(
        {key: metrics[key] for key in ("n", "mae", "coverage_90")}
    )
    for key in "n mae rmse mse bias r2 smape mase crps coverage_90 width_90 naive_mae seasonal_naive_mae by_step".split():
        assert key in scores, key
    assert len(scores["by_step"]["mae"]) == 12
    often = json.loads(tidegate(*words, "--every", "1", "--format", "json").stdout)
    assert often["windows"] == 2 * (96 - 12 + 1)
    scaled = json.loads(tidegate(*words, "--scaled", "--format", "json").stdout)
    assert scaled["mase"] == pytest.approx(scores["mase"])
    assert scaled["mae"] < scores["mae"] / 10
    shown = tidegate(*words).stdout
    for part in ("last value", "a season before", "by steps ahead", f"{scores['mae']:.4f}", f"{scores['seasonal_naive_mae']:.4f}"):
        assert part in shown, part


@pytest.mark.parametrize("value", [0.12345, 123456.789, None])
def test_tables_of_scores_fit_a_narrow_terminal(
    value: float | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shares = {"coverage_50": 0.5123, "coverage_90": 0.9123}
    errors = {"mae": value, "mase": 1.1234, **shares, "naive_mae": value, "seasonal_naive_mae": value}
    by_step = {key: [one] * 96 for key, one in errors.items()}
    gap = {"gap": "13-24", "n": 12345, "mae": value, **shares, "linear_mae": value, "seasonal_mae": value}
    print_series_scores({"n": 96, "by_step": by_step, "by_gap": [gap]})
    shown = capsys.readouterr().out
    assert "…" not in shown
    for word in ("in 50 %", "in 90 %", "season", "before", "across", "away"):
        assert word in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_holes_are_filled_and_nothing_else_is_touched(toy_filler: Path, toy_series: Path, tmp_path: Path) -> None:
    file = toy_series / "pumps.csv"
    done = tidegate("predict", toy_filler, file, "--output", "whole.csv", "--plot", "holes.svg", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    given, rows = rows_of(file.read_text("utf-8")), rows_of((tmp_path / "whole.csv").read_text("utf-8"))
    assert len(given) == len(rows)
    assert list(rows[0]) == [*given[0], "pressure-filled", *(f"pressure-{side}-{level}" for level in (50, 90) for side in ("lo", "hi"))]
    for before, after in zip(given, rows, strict=True):
        is_hole = before["pressure"] == ""
        assert after["pressure-filled"] == str(int(is_hole))
        assert {key: after[key] for key in before if key != "pressure"} == {key: before[key] for key in before if key != "pressure"}
        if is_hole:
            assert float(after["pressure-lo-90"]) <= float(after["pressure"]) <= float(after["pressure-hi-90"])
        else:
            assert (after["pressure"], after["pressure-lo-90"]) == (before["pressure"], "")
    assert 'id="told-0"' in (tmp_path / "holes.svg").read_text("utf-8")
    piped = tidegate("predict", toy_filler, given=file.read_text("utf-8"))
    assert piped.stdout == (tmp_path / "whole.csv").read_text("utf-8")
    lines = [json.loads(line) for line in tidegate("predict", toy_filler, file, "--format", "jsonl").stdout.splitlines()]
    assert [list(line) == list(rows[0]) for line in lines] == [True] * len(rows)
    scores = json.loads(tidegate("evaluate", toy_filler, file, "--last", "4d", "--format", "json").stdout)
    assert {"mae", "linear_mae", "seasonal_mae", "coverage_90"} <= set(scores)
    shown = tidegate("evaluate", toy_filler, file).stdout
    for part in ("a line across", "a season away", "by the length of the gap"):
        assert part in shown, part


def test_what_cannot_be_told_is_one_message(
    toy_forecaster: Path, toy_filler: Path, toy_classifier: Path, toy_series: Path, tmp_path: Path
) -> None:
    def refused(*words: object, parts: str) -> None:
        assert_users_mistake(tidegate(*words, "--quiet", cwd=tmp_path), *parts.split("|"))
        assert not (tmp_path / "out.csv").exists()

    file, plan = toy_series / "pumps.csv", toy_series / "plan.csv"
    table(tmp_path, plan.read_text("utf-8").splitlines()[1:6], name="short-plan.csv", header="pump,timestamp,open,depth")
    ahead = ("predict", toy_forecaster, file, "--future", plan)
    predict = ("predict", toy_forecaster, file)
    refused(*predict, parts="'north'|'open'|2024-04-10 11:00:00|--future")
    refused(*predict, "--future", "short-plan.csv", "--output", "out.csv", parts="'north'|2024-04-10 04:00:00|2024-04-10 11:00:00")
    refused(*ahead, "--horizon", "13", parts="horizon is 13|12 steps|--set decoding=recursive")
    refused(*ahead, "--horizon", "90m", parts="--horizon")
    refused(*ahead, "--plot", "next.pdf", "--output", "out.csv", parts="--plot next.pdf|.svg or .png")
    refused(*ahead, "--format", "conllu", parts="--format conllu is for a tagger|Use csv or jsonl")
    refused(*ahead, "--beam", "3", parts="--beam is for a translator|this model forecasts|--future, --horizon, --plot")
    refused("predict", toy_filler, file, "--horizon", "3", parts="--horizon is for a forecaster|fills the holes|tidegate train forecast")
    refused("predict", toy_classifier, file, "--plot", "next.svg", parts="--plot is for a forecaster or a filler of time series|classifies")
    refused("predict", toy_forecaster, "nowhere.csv", parts="nowhere.csv")
    refused("evaluate", toy_forecaster, file, "--last", "5", parts="last is 5|12")
    refused("evaluate", toy_forecaster, file, "--every", "0", parts="--every|'0'")
    refused("evaluate", toy_filler, file, "--scaled", parts="--scaled is for a forecaster")
    refused("logprob", toy_forecaster, file, parts="logprob is for language models|forecast|with its bands")
    rows = [",".join(row.values()) for row in rows_of(file.read_text("utf-8"))]
    header = "pump,timestamp,pressure,heat,wind,open,depth"
    table(tmp_path, rows[:8], name="few.csv", header=header)
    refused("predict", toy_forecaster, "few.csv", "--future", "short-plan.csv", parts="'north'|few.csv, line 2|8 steps|12")
    table(tmp_path, [",".join((*row.split(",")[:2], "", *row.split(",")[3:])) for row in rows], name="none.csv", header=header)
    refused("predict", toy_filler, toy_series / "north.csv", parts="north.csv|no column 'pump'")
    refused("predict", toy_filler, toy_series / "north.csv", file, "--output", "out.csv", parts="2 tables|folder|--output")
    for model in (toy_forecaster, toy_filler):
        refused("predict", model, "none.csv", parts="none.csv, line 2|'pressure'|no value at all")
    table(tmp_path, rows[::2], name="every-other.csv", header=header.replace("pump", "site"))
    refused("predict", toy_filler, "every-other.csv", parts="every-other.csv|'pump'")


@pytest.mark.parametrize("task", ["forecast", "fill"])
def test_no_series_is_left_out_in_silence(task: str, tmp_path: Path) -> None:
    rows = [
        f"{name},{row}"
        for name, value in (("wave", lambda hour: hour % 24), ("flat", lambda hour: 3), ("none", lambda hour: ""))
        for row in hourly(400, value=value)
    ]
    rows += [f"short,{row}" for row in hourly(20)]
    table(tmp_path, rows, header="unique_id,ds,y")
    done = (
        tidegate("train", task, "table.csv", "--horizon", "24", "--dry-run", cwd=tmp_path)
        if task == "forecast"
        else tidegate("train", task, "table.csv", "--dry-run", cwd=tmp_path)
    )
    assert done.returncode == 0, done.stderr
    for name, said in (("none", "no value in 1 of 4 series"), ("flat", "constant"), ("short", "short")):
        assert [line for line in done.stderr.splitlines() if said in line and name in line], (name, done.stderr)
    assert "3 series" in done.stdout


def test_clocks_that_jump_and_zones_that_differ_are_told(tmp_path: Path) -> None:
    def notes(lines: list[str]) -> str:
        done = tidegate("train", "forecast", table(tmp_path, lines), "--dry-run")
        assert done.returncode == 0, done.stderr
        return done.stderr

    spring = [f"2024-03-{29 + hour // 24} {hour % 24:02d}:00,{hour % 24}" for hour in range(72) if hour != 50]
    spring += [f"2024-04-{1 + hour // 24:02d} {hour % 24:02d}:00,{hour % 24}" for hour in range(400)]
    assert "daylight saving" in notes(spring) or "1 step" in notes(spring)
    assert "UTC" in notes(
        [row.replace(":00,", ":00+01:00,") for row in hourly(200)]
        + [f"2024-03-{9 + (hour + 9) // 24:02d} {(hour + 9) % 24:02d}:00+02:00,1" for hour in range(200)]
    )


def test_several_tables_are_filled_into_a_folder(train_holes: Callable[..., Path], toy_series: Path, tmp_path: Path) -> None:
    files = [toy_series / f"{pump}.csv" for pump in ("north", "south")]
    columns = [word for word in COLUMNS if word not in ("--series", "pump")]
    done = tidegate("train", "fill", *files, *columns, *SMALL["fill"], "--max-epochs", "1", "--out", "model", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "whole").mkdir()
    lines = files[0].read_text("utf-8").splitlines()
    cut = table(tmp_path, lines[1:100] + lines[103:], name="north.csv", header=lines[0])
    done = tidegate("predict", "model", cut, files[1], "--output", "whole", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 rows whose time was missing are added" in done.stderr
    (scored,) = tidegate("evaluate", "model", files[1], cwd=tmp_path).stderr.splitlines()
    assert "1 of its 2 are not in these tables" in scored
    for name, given in (("north.csv", lines), ("south.csv", files[1].read_text("utf-8").splitlines())):
        rows, before = rows_of((tmp_path / "whole" / name).read_text("utf-8")), rows_of("\n".join(given))
        assert [row["timestamp"] for row in rows] == [row["timestamp"] for row in before]
        assert all(row["pressure"] for row in rows)
    onto = tidegate("predict", "model", cut, "--output", ".", cwd=tmp_path)
    assert_users_mistake(onto, "is the input itself")
