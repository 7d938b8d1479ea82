"""Scores of forecasters on the test part, beside the value a season before and AutoETS."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Informer's split of ETTh1: 12, 4 and 4 months of 30 days; the rows behind them are not used.
_ETTH1_ROWS = 14_400
# What differs from the recipe, chosen on the development part: further ahead the mean of a month says more than its last value, and
# four days are too few for two-day segments.
_FAR = {"scaling": "window", "hidden_size": 128, "max_epochs": 5}
_FAR_RATES = {336: 3e-3, 720: 5e-3}
_SHORT = {"segment": 24, "hidden_size": 128}
_SHORTEST = {"segment": 24, "learning_rate": 3e-3, "max_epochs": 12}


def panel_of(name: str, reading: Mapping[str, Any]) -> Any:
    """The series of a data set as its published figures read them."""
    from tidegate.data.series import panel_of_frame, read_panel

    files = sorted(str(path) for path in Path(os.environ.get("TIDEGATE_DATA", "../shared/data")).joinpath(name).glob("*.csv.gz"))
    if name != "etth1":
        return read_panel(files, **reading, task="forecast")
    import pandas as pd

    return panel_of_frame(pd.read_csv(files[0]).iloc[:_ETTH1_ROWS], **reading, task="forecast")


def scored(name: str, options: Mapping[str, Any], panel: Any, *, scaled: bool, quiet: bool) -> dict[str, Any]:
    """metrics.json of one run, its test scores taken in the series' own units, or in standard deviations of the training part."""
    from tidegate.runtime import ForecastModel, load
    from tidegate.training.forecasting.corpus import corpus_of
    from tidegate.training.forecasting.recipe import ForecastRecipe
    from tidegate.training.forecasting.task import ForecastTask
    from tidegate.training.recipe import build_recipe
    from tidegate.training.run import train

    recipe = build_recipe(ForecastRecipe, recipe=name, options=options)
    task = ForecastTask(recipe, corpus_of(panel, recipe))
    with tempfile.TemporaryDirectory() as folder:
        result = train(task, Path(folder) / "model", quiet=quiet)
        metrics = dict(result.metrics)
        if scaled:
            model = load(result.path)
            assert isinstance(model, ForecastModel)
            for part in ("dev", "test"):
                metrics[part] = model.score(panel, task.corpus.origins(part), scaled=True)
    return metrics


def print_etth1(
    contexts: Sequence[str], horizons: Sequence[str], seeds: Sequence[int], settings: Mapping[str, Any], *, quiet: bool
) -> None:
    """MSE and MAE in standard deviations, all windows of the test part; the look-back that the recipe names, or a given one."""
    from tidegate.training.forecasting.recipe import ForecastRecipe
    from tidegate.training.recipe import build_recipe

    panel = panel_of("etth1", build_recipe(ForecastRecipe, recipe="etth1").reading())
    print(
        heading(
            "input; horizon; test MSE; each seed; test MAE; development MSE; a day before: MAE; 90 % band covers; epochs; minutes a run"
        )
    )
    for context in contexts:
        for horizon in horizons:
            given = {"horizon": horizon, **_chosen(context, int(horizon)), **settings}
            found = [scored("etth1", given | {"seed": seed}, panel, scaled=True, quiet=quiet) for seed in seeds]
            tests = [metrics["test"] for metrics in found]
            mse = [scores["mse"] for scores in tests]
            cells = [
                context,
                horizon,
                f"{statistics.mean(mse):.4f}",
                ", ".join(f"{value:.4f}" for value in mse),
                f"{statistics.mean(scores['mae'] for scores in tests):.4f}",
                f"{statistics.mean(metrics['dev']['mse'] for metrics in found):.4f}",
                f"{tests[0]['seasonal_naive_mae']:.4f}",
                f"{statistics.mean(scores['coverage_90'] for scores in tests):.1%}",
                str(statistics.median(metrics["best_epoch"] for metrics in found)),
                f"{statistics.median(metrics['seconds'] for metrics in found) / 60:.1f}",
            ]
            print("| " + " | ".join(cells) + " |", flush=True)


def _chosen(context: str, horizon: int) -> dict[str, Any]:
    if context == "recipe":
        return _FAR | {"learning_rate": _FAR_RATES[horizon]} if horizon in _FAR_RATES else {}
    if int(context) >= 336:
        return {"context": context}
    return {"context": context, **(_SHORTEST if horizon == 96 else _SHORT)}


def print_beijing(arches: Sequence[str], seeds: Sequence[int], settings: Mapping[str, Any], *, quiet: bool) -> None:
    """MAE of PM2.5 in µg/m³, 24 hours ahead from an origin a day, 12 stations, beside the better of the two naive forecasts."""
    from tidegate.training.forecasting.recipe import ForecastRecipe
    from tidegate.training.recipe import build_recipe

    panel = panel_of("beijing_air", build_recipe(ForecastRecipe, recipe="beijing_air").reading())
    print(
        heading(
            "architecture; test MAE; each seed; last value; a day before; below the better; 90 % band covers; MASE; CRPS; minutes a run"
        )
    )
    for arch in arches:
        given = {**settings, **({} if arch == "recipe" else {"arch": arch})}
        found = [scored("beijing_air", given | {"seed": seed}, panel, scaled=False, quiet=quiet) for seed in seeds]
        tests = [metrics["test"] for metrics in found]
        mae = [scores["mae"] for scores in tests]
        best = min(tests[0]["naive_mae"], tests[0]["seasonal_naive_mae"])
        cells = [
            arch,
            f"{statistics.mean(mae):.2f}",
            ", ".join(f"{value:.2f}" for value in mae),
            f"{tests[0]['naive_mae']:.2f}",
            f"{tests[0]['seasonal_naive_mae']:.2f}",
            f"{1 - statistics.mean(mae) / best:.1%}",
            ", ".join(f"{scores['coverage_90']:.1%}" for scores in tests),
            f"{statistics.mean(scores['mase'] for scores in tests):.3f}",
            f"{statistics.mean(scores['crps'] for scores in tests):.2f}",
            f"{statistics.median(metrics['seconds'] for metrics in found) / 60:.1f}",
        ]
        print("| " + " | ".join(cells) + " |", flush=True)


def print_auto_ets(origins: int, *, quiet: bool) -> None:
    """MAE, CRPS and coverage of AutoETS, fitted anew at so many of the test part's origins, and of the recipe's model at the same ones."""
    from tidegate.runtime import ForecastModel, load
    from tidegate.training.forecasting.baseline import auto_ets_scores
    from tidegate.training.forecasting.corpus import corpus_of
    from tidegate.training.forecasting.recipe import ForecastRecipe
    from tidegate.training.forecasting.task import ForecastTask
    from tidegate.training.recipe import build_recipe
    from tidegate.training.run import train

    recipe = build_recipe(ForecastRecipe, recipe="beijing_air", options={"auto_ets": False})
    panel = panel_of("beijing_air", recipe.reading())
    task = ForecastTask(recipe, corpus_of(panel, recipe))
    with tempfile.TemporaryDirectory() as folder:
        model = load(train(task, Path(folder) / "model", quiet=quiet).path)
        assert isinstance(model, ForecastModel)
        found = auto_ets_scores(model, panel, task.corpus.origins("test"), most=origins, seconds=3600)
    print(heading("forecast; origins; MAE; CRPS; 90 % band covers"))
    for name, key in (("AutoETS", "auto_ets"), (recipe.arch, "model")):
        scores = found[key]
        print(f"| {name} | {scores['windows']} | {scores['mae']:.2f} | {scores['crps']:.2f} | {scores['coverage_90']:.1%} |")
    print(f"| last value | {found['model']['windows']} | {found['model']['naive_mae']:.2f} | | |")


def heading(names: str) -> str:
    """The first two lines of a table, of names after semicolons."""
    columns = names.split("; ")
    return f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|"
