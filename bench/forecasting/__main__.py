"""Figures of forecasters for bench/RESULTS.md, as Markdown.

    .venv/bin/python -m bench.forecasting etth1 --seeds 1,2,3
    .venv/bin/python -m bench.forecasting beijing_air --arch rnn,lstm,gru --seeds 1,2,3
    .venv/bin/python -m bench.forecasting auto_ets --origins 600
    .venv/bin/python -m bench.forecasting speed --peer PYTHON    (one that has neuralforecast 3.3: pip install neuralforecast)

Data: the folder that TIDEGATE_DATA names, else ../shared/data. Development data chooses the epoch and sets the bands; the test part is
scored once at the end of each run.
"""

from __future__ import annotations

import argparse
import os
import platform

from tidegate.threads import use_threads
from tidegate.training.recipe import parse_setting

from . import quality, speed


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.forecasting", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    etth1 = kinds.add_parser("etth1")
    etth1.add_argument("--context", default="96,recipe", help="steps read; several after commas; recipe: the recipe's for each horizon")
    etth1.add_argument("--horizon", default="96,192,336,720")
    beijing = kinds.add_parser("beijing_air")
    beijing.add_argument("--arch", default="recipe", help="several after commas")
    for part in (etth1, beijing):
        part.add_argument("--seeds", default="1", help="1,2,3")
        part.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
        part.add_argument("--quiet", action="store_true")
    ets = kinds.add_parser("auto_ets")
    ets.add_argument("--origins", type=int, default=600, help="of the 2,172 of beijing_air's test part")
    ets.add_argument("--quiet", action="store_true")
    contest = kinds.add_parser("speed")
    contest.add_argument("--peer", required=True, help="a Python that has neuralforecast")
    contest.add_argument("--rounds", type=int, default=3)
    contest.add_argument("--steps", type=int, default=30, help="training steps of a turn")
    for part in kinds.choices.values():
        part.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    threads = use_threads(options.threads)
    import torch

    torch.set_num_threads(threads)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {threads} threads"
    print(f"{machine}, Python {platform.python_version()}, torch {torch.__version__}\n")
    if options.kind == "speed":
        speed.print_speed(options.peer, options.rounds, options.steps, threads)
        return
    if options.kind == "auto_ets":
        quality.print_auto_ets(options.origins, quiet=options.quiet)
        return
    seeds = [int(seed) for seed in options.seeds.split(",")]
    settings = dict(map(parse_setting, options.settings))
    if options.kind == "etth1":
        contexts, horizons = options.context.split(","), options.horizon.split(",")
        quality.print_etth1(contexts, horizons, seeds, settings, quiet=options.quiet)
    else:
        quality.print_beijing(options.arch.split(","), seeds, settings, quiet=options.quiet)


if __name__ == "__main__":
    main()
