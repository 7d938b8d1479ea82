"""How many characters a second a language model writes, by architecture. Prints Markdown.

    .venv/bin/python -m bench.sampling --threads 2

Random weights, one layer, 65 characters, one text, temperature 0.8. The architectures take turns, round by round; medians, and the best
round beside them, which is nearer to a machine without other work. Torch is not loaded: it would bring an OpenMP runtime, and the engine
would take its threads.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.threads import use_threads

if TYPE_CHECKING:
    from tidegate.runtime import GenerateModel

BAR = 20_000  # characters a second at H 512, of the first three
ARCHITECTURES = ("lstm", "gru", "gru-reset-after", "rnn", "mingru", "minlstm")
CHARACTERS = "\n !$&',-.3:;?" + "".join(chr(code) for first in "Aa" for code in range(ord(first), ord(first) + 26))


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.sampling", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--hidden-size", type=int, default=512)
    parser.add_argument("--embedding-size", type=int, default=64)
    parser.add_argument("--length", type=int, default=2000, help="characters a round")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    run(use_threads(options.threads), options.hidden_size, options.embedding_size, options.length, options.rounds)


def run(threads: int, hidden_size: int, embedding_size: int, length: int, rounds: int) -> None:
    import numpy as np

    from tidegate.kernels import engine

    sessions = {arch: drawn_model(arch, hidden_size, embedding_size).session() for arch in ARCHITECTURES}
    seconds: dict[str, list[float]] = {arch: [] for arch in ARCHITECTURES}
    for number in range(rounds + 1):
        for arch, session in sessions.items():
            begin = time.perf_counter()
            written = sum(map(len, session.sample(length=length, temperature=0.8)))
            if number:  # the first warms up
                seconds[arch].append((time.perf_counter() - begin) / written)
    information = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*:\s*(.+)", information.read_text()) if information.exists() else None
    print(
        f"{model.group(1) if model else platform.processor()}, {os.cpu_count()} processors; {threads} threads, engine: "
        f"{engine.instruction_set()}, NumPy {np.__version__}; H {hidden_size}, E {embedding_size}, {len(CHARACTERS) + 1} units; "
        f"{rounds} rounds of {length:,} characters. Bar at H 512: {BAR:,}.\n"
    )
    print("| | characters a second, median | best round | µs a character, median |\n|---|---|---|---|")
    for arch, each in seconds.items():
        median = statistics.median(each)
        print(f"| {arch} | {1 / median:,.0f} | {1 / min(each):,.0f} | {1e6 * median:.1f} |")
    headings = "one character, µs|from position 10 on|from position 100,000 on|ratio of medians|bytes of the saved session, early / late"
    print("\n| " + headings.replace("|", " | ") + " |\n" + "|---" * 5 + "|")
    for arch in ARCHITECTURES:
        print(positions(arch, hidden_size, embedding_size, length, rounds))


def positions(arch: str, hidden_size: int, embedding_size: int, length: int, rounds: int) -> str:
    """What a character costs early and late in a text, in turn."""
    model = drawn_model(arch, hidden_size, embedding_size)
    late = model.session()
    late.feed("".join(late.sample(length=10)) + "the end of it " * (100_000 // 14 + 1))
    seconds: dict[str, list[float]] = {"early": [], "late": []}
    for _ in range(rounds):
        early = model.session()
        early.feed("the first ")
        for name, session in (("early", early), ("late", late)):
            begin = time.perf_counter()
            written = sum(map(len, session.sample(length=length, temperature=0.8)))
            seconds[name].append((time.perf_counter() - begin) / written)
    first, last = (1e6 * statistics.median(each) for each in seconds.values())
    sizes = f"{len(early.to_bytes()):,} / {len(late.to_bytes()):,}"
    return f"| {arch} | {first:.1f} | {last:.1f} | {last / first:.3f} | {sizes} |"


def drawn_model(arch: str, hidden_size: int, embedding_size: int) -> GenerateModel:
    """A model with random weights, about as large as those of a trained one."""
    import numpy as np

    from tidegate.artefact import StoredModel
    from tidegate.data.units import CharacterUnits
    from tidegate.kernels import GATES, architecture, weight_names
    from tidegate.runtime import GenerateModel

    random = np.random.default_rng(0)
    units = CharacterUnits(["", *CHARACTERS])
    cell = architecture(arch).cell
    rows = GATES[cell] * hidden_size
    shapes: dict[str, tuple[int, ...]] = {
        "embedding.weight": (len(units), embedding_size),
        "head.weight": (len(units), hidden_size),
        "head.bias": (len(units),),
    }
    widths = {"weight_ih": (rows, embedding_size), "weight_hh": (rows, hidden_size)}
    shapes |= {f"stack.layers.0.0.{name}": widths.get(name, (rows,)) for name in weight_names(cell)}
    tensors = {name: random.normal(scale=hidden_size**-0.5, size=shape).astype(np.float32) for name, shape in shapes.items()}
    network = {"arch": arch, "hidden_size": hidden_size, "num_layers": 1, "embedding_size": embedding_size, "is_tied": False}
    return GenerateModel(StoredModel(Path("drawn"), {"network": network}, tensors, units.to_json(), {}))


if __name__ == "__main__":
    main()
