"""Claims about LSTM, Bi-LSTM and GRU, an experiment each. Measures what was not measured yet and writes docs/claims.md.

    .venv/bin/python -m bench.claims                    everything that is missing, about two hours on one core
    .venv/bin/python -m bench.claims --only d,h         of these claims alone
    .venv/bin/python -m bench.claims --only c,e --again anew, though it is there (timings: with nothing beside it)
    .venv/bin/python -m bench.claims --render           docs/claims.md and its figures from what is there, nothing is run

Data: the folder that TIDEGATE_DATA names, else ../shared/data. What was measured is kept in build/claims/<letter>.json, trainings that
several claims share in build/claims/runs and build/claims/models; what is there is not run again. Development data choose the epoch, test
data are scored once.
"""

from __future__ import annotations

import argparse
import sys
import time

from tidegate.threads import use_threads

LETTERS = "abcdefghijk"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.claims", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(LETTERS), help="letters after commas")
    parser.add_argument("--again", action="store_true", help="measures anew what is there already")
    parser.add_argument("--render", action="store_true", help="measures nothing")
    parser.add_argument("--train", action="store_true", help="only the trainings that several claims share")
    parser.add_argument("--seeds", default="1,2,3", help="of those trainings")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    letters = options.only.split(",")
    if unknown := set(letters) - set(LETTERS):
        parser.error(f"no claim {', '.join(sorted(unknown))}; there are {', '.join(LETTERS)}")
    threads = use_threads(options.threads)
    import torch

    torch.set_num_threads(threads)
    from bench.claims.page import CLAIMS, write_page
    from bench.claims.runs import run_all

    if not options.render:
        # Only the timings are measured anew where trainings are there: `--again` of a claim that rests on them runs them again too.
        run_all(letters, [int(seed) for seed in options.seeds.split(",")], again=options.again)
    if options.train:
        return
    for claim in CLAIMS:
        if options.render or claim.letter not in letters or (claim.record.exists() and not options.again and not claim.rests_on_runs):
            continue
        began = time.monotonic()
        found = claim.measure()
        if found is None:
            print(f"({claim.letter}) nothing to tell yet", file=sys.stderr, flush=True)
            continue
        claim.keep(found)
        print(f"({claim.letter}) {claim.title}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(write_page())


if __name__ == "__main__":
    main()
