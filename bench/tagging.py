"""Scores of the taggers on public data: each recipe, three seeds, mean and spread. Prints Markdown for bench/RESULTS.md.

    .venv/bin/python bench/tagging.py ud_english_ewt wnut17 snips_nlu --seeds 3

Data: the folder that TIDEGATE_DATA names, else ../shared/data. Development data chooses the epoch; the test
data is scored once at the end of each run. Seeds run one after another, on --threads threads.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

from tidegate.threads import use_threads
from tidegate.training.files import RunFiles

FILES: dict[str, dict[str, list[str]]] = {
    "ud_english_ewt": {
        "train": ["en_ewt-ud-train.conllu.gz"],
        "dev": ["en_ewt-ud-dev.conllu.gz"],
        "test": ["en_ewt-ud-test.conllu.gz"],
    },
    "wnut17": {"train": ["wnut17train.conll.gz"], "dev": ["emerging.dev.conll.gz"], "test": ["emerging.test.annotated.gz"]},
    "snips_nlu": {"train": ["train.jsonl.gz"], "dev": [], "test": ["valid.jsonl.gz"]},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", choices=sorted(FILES))
    parser.add_argument("--arch", default="", help="other than the recipe's, for instance lstm,bilstm,gru,bigru")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    threads = use_threads(options.threads)
    import torch

    torch.set_num_threads(threads)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, {threads} threads, Python {platform.python_version()}, torch {torch.__version__}\n"
    )
    print("| data | arch | score | test, mean ± spread of seeds | each seed | baseline | unseen words | epoch s | training tokens/s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in options.data:
        for arch in options.arch.split(","):
            print(row(name, arch, options.seeds, quiet=options.quiet), flush=True)


def row(name: str, arch: str, seeds: int, *, quiet: bool) -> str:
    """One line of the table: `seeds` runs of one recipe on one architecture."""
    from tidegate.training.recipe import build_recipe
    from tidegate.training.run import train
    from tidegate.training.tagging.corpus import read_corpus
    from tidegate.training.tagging.recipe import TagRecipe
    from tidegate.training.tagging.task import TagTask

    folder = Path(os.environ.get("TIDEGATE_DATA", "../shared/data")) / name
    if not folder.is_dir():
        sys.exit(f"{folder} is not there; name the folder of data sets with TIDEGATE_DATA")
    files = RunFiles(*([str(folder / file) for file in FILES[name][split]] for split in ("train", "dev", "test")))
    results = []
    for seed in range(1, seeds + 1):
        recipe = build_recipe(TagRecipe, recipe=name, options={"seed": seed} | ({"arch": arch} if arch else {}))
        corpus = read_corpus(files, recipe)
        with tempfile.TemporaryDirectory() as out:
            task = TagTask(recipe, corpus)
            results.append(train(task, Path(out) / "model", quiet=quiet).metrics)
    score = task.score_name
    reached = [100 * metrics["test"][score] for metrics in results]
    unseen = statistics.mean(100 * metrics["test"]["accuracy_unseen"] for metrics in results)
    seconds = statistics.median(epoch["seconds"] for metrics in results for epoch in metrics["epochs"])
    cells = [
        name,
        arch or recipe.arch,
        score,
        f"{statistics.mean(reached):.2f} ± {max(reached) - min(reached):.2f}",
        ", ".join(f"{value:.2f}" for value in reached),
        f"{100 * results[0]['baseline']['test'][score]:.2f}",
        f"{unseen:.2f}",
        f"{seconds:.1f}",
        f"{results[0]['train_tokens'] / seconds:,.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
