"""Figures of translators for bench/RESULTS.md, as Markdown.

    .venv/bin/python -m bench.translation quality cmudict --seeds 3 --threads 1
    .venv/bin/python -m bench.translation quality tatoeba_eng_spa --attention additive,multiplicative,none --out models/
    .venv/bin/python -m bench.translation delay tatoeba_eng_spa --arch gru --out models/
    .venv/bin/python -m bench.translation training
    .venv/bin/python -m bench.translation decoding cmudict MODEL

Data: the folder that TIDEGATE_DATA names, else ../shared/data; splits as `splits` says. Development data chooses the epoch; the test
data is scored once at the end of each run.
"""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path

from tidegate.threads import use_threads
from tidegate.training.recipe import parse_setting

from . import quality, speed
from .splits import split_files


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.translation", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    for name in ("quality", "delay"):
        part = kinds.add_parser(name)
        part.add_argument("data", choices=sorted(quality.SCORES))
        part.add_argument("--arch", default="", help="other than the recipe's; several after commas")
        part.add_argument("--attention", default="", help="other than the recipe's; several after commas")
        part.add_argument("--seeds", default="1", help="1,2,3")
        part.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
        part.add_argument("--out", type=Path, default=None, help="keeps the models")
        part.add_argument("--quiet", action="store_true")
    training = kinds.add_parser("training")
    training.add_argument("--rounds", type=int, default=5)
    training.add_argument("--steps", type=int, default=8, help="steps of a turn")
    decoding = kinds.add_parser("decoding")
    decoding.add_argument("data", choices=sorted(quality.SCORES))
    decoding.add_argument("model")
    decoding.add_argument("--rounds", type=int, default=3)
    for part in kinds.choices.values():
        part.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    threads = use_threads(options.threads)
    import torch

    torch.set_num_threads(threads)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {threads} threads"
    print(f"{machine}, Python {platform.python_version()}, torch {torch.__version__}\n")
    if options.kind == "training":
        speed.print_training(options.rounds, options.steps)
    elif options.kind == "decoding":
        speed.print_decoding(options.model, split_files(options.data).test, options.rounds)
    else:
        if options.kind == "delay" and options.out is None:
            parser.error("delay reads the models that it has trained: name a folder with --out")
        print_quality(options)


def print_quality(options: argparse.Namespace) -> None:
    is_delay = options.kind == "delay"
    print(quality.header(options.data))
    seeds = [int(seed) for seed in options.seeds.split(",")]
    lengths, curves = [], []
    for arch in options.arch.split(","):
        for attention in options.attention.split(","):
            settings = dict(map(parse_setting, options.settings)) | ({"simultaneous": True} if is_delay else {})
            settings |= ({"arch": arch} if arch else {}) | ({"attention": attention} if attention else {})
            found = quality.scored(options.data, settings, seeds, options.out, quiet=options.quiet)
            said = ", ".join(filter(None, (arch, attention, "simultaneous" if is_delay else ""))) or "the recipe"
            print(quality.row(options.data, said, found), flush=True)
            if "bleu" in quality.SCORES[options.data]:
                lengths.append(f"\n{said}, by length:\n\n{quality.by_length(found[0])}")
    print("\n".join(lengths))
    for model in sorted(options.out.glob(f"{options.data}-*-simultaneous")) if is_delay and options.out else ():
        curves.append(f"\n{model.name}, greedy:\n\n{quality.delay_curve(model, options.data)}")
    print("\n".join(curves))


if __name__ == "__main__":
    main()
