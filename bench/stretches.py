"""What scoring a long text in stretches side by side changes against reading it in one go: nats a unit both ways. Prints Markdown.

    .venv/bin/python bench/stretches.py MODEL FILE

MODEL is a one-way language model, FILE a text.
"""

from __future__ import annotations

import argparse
import time

from tidegate.threads import use_threads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("file")
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    use_threads(options.threads)
    from tidegate.data.opening import open_lines
    from tidegate.data.streams import encode_lines
    from tidegate.runtime import GenerateModel, load

    model = load(options.model)
    assert isinstance(model, GenerateModel)
    stream = encode_lines((line for _, line in open_lines(options.file)), model.units)
    began = time.perf_counter()
    in_stretches = model.evaluate_stream(stream)["nats"]
    between = time.perf_counter()
    at_once = -float(model.log_probabilities(stream.ids.astype("int64")).mean())
    ended = time.perf_counter()
    print("| units | nats in stretches | nats in one go | difference | seconds in stretches | in one go |\n|---|---|---|---|---|---|")
    seconds = f"{between - began:.2f} | {ended - between:.2f}"
    print(f"| {len(stream):,} | {in_stretches:.6f} | {at_once:.6f} | {in_stretches - at_once:+.6f} | {seconds} |")


if __name__ == "__main__":
    main()
