"""Holes of beijing_air's PM2.5 filled: errors on hidden gaps of the file's own lengths, beside a straight line. Prints Markdown.

    .venv/bin/python bench/filling.py --seeds 1,2,3 --threads 1
    .venv/bin/python bench/filling.py --arch bigru,gru --set others=no --keep models/

Data: the folder that TIDEGATE_DATA names, else ../shared/data. Development: March to August 2016, which chooses the epoch and sets the
bands; test: September 2016 to February 2017, scored once at the end of each run. The same values are hidden for every network and seed,
four times in other places: 15 of 100, together with what was missing beside the gap in the other columns and at the other stations.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from tidegate.threads import use_threads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="bigru,gru", help="with commas")
    parser.add_argument("--seeds", default="1", help="with commas")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--keep", type=Path, default=None, help="folder to keep the models in, one an architecture and seed")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    threads = use_threads(options.threads)
    import torch

    torch.set_num_threads(threads)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, {threads} threads, Python {platform.python_version()}, torch {torch.__version__}\n"
    )
    print_scores(options)


def print_scores(options: argparse.Namespace) -> None:
    from tidegate.data.series import read_panel
    from tidegate.training.filling.corpus import corpus_of
    from tidegate.training.filling.recipe import FillRecipe
    from tidegate.training.filling.task import FillTask
    from tidegate.training.recipe import build_recipe, parse_setting
    from tidegate.training.run import train

    folder_of_data = Path(os.environ.get("TIDEGATE_DATA", "../shared/data")) / "beijing_air"
    files = sorted(map(str, folder_of_data.glob("*.csv.gz")))
    if not files:
        sys.exit("beijing_air is not there; name the folder of data sets with TIDEGATE_DATA")
    settings = dict(map(parse_setting, options.set))
    panel = read_panel(files, **build_recipe(FillRecipe, recipe="beijing_air", settings=settings).reading(), task="fill")
    print("| arch | seed | dev MAE | test MAE | linear | a day away | below linear | test RMSE | 90 % band covers | epochs | seconds |")
    print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    found: dict[str, list[dict[str, Any]]] = {}
    for arch in options.arch.split(","):
        for seed in options.seeds.split(","):
            recipe = build_recipe(FillRecipe, recipe="beijing_air", options={"arch": arch, "seed": int(seed)}, settings=settings)
            task = FillTask(recipe, corpus_of(panel, recipe))
            with tempfile.TemporaryDirectory() as folder:
                out = (options.keep or Path(folder)) / f"{arch}-{seed}"
                metrics = train(task, out, overwrite=True, quiet=options.quiet).metrics
            test = metrics["test"]
            cells = [
                arch,
                seed,
                *(f"{value:.2f}" for value in (metrics["dev"]["mae"], test["mae"], test["linear_mae"], test["seasonal_mae"])),
            ]
            cells += [f"{1 - test['mae'] / test['linear_mae']:.1%}", f"{test['rmse']:.2f}", f"{test['coverage_90']:.1%}"]
            print(f"| {' | '.join(cells)} | {len(metrics['epochs'])} | {metrics['seconds']:.0f} |", flush=True)
            found.setdefault(arch, []).append(test)
    print_by_gap(found)


def print_by_gap(found: dict[str, list[dict[str, Any]]]) -> None:
    """Mean errors over the seeds, by length of gap."""
    first = next(iter(found.values()))[0]
    print(f"\n| gap, hours | values | linear | {' | '.join(found)} |")
    print("|---|---|---|" + "---|" * len(found))
    for place, row in enumerate(first["by_gap"]):
        means = [statistics.fmean(test["by_gap"][place]["mae"] for test in tests) for tests in found.values()]
        print(f"| {row['gap']} | {row['n']:,} | {row['linear_mae']:.2f} | {' | '.join(f'{mean:.2f}' for mean in means)} |")
    whole = [statistics.fmean(test["mae"] for test in tests) for tests in found.values()]
    print(f"| all | {first['n']:,} | {first['linear_mae']:.2f} | {' | '.join(f'{mean:.2f}' for mean in whole)} |")


if __name__ == "__main__":
    main()
