"""`tidegate compare forecast` and `tidegate compare fill`."""

from __future__ import annotations

from typing import Any

from tidegate.cli import compare_options, series_options, train_options
from tidegate.cli.compare_run import compare
from tidegate.cli.options import Quiet, Seed, Threads, Version

FORECAST_EXAMPLES = (
    "Examples:\n\n"
    "tidegate compare forecast pump.csv --time timestamp --target pressure --horizon 1d --test-last 30d --arch rnn,lstm,gru\n\n"
    "tidegate compare forecast shop.csv --series shop --target sold --future-covariates price --horizon 14d --test-last 90d --seeds 5"
)
FILL_EXAMPLES = (
    "Examples:\n\n"
    "tidegate compare fill weather.csv --time timestamp --target temperature --test-last 60d --arch gru,bigru,bilstm\n\n"
    "tidegate compare fill 'station-*.csv' --time year,month,day,hour --target PM2.5 --past-covariates TEMP,WSPM,wd --test-last 180d"
)


def forecast(
    train_files: series_options.SeriesFiles,
    time: series_options.Time = None,
    target: series_options.TargetColumns = None,
    series: series_options.SeriesColumn = None,
    future_covariates: series_options.FutureCovariates = None,
    past_covariates: series_options.PastCovariates = None,
    static_covariates: series_options.StaticCovariates = None,
    horizon: series_options.Horizon = None,
    context: series_options.Context = None,
    frequency: series_options.Frequency = None,
    season: series_options.Season = None,
    gaps: series_options.Gaps = None,
    missing: series_options.Missing = None,
    dev_last: series_options.DevLast = None,
    test_last: series_options.TestLast = None,
    levels: series_options.Levels = None,
    arch: compare_options.ForecastArchs = None,
    seeds: compare_options.Seeds = 3,
    baselines: compare_options.Baselines = "auto",
    folds: compare_options.NoFolds = 0,
    train_sizes: compare_options.NoTrainSizes = "100%",
    out: compare_options.Out = None,
    recipe: train_options.RecipeFile = None,
    preset: train_options.Preset = "default",
    time_budget: compare_options.TimeBudget = None,
    max_epochs: train_options.MaxEpochs = None,
    seed: Seed = None,
    settings: train_options.Settings = None,
    resume: compare_options.Resume = False,
    overwrite: compare_options.Overwrite = False,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Compare forecasters, beside the last value, the value a season before and AutoETS. Always split by time."""
    given: dict[str, Any] = {
        "time": time,
        "target": target,
        "series": series,
        "future_covariates": future_covariates,
        "past_covariates": past_covariates,
        "static_covariates": static_covariates,
        "horizon": horizon,
        "context": context,
        "frequency": frequency,
        "season": season,
        "gaps": gaps,
        "missing": missing,
        "dev_last": dev_last,
        "test_last": test_last,
        "levels": levels,
    }
    given |= {"time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    planned = {"arch": arch, "seeds": seeds, "baselines": baselines, "folds": folds, "train_sizes": train_sizes}
    source = {"preset": preset, "recipe": recipe, "settings": settings}
    how = {"resume": resume, "overwrite": overwrite, "quiet": quiet}
    compare("forecast", (train_files, [], []), given, planned, source, out, threads, **how)


def fill(
    train_files: series_options.SeriesFiles,
    time: series_options.Time = None,
    target: series_options.TargetColumns = None,
    series: series_options.SeriesColumn = None,
    past_covariates: series_options.Covariates = None,
    future_covariates: series_options.CovariatesToo = None,
    static_covariates: series_options.StaticCovariates = None,
    frequency: series_options.Frequency = None,
    season: series_options.Season = None,
    missing: series_options.Missing = None,
    dev_last: series_options.DevLast = None,
    test_last: series_options.TestLast = None,
    levels: series_options.Levels = None,
    arch: compare_options.Archs = None,
    seeds: compare_options.Seeds = 3,
    baselines: compare_options.Baselines = "auto",
    folds: compare_options.NoFolds = 0,
    train_sizes: compare_options.NoTrainSizes = "100%",
    out: compare_options.Out = None,
    recipe: train_options.RecipeFile = None,
    preset: train_options.Preset = "default",
    time_budget: compare_options.TimeBudget = None,
    max_epochs: train_options.MaxEpochs = None,
    seed: Seed = None,
    settings: train_options.Settings = None,
    resume: compare_options.Resume = False,
    overwrite: compare_options.Overwrite = False,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Compare fillers of missing values, beside a straight line and the same time a season away. Always split by time."""
    given: dict[str, Any] = {
        "time": time,
        "target": target,
        "series": series,
        "past_covariates": past_covariates,
        "future_covariates": future_covariates,
        "static_covariates": static_covariates,
        "frequency": frequency,
        "season": season,
        "missing": missing,
        "dev_last": dev_last,
        "test_last": test_last,
        "levels": levels,
    }
    given |= {"time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    planned = {"arch": arch, "seeds": seeds, "baselines": baselines, "folds": folds, "train_sizes": train_sizes}
    source = {"preset": preset, "recipe": recipe, "settings": settings}
    how = {"resume": resume, "overwrite": overwrite, "quiet": quiet}
    compare("fill", (train_files, [], []), given, planned, source, out, threads, **how)
