"""`tidegate train forecast` and `tidegate train fill`: models of time series."""

from __future__ import annotations

import time as clock
from typing import Any

from tidegate.cli import series_options, train_options
from tidegate.cli.options import Quiet, Seed, Threads, Version
from tidegate.cli.train_run import place_of, print_notes, recipe_of, run

FORECAST_EXAMPLES = (
    "Examples:\n\n"
    "tidegate train forecast sales.csv --horizon 28    (columns unique_id, ds, y)\n\n"
    "tidegate train forecast pump.csv --time timestamp --target pressure --horizon 1d --test-last 30d\n\n"
    "tidegate train forecast 'station-*.csv' --time year,month,day,hour --target PM2.5 --past-covariates TEMP,WSPM,wd --horizon 24\n\n"
    "tidegate train forecast shop.csv --series shop --target sold --future-covariates price --static-covariates town --horizon 14d\n\n"
    "tidegate train forecast grid.csv --time date --target HUFL,HULL,OT --horizon 96 --context 336 --set scaling=last"
)
FILL_EXAMPLES = (
    "Examples:\n\n"
    "tidegate train fill weather.csv --time timestamp --target temperature\n\n"
    "tidegate train fill 'station-*.csv' --time year,month,day,hour --target PM2.5 --past-covariates TEMP,WSPM,wd --test-last 180d\n\n"
    "tidegate train fill logger.csv --target level --missing -9999 --arch bilstm    (then: tidegate predict logger-bilstm/ logger.csv)"
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
    arch: train_options.ForecastArch = None,
    out: train_options.Out = None,
    recipe: train_options.RecipeFile = None,
    preset: train_options.Preset = "default",
    time_budget: train_options.TimeBudget = None,
    max_epochs: train_options.MaxEpochs = None,
    seed: Seed = None,
    settings: train_options.Settings = None,
    resume: train_options.Resume = False,
    overwrite: train_options.Overwrite = False,
    dry_run: train_options.DryRun = False,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Train a forecaster: what comes in the next steps of one or many series, with bands. Always split by time."""
    started = clock.monotonic()
    from tidegate.threads import use_threads

    count = use_threads(threads)
    from tidegate.training.forecasting.corpus import read_corpus
    from tidegate.training.forecasting.recipe import ForecastRecipe

    given: dict[str, Any] = {"time": time, "target": target, "series": series, "future_covariates": future_covariates}
    given |= {"past_covariates": past_covariates, "static_covariates": static_covariates, "horizon": horizon, "context": context}
    given |= {"frequency": frequency, "season": season, "gaps": gaps, "missing": missing, "dev_last": dev_last, "test_last": test_last}
    given |= {"levels": levels, "arch": arch, "time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    asked = recipe_of(ForecastRecipe, given, settings, preset=preset, recipe=recipe, resumed=out if resume else None)
    place = place_of(out, train_files, asked, dry_run=dry_run, resume=resume, overwrite=overwrite)
    corpus = read_corpus(train_files, asked)
    if not quiet:
        print_notes(corpus.notes)
    from tidegate.training.forecasting.task import ForecastTask

    task = ForecastTask(asked, corpus)
    run(task, place, count, train_files[0], dry_run=dry_run, resume=resume, overwrite=overwrite, quiet=quiet, started=started)


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
    arch: train_options.FillArch = None,
    out: train_options.Out = None,
    recipe: train_options.RecipeFile = None,
    preset: train_options.Preset = "default",
    time_budget: train_options.TimeBudget = None,
    max_epochs: train_options.MaxEpochs = None,
    seed: Seed = None,
    settings: train_options.Settings = None,
    resume: train_options.Resume = False,
    overwrite: train_options.Overwrite = False,
    dry_run: train_options.DryRun = False,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Train a filler: the missing values of one or many series, told from both sides, with bands. It learns by hiding what is there."""
    started = clock.monotonic()
    from tidegate.threads import use_threads

    count = use_threads(threads)
    from tidegate.training.filling.corpus import read_corpus
    from tidegate.training.filling.recipe import FillRecipe

    given: dict[str, Any] = {"time": time, "target": target, "series": series, "future_covariates": future_covariates}
    given |= {"past_covariates": past_covariates, "static_covariates": static_covariates, "frequency": frequency, "season": season}
    given |= {"missing": missing, "dev_last": dev_last, "test_last": test_last, "levels": levels, "arch": arch}
    given |= {"time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    asked = recipe_of(FillRecipe, given, settings, preset=preset, recipe=recipe, resumed=out if resume else None)
    place = place_of(out, train_files, asked, dry_run=dry_run, resume=resume, overwrite=overwrite)
    corpus = read_corpus(train_files, asked)
    if not quiet:
        print_notes(corpus.notes)
    from tidegate.training.filling.task import FillTask

    task = FillTask(asked, corpus)
    run(task, place, count, train_files[0], dry_run=dry_run, resume=resume, overwrite=overwrite, quiet=quiet, started=started)
