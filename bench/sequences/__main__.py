"""Figures of sequence models for bench/RESULTS.md, as Markdown.

    .venv/bin/python -m bench.sequences japanese_vowels --arch gru,bigru --seeds 1,2,3
    .venv/bin/python -m bench.sequences fsdd --arch gru,bigru --seeds 1,2,3
    .venv/bin/python -m bench.sequences speakers --arch bigru --seeds 1,2,3
    .venv/bin/python -m bench.sequences lookahead --seeds 1,2,3    (connected digits: error rate over delay)
    .venv/bin/python -m bench.sequences curve lookahead.md docs/images/lookahead.svg    (that table as a picture)
    .venv/bin/python -m bench.sequences live                       (cost of a one-way model on live frames)

Data: the folder that TIDEGATE_DATA names, else ../shared/data. Development data chooses the epoch; the test part is scored once at the
end of each run.
"""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path

from tidegate.threads import use_threads
from tidegate.training.recipe import parse_setting

from . import curve, labels, live, lookahead


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sequences", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    prints = {"japanese_vowels": labels.print_vowels, "fsdd": labels.print_fsdd, "speakers": labels.print_speakers}
    for kind in prints:
        kinds.add_parser(kind).add_argument("--arch", default="recipe", help="several after commas")
    ahead = kinds.add_parser("lookahead")
    ahead.add_argument("--spans", default="one way,0,100ms,200ms,400ms,all", help="look-aheads, several after commas")
    ahead.add_argument("--keep", type=Path, default=None, help="folder to keep the models in")
    kinds.add_parser("live")
    drawn = kinds.add_parser("curve")
    drawn.add_argument("table", type=Path, help="what lookahead printed")
    drawn.add_argument("picture", type=Path, help="an .svg to write")
    for part in kinds.choices.values():
        part.add_argument("--seeds", default="1", help="1,2,3")
        part.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
        part.add_argument("--quiet", action="store_true")
        part.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    if options.kind == "curve":
        curve.draw_curve(options.table, options.picture)
        return
    threads = use_threads(options.threads)
    import torch

    torch.set_num_threads(threads)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {threads} threads"
    print(f"{machine}, Python {platform.python_version()}, torch {torch.__version__}\n")
    seeds = [int(seed) for seed in options.seeds.split(",")]
    settings = dict(map(parse_setting, options.settings))
    if options.kind == "live":
        live.print_live(settings)
        return
    if options.kind == "lookahead":
        lookahead.print_lookahead(options.spans.split(","), seeds, settings, options.keep, quiet=options.quiet)
        return
    prints[options.kind](options.arch.split(","), seeds, settings, quiet=options.quiet)


if __name__ == "__main__":
    main()
