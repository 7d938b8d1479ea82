from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tidegate
from conftest import SMALL_FORECASTER, TOY_COLUMNS, conllu_text
from tidegate.artefact import read_model
from tidegate.comparison import measuring
from tidegate.comparison.cost import Forecast
from tidegate.comparison.folder import check_folder, held
from tidegate.comparison.leaderboard import Run
from tidegate.comparison.materials import material_of
from tidegate.comparison.plan import Plan
from tidegate.comparison.run import Comparison, compare_material
from tidegate.errors import DataError, OutputError, RecipeError, RunError
from tidegate.training.callbacks import EndEarly
from tidegate.training.classification.recipe import ClassifyRecipe
from tidegate.training.recipe import build_recipe

TINY: dict[str, Any] = {"hidden_size": 8, "word_size": 8, "character_encoder": "none", "max_epochs": 2, "learning_rate": 0.02}


def write_texts(path: Path, count: int = 60) -> Path:
    rows = [
        f"{'cheap pills now' if k % 3 == 0 else 'see you later'} friend {k % 7} {k},{'spam' if k % 3 == 0 else 'ham'}" for k in range(count)
    ]
    path.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    return path


def compare_texts(tmp_path: Path, **options: Any) -> Comparison:
    path = tmp_path / "texts.csv"
    if not path.exists():
        write_texts(path)
    return tidegate.compare("classify", path, out=tmp_path / "out", **{"arch": "rnn,gru", "seeds": 1, **TINY, **options})


def names(result: Comparison) -> set[tuple[str, int]]:
    return {(run.name, run.seed) for run in result.runs}


def test_networks_and_baselines_stand_on_one_leaderboard(tmp_path: Path) -> None:
    result = compare_texts(tmp_path, seeds=2)
    assert names(result) == {("rnn", 1), ("rnn", 2), ("gru", 1), ("gru", 2), ("majority", 1), ("tf-idf + linear SVM", 1)}
    frame = result.leaderboard
    assert list(frame["score"]) == sorted(frame["score"], reverse=True)
    by_name = frame.set_index("name")
    assert by_name.loc["tf-idf + linear SVM", "score"] > by_name.loc["majority", "score"]
    for name in ("rnn", "gru"):
        row = by_name.loc[name]
        assert row["runs"] == 2
        assert row["parameters"] > 100
        assert row["megabytes"] > 0
        assert row["train_seconds"] > 0
        assert row["ms_per_sequence"] > 0
    assert by_name.loc["gru", "parameters"] > by_name.loc["rnn", "parameters"]
    content = json.loads((result.path / "results.json").read_text())
    assert (content["task"], content["score"], content["scored_on"]) == ("classify", "accuracy", "dev")
    assert len(content["runs"]) == 6
    assert [row["name"] for row in content["leaderboard"]] == list(frame["name"])
    assert (result.path / "leaderboard.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert read_model(result.path / "models" / "gru-2").config["arch"] == "gru"


def test_every_run_has_the_same_data_and_the_score_is_the_models_own(tmp_path: Path) -> None:
    write_texts(tmp_path / "test.csv", 30)
    result = compare_texts(tmp_path, test=tmp_path / "test.csv", seeds=2, baselines="none")
    assert result.scored_on == "test"
    for run in result.runs:
        stored = read_model(result.path / "models" / f"{run.name}-{run.seed}").metrics
        assert run.score == stored["test"]["accuracy"]
        assert stored["test"]["n"] == 30
        assert stored["train_texts"] + stored["dev"]["n"] == 60


def test_folds_test_every_text_once(tmp_path: Path) -> None:
    result = compare_texts(tmp_path, folds=3, arch="rnn")
    assert result.scored_on == "folds"
    assert {(run.name, run.fold) for run in result.runs} == {
        (name, fold) for name in ("rnn", "majority", "tf-idf + linear SVM") for fold in range(3)
    }
    assert not list((result.path / "models").iterdir())


def test_sizes_of_the_training_data_are_compared_and_the_models_of_the_full_size_kept(tmp_path: Path) -> None:
    result = compare_texts(tmp_path, train_sizes=(0.5, 1.0), arch="rnn")
    assert [row.share for row in result.rows] == [1.0] * 3 + [0.5] * 3
    assert [path.name for path in (result.path / "models").iterdir()] == ["rnn-1"]
    assert read_model(result.path / "models" / "rnn-1").metrics["train_texts"] == 54
    assert "share of the training data" in (result.path / "report.html").read_text(encoding="utf-8")


def test_an_interrupted_comparison_is_resumed_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compare_texts(tmp_path, overwrite=True)
    real, made = measuring.train, []

    def interrupted(task: Any, *args: Any, **options: Any) -> Any:
        if made:
            raise KeyboardInterrupt
        made.append(task.recipe.arch)
        return real(task, *args, **options)

    monkeypatch.setattr(measuring, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compare_texts(tmp_path, overwrite=True)
    assert len(json.loads((tmp_path / "out" / "results.json").read_text())["runs"]) == 3

    def counted(task: Any, *args: Any, **options: Any) -> Any:
        made.append(task.recipe.arch)
        return real(task, *args, **options)

    monkeypatch.setattr(measuring, "train", counted)
    resumed = compare_texts(tmp_path, resume=True)
    assert made == ["rnn", "gru"]
    assert {run.key: run.score for run in resumed.runs} == {run.key: run.score for run in whole.runs}


def test_resuming_may_add_architectures_but_not_change_data_or_settings(tmp_path: Path) -> None:
    compare_texts(tmp_path, arch="rnn")
    more = compare_texts(tmp_path, arch="rnn,lstm", resume=True)
    assert names(more) == {("rnn", 1), ("lstm", 1), ("majority", 1), ("tf-idf + linear SVM", 1)}
    fewer = compare_texts(tmp_path, arch="lstm", resume=True)  # what is done stays, and the results say of what they are
    assert names(fewer) == names(more)
    assert fewer.content["archs"] == ["lstm", "rnn"]
    with pytest.raises(RecipeError, match="the comparison to resume differed in hidden_size"):
        compare_texts(tmp_path, resume=True, hidden_size=9)
    write_texts(tmp_path / "texts.csv", 63)
    with pytest.raises(RecipeError, match="the comparison to resume differed in the data"):
        compare_texts(tmp_path, resume=True)


def test_a_run_that_fails_is_listed_with_its_cause_and_tried_again_on_resuming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = measuring.train

    def failing(task: Any, *args: Any, **options: Any) -> Any:
        if task.recipe.arch == "rnn":
            raise MemoryError("no room")
        return real(task, *args, **options)

    monkeypatch.setattr(measuring, "train", failing)
    result = compare_texts(tmp_path)
    (failed,) = (run for run in result.runs if run.failure)
    assert (failed.name, failed.failure) == ("rnn", "MemoryError: no room")
    assert next(row for row in result.rows if row.name == "rnn").score is None
    assert next(row for row in result.rows if row.name == "gru").score is not None
    monkeypatch.undo()
    assert not [run for run in compare_texts(tmp_path, resume=True).runs if run.failure]


def test_taggers_are_compared_too(toy_files: Path, tmp_path: Path) -> None:
    result = tidegate.compare(
        "tag", toy_files / "train.conllu", dev=toy_files / "dev.conllu", test=toy_files / "test.conllu", arch="rnn", seeds=1,
        out=tmp_path / "out", **{**TINY, "batch_tokens": 300},
    )  # fmt: skip
    scores = {row.name: row.score for row in result.rows}
    assert scores.keys() == {"rnn", "majority", "most frequent label of word, suffix"}
    assert scores["most frequent label of word, suffix"] > 0.8 > scores["majority"]  # type: ignore[operator]


def test_taggers_are_compared_over_folds_and_sizes(tmp_path: Path) -> None:
    (tmp_path / "a.conllu").write_text(conllu_text(60), encoding="utf-8")
    result = tidegate.compare(
        "tag", tmp_path / "a.conllu", arch="rnn", seeds=1, folds=2, train_sizes=[0.5, 1.0], out=tmp_path / "out", **TINY
    )
    assert len(result.runs) == 3 * 2 * 2
    assert not [run for run in result.runs if run.failure]


def test_a_rare_label_is_compared_by_its_f1_at_every_size(tmp_path: Path) -> None:
    rows = [f"{'win a prize' if k % 10 == 0 else 'see you soon'} number {k},{'spam' if k % 10 == 0 else 'ham'}" for k in range(100)]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    result = compare_texts(tmp_path, arch="rnn", train_sizes=(0.3, 1.0))
    assert result.score == "f1"
    assert {run.score for run in result.runs if run.name == "majority"} == {0.0}


def test_a_time_budget_is_dealt_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, parts = measuring.train, []

    def noted(task: Any, *args: Any, **options: Any) -> Any:
        parts.append(task.recipe.time_budget)
        return real(task, *args, **options)

    monkeypatch.setattr(measuring, "train", noted)
    result = compare_texts(tmp_path, time_budget="6s", max_epochs=10_000, patience=10_000, baselines="none")
    assert {run.ended for run in result.runs} == {"time budget spent"}
    first, last = parts
    assert 1 <= first <= 3  # the first has half of what the pilots have left
    assert 1 <= last <= max(1, 6 - (result.runs[0].train_seconds or 0.0))  # the last what the first has left, and a second at least


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arch": "rnn,lsmt"}, r"arch 'lsmt' is not one of .*Did you mean 'lstm'"),
        ({"folds": 1}, "1 folds: two or more are needed"),
        ({"folds": 2, "test": "more.csv"}, "leave out either --folds or --test"),
        ({"arch": ("gru", "lstm", "gru")}, "gru would be compared with itself"),
        ({"train_sizes": (0.0, 1.0)}, "sizes of the training data lie above 0 % and up to 100 %"),
        ({"baselines": "some"}, "baselines 'some' is neither auto nor none"),
        ({"seeds": 0}, "one seed at least"),
        ({"hiden_size": 3}, "Did you mean 'hidden_size'"),
        ({"arch": "lstm,mingru", "zoneout": 0.1}, "zoneout = 0.1 does not fit arch mingru: mingru has no recurrent matrix"),
    ],
)
def test_what_cannot_be_compared_is_told_before_anything_is_written(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=message):
        compare_texts(tmp_path, **options)
    assert not (tmp_path / "out").exists()


def test_a_label_that_only_the_test_file_has_is_told_once_and_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("text,label\nfree money,strange\n", encoding="utf-8")
    with pytest.raises(DataError, match="label 'strange' of column 'label' is not among the 2 labels known from training"):
        compare_texts(tmp_path, test=tmp_path / "test.csv")
    assert not (tmp_path / "out").exists()


def test_unknown_tasks_and_too_many_folds_are_told(tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"task 'clasify' cannot be compared; classify, tag, .* and transcribe can\. Did you mean 'classify'\?"
    ):
        tidegate.compare("clasify", "x.csv")
    with pytest.raises(DataError, match="cannot be dealt to 500 folds"):
        compare_texts(tmp_path, folds=500)


def test_a_folder_that_is_no_comparison_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    for options in ({}, {"overwrite": True}, {"resume": True}):
        with pytest.raises(OutputError, match="exists already and is no comparison; nothing was written"):
            compare_texts(tmp_path, **options)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_a_place_below_a_file_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"thesis\.txt is a file\. Name another place with --out"):
        check_folder(tmp_path / "thesis.txt" / "in" / "it", overwrite=False, resume=False)
    with pytest.raises(OutputError, match="cannot be written"), held(tmp_path / "thesis.txt" / "in"):
        pass
    with held(tmp_path / "a" / "b"):
        assert check_folder(tmp_path / "a" / "b", overwrite=False, resume=False) is None  # the lock alone is no content
    assert not (tmp_path / "a" / "b").exists()


def test_an_earlier_comparison_is_replaced_only_when_asked_to(tmp_path: Path) -> None:
    compare_texts(tmp_path, arch="rnn")
    with pytest.raises(OutputError, match="holds a comparison already"):
        compare_texts(tmp_path, arch="gru")
    assert names(compare_texts(tmp_path, arch="gru", overwrite=True)) == {("gru", 1), ("majority", 1), ("tf-idf + linear SVM", 1)}
    assert [path.name for path in (tmp_path / "out" / "models").iterdir()] == ["gru-1"]
    with pytest.raises(OutputError, match="Give one of the two"):  # an interrupted --overwrite is gone on with by --resume alone
        compare_texts(tmp_path, arch="gru", overwrite=True, resume=True)
    assert (tmp_path / "out" / "models" / "gru-1").exists()


@pytest.mark.slow
def test_the_command_prints_a_table_and_a_line_for_each_run(tmp_path: Path) -> None:
    write_texts(tmp_path / "texts.csv")
    command = [sys.executable, "-m", "tidegate", "compare", "classify", "texts.csv", "--arch", "rnn,gru", "--seeds", "1", "--threads", "1"]
    command += ["--max-epochs", "1", "--set", "hidden_size=8", "--train-sizes", "50,100%"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "accuracy on the development data: one seed, 50% of the training data" in done.stdout
    assert "gru (Cho 2014)" in done.stdout
    assert "texts-comparison/results.json" in done.stdout
    assert "[8/8] " in done.stderr
    again = subprocess.run([*command, "--train-sizes", "half"], capture_output=True, text=True, cwd=tmp_path, check=False, timeout=300)
    assert again.returncode == 2
    assert "--train-sizes half: percentages with commas between them were expected" in again.stderr
    assert "Traceback" not in again.stderr


def test_ctrl_c_ends_the_comparison_and_the_network_that_was_cut_off_is_no_contender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = measuring.train

    def cut_off(task: Any, *args: Any, **options: Any) -> Any:
        result = real(task, *args, **options)
        return replace(result, ended="interrupted") if task.recipe.arch == "gru" else result

    monkeypatch.setattr(measuring, "train", cut_off)
    with pytest.raises(KeyboardInterrupt):
        compare_texts(tmp_path, arch="rnn,gru,lstm")
    kept = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [run["name"] for run in kept["runs"]] == ["majority", "tf-idf + linear SVM", "rnn"]
    assert [path.name for path in (tmp_path / "out" / "models").iterdir()] == ["rnn-1"]
    monkeypatch.undo()
    assert names(compare_texts(tmp_path, arch="rnn,gru,lstm", resume=True)) >= {("gru", 1), ("lstm", 1)}


def test_a_second_ctrl_c_ends_the_comparison_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = EndEarly.on_train_batch_end

    def pressed(self: Any, trainer: Any, module: Any, *more: Any) -> None:
        real(self, trainer, module, *more)
        if module._recipe.arch == "gru":
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(EndEarly, "on_train_batch_end", pressed)
    with pytest.raises(KeyboardInterrupt):
        compare_texts(tmp_path, arch="rnn,gru,lstm", baselines="none")
    kept = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [run["name"] for run in kept["runs"]] == ["rnn"]
    assert kept["failures"] == []


def test_no_two_commands_write_to_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compare_texts(tmp_path, arch="rnn", baselines="none")
    with held(tmp_path / "out"):
        for options in ({"resume": True}, {"overwrite": True}):
            with pytest.raises(OutputError, match="another command is writing a comparison to"):
                compare_texts(tmp_path, arch="rnn,gru", baselines="none", **options)
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == json.loads(json.dumps(whole.content))
    with held(tmp_path / "out"):  # and afterwards it is free
        pass
    assert not (tmp_path / "out" / ".lock").exists()


def test_where_every_run_fails_every_cause_is_listed_and_the_results_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(task: Any, *args: Any, **options: Any) -> Any:
        raise MemoryError("no room") if task.recipe.arch == "rnn" else RunError("the loss diverged.")

    monkeypatch.setattr(measuring, "train", failing)
    with pytest.raises(RunError) as caught:
        compare_texts(tmp_path, baselines="none", seeds=2)
    causes = ["rnn, seed 1: MemoryError: no room", "gru, seed 1: RunError: the loss diverged."]
    causes += ["rnn, seed 2: MemoryError: no room", "gru, seed 2: RunError: the loss diverged."]
    assert str(caught.value).splitlines()[:5] == ["every run failed; each with its cause:", *(f"  {cause}" for cause in causes)]
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert content["failures"] == causes
    assert content["verdict"] == {"choice": None, "best": None, "sentences": ["Every run failed: there is nothing to choose from."]}
    assert (content["pairs"], content["disagreements"]) == ([], [])
    assert "MemoryError: no room" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_the_results_hold_everything_that_the_report_shows(tmp_path: Path) -> None:
    write_texts(tmp_path / "test.csv", 30)
    result = compare_texts(tmp_path, seeds=2, test=tmp_path / "test.csv", wide=False)
    content = json.loads((result.path / "results.json").read_text())
    assert content == json.loads(json.dumps(result.content))
    assert content["format_version"] == 2
    assert content["lower_is_better"] is False
    pairs = {(pair["a"], pair["b"]): pair for pair in content["pairs"]}
    assert len(pairs) == 6  # of four contenders
    scores = {row["name"]: row["score"] for row in content["leaderboard"]}
    for (a, b), pair in pairs.items():
        assert pair["difference"] == pytest.approx(scores[a] - scores[b], abs=1e-9)
        assert pair["low"] <= pair["high"]
        assert 0 < pair["p"] <= pair["p_adjusted"] <= 1
        assert pair["is_tie"] == (pair["p_adjusted"] >= 0.05)
        assert pair["examples"] == 30
    assert pairs["majority", "tf-idf + linear SVM"]["seeds"] == 1
    assert pairs["rnn", "gru"]["seeds"] == 2
    assert content["verdict"]["sentences"]
    for run in content["runs"]:
        if run["kind"] == "network":
            assert [epoch["epoch"] for epoch in run["epochs"]] == [1, 2]
            assert 1 <= run["epochs_to_95"] <= 2
            assert sum(own["n"] for own in run["calibration"]["bins"]) == 30
            assert run["ece"] == pytest.approx(run["calibration"]["ece"])
            assert run["ece"] == pytest.approx(run["scores"]["ece"])
    cost = content["cost"]
    assert cost["forecast"]["by_arch"].keys() == {"rnn", "gru"}
    assert cost["forecast"]["minutes"] > 0
    assert cost["spent"]["minutes"] > 0
    assert 0.05 < cost["spent"]["megabytes"] < 5
    assert content["differences"]["by_label"].keys() == {"ham", "spam"}
    assert content["differences"]["by_label"]["ham"]["majority"] == 1.0
    assert sum(own["n"] for own in content["differences"]["by_length"]) == 30
    for entry in content["disagreements"]:
        assert len(set(entry["answers"].values())) > 1
        assert {name for name, is_right in entry["is_right"].items() if is_right} == {
            name for name, answer in entry["answers"].items() if answer == entry["right"]
        }


def test_with_one_seed_nothing_is_claimed(tmp_path: Path) -> None:
    content = compare_texts(tmp_path).content
    assert {(pair["p"], pair["p_adjusted"], pair["is_tie"], pair["low"]) for pair in content["pairs"]} == {(None, None, None, None)}
    assert content["verdict"]["choice"] is None
    assert content["verdict"]["sentences"][0] == "One seed each: no claim, since another seed may turn the order; give --seeds 3."


def test_pairs_are_judged_over_the_examples_of_all_folds(tmp_path: Path) -> None:
    result = compare_texts(tmp_path, folds=3, arch="rnn", seeds=2)
    assert {pair["examples"] for pair in result.content["pairs"]} == {60}
    assert sorted(path.name for path in (result.path / "outcomes").iterdir() if path.name.startswith(("rnn", "examples"))) == [
        *(f"examples-fold{fold}.json" for fold in range(3)),
        *(f"rnn-{seed}-fold{fold}.json" for seed in (1, 2) for fold in range(3)),
    ]


def test_a_resumed_comparison_is_judged_as_a_whole_one_and_a_run_whose_answers_are_gone_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compare_texts(tmp_path, seeds=2)
    (tmp_path / "out" / "outcomes" / "gru-2.json").write_text("{", encoding="utf-8")
    (tmp_path / "out" / "outcomes" / "rnn-1.json").unlink()
    real, made = measuring.train, []

    def counted(task: Any, *args: Any, **options: Any) -> Any:
        made.append((task.recipe.arch, task.recipe.seed))
        return real(task, *args, **options)

    monkeypatch.setattr(measuring, "train", counted)
    resumed = compare_texts(tmp_path, seeds=2, resume=True)
    assert sorted(made) == [("gru", 2), ("rnn", 1)]

    def told(result: Comparison) -> dict[Any, Any]:
        return {frozenset((pair["a"], pair["b"])): (abs(pair["difference"]), pair["is_tie"]) for pair in result.content["pairs"]}

    assert told(resumed) == told(whole)
    assert resumed.content["cost"]["spent"]["minutes"] > whole.content["cost"]["spent"]["minutes"]


def test_the_cost_is_told_before_the_first_run_and_the_time_left_after_each(tmp_path: Path) -> None:
    told: list[Any] = []
    told_of_epochs: list[Any] = []

    class Told:
        def expect(self, forecast: Forecast) -> None:
            told.append(forecast)

        def epoch_ended(self, run: Run, epoch: int, epochs: int, done: int, total: int, seconds_left: float) -> None:
            told_of_epochs.append((run.name, epoch, epochs, done, total))
            assert seconds_left >= 0

        def ended(self, run: Run, done: int, total: int, seconds_left: float) -> None:
            told.append((run.name, done, total, seconds_left))

    write_texts(tmp_path / "texts.csv")
    recipe = build_recipe(ClassifyRecipe, options=TINY)
    material = material_of(recipe, [str(tmp_path / "texts.csv")], [], [])
    compare_material(material, Plan(("rnn", "gru"), seeds=1), tmp_path / "out", watch=Told())
    forecast, *ended = told
    assert forecast.pilots.keys() == {"rnn", "gru"}
    assert forecast.pilots["gru"].megabytes > forecast.pilots["rnn"].megabytes
    assert forecast.pilot_seconds < 60
    assert forecast.seconds > forecast.pilot_seconds
    assert [(done, total) for _, done, total, _ in ended] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert told_of_epochs == [("rnn", 1, 2, 2, 4), ("rnn", 2, 2, 2, 4), ("gru", 1, 2, 3, 4), ("gru", 2, 2, 3, 4)]
    assert ended[-1][3] == 0.0
    assert all(left > 0 for *_, left in ended[:-1])


def test_where_the_data_settle_the_epochs_each_is_told_of_those(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    class Told:
        def expect(self, forecast: Forecast) -> None:
            assert forecast.seconds > 0

        def epoch_ended(self, run: Run, epoch: int, epochs: int, done: int, total: int, seconds_left: float) -> None:
            told.append((epoch, epochs))

        def ended(self, run: Run, done: int, total: int, seconds_left: float) -> None:
            assert run.failure == ""

    material = material_of(
        build_recipe(ClassifyRecipe, options={**TINY, "max_epochs": 0, "patience": 1}), [str(write_texts(tmp_path / "texts.csv"))], [], []
    )
    result = compare_material(material, Plan(("rnn",), seeds=1, has_baselines=False), tmp_path / "out", watch=Told())
    (run,) = result.runs
    assert [epoch for epoch, _ in told] == [*range(1, len(run.epochs) + 1)]
    assert {epochs for _, epochs in told} == {50}  # the most that short epochs make


def test_a_comparison_of_an_earlier_tidegate_is_not_gone_on_with(tmp_path: Path) -> None:
    compare_texts(tmp_path, arch="rnn", baselines="none")
    place = tmp_path / "out" / "results.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"format_version": 1, "tidegate_version": "0.1"}))
    with pytest.raises(RecipeError, match=r"was written by tidegate 0\.1, whose comparisons this one cannot go on with"):
        compare_texts(tmp_path, arch="rnn", baselines="none", resume=True)


def test_forecasters_are_judged_by_errors_of_which_lower_is_better(toy_series: Path, tmp_path: Path) -> None:
    settings = {**SMALL_FORECASTER, **TOY_COLUMNS, "max_epochs": 1}
    result = tidegate.compare("forecast", toy_series / "pumps.csv", arch="rnn,gru", seeds=2, out=tmp_path / "out", **settings)
    content = result.content
    assert (content["score"], content["lower_is_better"], content["failures"]) == ("mase", True, [])
    scores = [row["score"] for row in content["leaderboard"]]
    assert scores == sorted(scores)
    first = content["leaderboard"][0]["name"]
    for pair in content["pairs"]:
        assert pair["p"] is not None
        assert pair["low"] <= pair["difference"] <= pair["high"]
        assert (pair["difference"] < 0) == (pair["a"] == first) or first not in (pair["a"], pair["b"])
    assert content["differences"]["by_position"]["rows"][0]["position"] == "1"
    assert {value for entry in content["disagreements"] for value in entry["is_right"].values()} == {None}
    for run in result.runs:
        if run.kind == "network":
            assert run.ms_per_step_p50 is not None
            assert run.ms_per_step_p99 is not None
            assert run.ms_per_step_p50 <= run.ms_per_step_p99
            assert run.ece is None
