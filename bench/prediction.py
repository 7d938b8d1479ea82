"""How fast a model directory answers: sequences and tokens a second on the NumPy runtime, by batch size.

    .venv/bin/python bench/prediction.py MODEL FILE --threads 2

Each setting reads the whole file once to warm up and then `--repeats` times; the median is printed. The vectors
of word forms are computed anew in each repetition, as in a fresh process.
"""

from __future__ import annotations

import argparse
import statistics
import time

from tidegate.threads import use_threads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("file")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    threads = use_threads(options.threads)
    from tidegate.data.reading import read_labelled
    from tidegate.data.text_batches import units_of
    from tidegate.data.texts import read_texts
    from tidegate.runtime import ClassifyModel, load

    model = load(options.model)
    recipe = model.config["recipe"]
    if isinstance(model, ClassifyModel):
        columns = model.config["columns"]
        records = list(read_texts(options.file, text=columns["text"], label=columns["label"]))
        tokens = sum(len(units_of(record.text, recipe["unit"], recipe["max_length"])) for record in records)
    else:
        records = list(read_labelled(options.file, label=recipe["label"]))
        tokens = sum(map(len, records))
    print(f"{len(records):,} sequences, {tokens:,} tokens, {threads} threads, median of {options.repeats}\n")
    print("| batch tokens | sequences/s | tokens/s |")
    print("|---|---|---|")
    for batch_tokens in (256, 1024, 4096, 16384):
        seconds = []
        for repeat in range(options.repeats + 1):
            model = load(options.model)
            began = time.perf_counter()
            for _ in model.answers(records, batch_tokens=batch_tokens):
                pass
            if repeat:
                seconds.append(time.perf_counter() - began)
        middle = statistics.median(seconds)
        print(f"| {batch_tokens:,} | {len(records) / middle:,.0f} | {tokens / middle:,.0f} |", flush=True)
    model = load(options.model)
    waits = []
    for record in records[:300]:
        began = time.perf_counter()
        next(iter(model.answers([record])))
        waits.append(1e3 * (time.perf_counter() - began))
    print(f"\nOne sequence at a time: median {statistics.median(waits):.1f} ms, p99 {sorted(waits)[int(0.99 * len(waits))]:.1f} ms.")


if __name__ == "__main__":
    main()
