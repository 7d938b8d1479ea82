"""The engine beside torch.nn and ONNX Runtime, in one process and in turn. Prints Markdown for bench/RESULTS.md.

    .venv/bin/python -m bench.kernels                        # everything, about half an hour
    .venv/bin/python -m bench.kernels training inference --cells lstm --shapes 0,2 --rounds 5
    .venv/bin/python -m bench.kernels --list                 # the shapes and their numbers

All contestants run on the same weights and numbers and are checked against torch.nn, in float64 unless that takes minutes (the paper's
GRU: against a loop in torch; each reference is itself checked against the plain twin). Then they take turns, round by round; a turn
begins when no other thread of the process works any more. Medians over the rounds; after two rounds only the two fastest of a kind go
on. GFLOP/s count the matrix products alone. The data folder is TIDEGATE_DATA, else ../shared/data.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from tidegate.threads import use_threads

PARTS = ("training", "inference", "step", "alternate", "tokens", "limits", "variants", "minimal")
MODES = ("training", "inference")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.kernels", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} [default: all]")
    parser.add_argument("--cells", default="", help="some of lstm,gru-reset-after,gru,rnn [default: all]")
    parser.add_argument("--shapes", default="", help="numbers of shapes, for training and inference [default: all]")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15, help="at most so many [default: 15]")
    parser.add_argument("--seconds", type=float, default=4.0, help="no new round of a row after so many, but three at least [default: 4]")
    parser.add_argument("--json", default="", metavar="FILE", help="every reading, for later")
    parser.add_argument("--list", action="store_true", help="the shapes and their numbers, then end")
    parser.add_argument("--without-engine", action="store_true", help="the opponents alone, in training, inference and step")
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"part '{part}' is not one of {', '.join(PARTS)}")
    run(options, use_threads(options.threads))


def run(options: argparse.Namespace, threads: int) -> None:
    import torch
    from tqdm import tqdm  # type: ignore[import-untyped]

    from .layers import check_reference
    from .machine import Neighbours, about, machine
    from .peak import Peak
    from .shapes import CELLS, all_shapes

    torch.set_num_threads(threads)
    shapes, note = all_shapes()
    if options.list:
        print("\n".join(f"{number}  {shape.name}  ({shape.tokens:,} tokens)" for number, shape in enumerate(shapes)))
        return
    with_engine = not options.without_engine
    if with_engine:
        from tidegate.kernels import engine

        if not engine.is_built():
            sys.exit("The engine is not built, so there is nothing to compare. Build it, or ask for the opponents alone: --without-engine.")
    cells = chosen("cell", dict(zip(CELLS, CELLS, strict=True)), options.cells)
    shapes = chosen("shape", {str(number): shape for number, shape in enumerate(shapes)}, options.shapes)
    parts = options.parts or [part for part in PARTS if with_engine or part in ("training", "inference", "step")]
    peak = Peak(threads)
    peak.measure()
    neighbours = Neighbours()
    results: dict[str, list[Any]] = {part: [] for part in parts}
    if "training" in parts or "inference" in parts:
        for cell in cells:
            check_reference(cell)
    jobs = make_jobs(parts, cells, shapes, options, threads, with_engine, peak)
    with tqdm(total=len(jobs), unit="row", file=sys.stderr) as bar:
        for part, name, job in jobs:
            bar.set_description(name)
            found = job()
            results[part] += found if isinstance(found, list) else [found]
            bar.update()
            if options.json:
                Path(options.json).write_text(json.dumps({"machine": machine(peak, threads, neighbours), "results": results}, indent=1))
    print(f"{about(machine(peak, threads, neighbours))}\n")
    if note:
        print(f"{note}\n")
    for part in parts:
        print(f"{table_of(part, results[part], peak.gflops)}\n", flush=True)


def chosen(what: str, known: dict[Any, Any], asked: str) -> list[Any]:
    """Those named, separated by commas; all, when none is."""
    names = asked.split(",") if asked else list(known)
    for name in names:
        if name not in known:
            sys.exit(f"{what} '{name}' is not one of {', '.join(known)}")
    return [known[name] for name in names]


# What a job measures a row or some of: the part, a name, and what gives them.
Job = tuple[str, str, Callable[[], Any]]


def make_jobs(
    parts: list[str], cells: list[Any], shapes: list[Any], options: argparse.Namespace, threads: int, with_engine: bool, peak: Any
) -> list[Job]:
    from . import layers, step

    pace = {"rounds": options.rounds, "seconds": options.seconds}
    jobs: list[Job] = []
    for mode, cell, shape in product([mode for mode in MODES if mode in parts], cells, shapes):
        job = partial(layers.measure, cell, shape, mode=mode, threads=threads, with_engine=with_engine, peak=peak, **pace)
        jobs.append((mode, f"{mode} {cell} {shape.name}", job))
    if "step" in parts:
        jobs += [("step", f"step {cell}", partial(step.measure, cell, with_engine=with_engine, **pace)) for cell in cells]
    if not with_engine:
        return jobs
    from . import alternation, limits, minimal, tokens, variants

    if "alternate" in parts:
        for cell, shape, mode in product(cells, alternation.SHAPES, MODES):
            job = partial(alternation.measure, cell, shape, mode=mode, threads=threads, rounds=min(5, options.rounds))
            jobs.append(("alternate", f"alternate {cell} {mode}", job))
    if "tokens" in parts:
        ways = (("training", "drop-in"), ("training", "layer"), ("inference", "layer"))
        for cell, pair, (mode, through) in product(cells, tokens.pairs(), ways):
            job = partial(tokens.measure, cell, pair, mode=mode, through=through, threads=threads, **pace)
            jobs.append(("tokens", f"tokens {cell} {mode}", job))
    if "limits" in parts:
        for cell in cells:
            jobs.append(("limits", f"memory {cell}", partial(limits.memory, cell, threads)))
            jobs.append(("limits", f"length {cell}", partial(limits.length, cell, threads)))
            jobs += [("limits", f"denormal {cell}", partial(limits.denormal, cell, threads, mode=mode, **pace)) for mode in MODES]
    if "variants" in parts:
        for cell, shape in product(cells, variants.shapes()):
            for mode in MODES:
                job = partial(variants.measure_layer, cell, shape, mode=mode, threads=threads, **pace)
                jobs.append(("variants", f"variants {cell} {mode}", job))
            jobs.append(("variants", f"variants {cell} stack", partial(variants.measure_stack, cell, shape, threads=threads, **pace)))
    if "minimal" in parts:
        for cell, size in product(minimal.CELLS, minimal.SHAPES):
            jobs.append(("minimal", f"minimal {cell}", partial(minimal.measure, cell, size, threads=threads, rounds=options.rounds)))
    return jobs


def table_of(part: str, rows: list[Any], peak_gflops: float) -> str:
    if part in MODES:
        from .layers import tables

        return tables(rows, part, peak_gflops)
    if part == "step":
        from .step import table
    elif part == "alternate":
        from .alternation import table
    elif part == "tokens":
        from .tokens import table
    elif part == "variants":
        from .variants import table
    elif part == "minimal":
        from .minimal import table
    else:
        from .limits import table
    return table(rows)


if __name__ == "__main__":
    main()
