"""What `--init-from` is worth: a tagger of few labelled sentences, begun afresh and begun with a language model of raw text.

    .venv/bin/python bench/inheritance.py --labelled 500 --seeds 3

Data: UD English EWT in the folder that TIDEGATE_DATA names, else ../shared/data. The first sentences of its training file count as
labelled; the language model (two-way, of words) reads the words of the whole training file as raw text, a sentence a line, its last
tenth held out to choose the epoch. Both taggers have the same sizes and see the same development data, which chooses the epoch; the test
data is scored once at the end of each run. Prints Markdown for bench/RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tidegate.threads import use_threads
from tidegate.training.files import RunFiles

# Short windows, so that a text of 200,000 words gives steps enough.
LANGUAGE_MODEL = {"vocabulary_size": 6000, "streams": 8, "window": 32, "dropout": 0.2, "max_epochs": 8}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labelled", default="500", help="labelled sentences, with commas")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--hidden-size", type=int, default=128)
    parser.add_argument("--word-size", type=int, default=100)
    parser.add_argument("--lm-budget", default="4m", help="time for the language model")
    parser.add_argument("--lm-set", action="append", default=[], metavar="KEY=VALUE", help="any key of the language model's recipe")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any key of both taggers' recipes")
    parser.add_argument("--lm", type=Path, default=None, help="where the language model is kept; used as it is if it stands there")
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    threads = use_threads(options.threads)
    import torch

    from tidegate.training.recipe import parse_setting

    torch.set_num_threads(threads)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, {threads} threads, Python {platform.python_version()}, torch {torch.__version__}\n"
    )
    sizes = {"hidden_size": options.hidden_size, "word_size": options.word_size}
    with tempfile.TemporaryDirectory() as folder:
        model = options.lm or Path(folder) / "lm"
        if not model.exists():
            began = time.monotonic()
            nats = language_model(model, sizes, dict(map(parse_setting, options.lm_set)), options.lm_budget)
            print(f"language model: {nats:.3f} nats a word from both sides, {time.monotonic() - began:.0f} s\n", flush=True)
        print(
            "| labelled sentences | begun | dev accuracy | test accuracy, mean ± spread of seeds | each seed | unseen words | epochs | s |"
        )
        print("|---|---|---|---|---|---|---|---|")
        for count in map(int, options.labelled.split(",")):
            for source in ("", str(model)):
                settings = (sizes if not source else {}) | dict(map(parse_setting, options.set))
                print(row(count, source, settings, options.seeds), flush=True)


def language_model(out: Path, sizes: dict[str, int], settings: dict[str, Any], budget: str) -> float:
    """Trains it on the words of the training file; gives the nats a word on the held-out end."""
    from tidegate.data.reading import read_labelled
    from tidegate.training.generation.corpus import GenerateFiles, read_corpus
    from tidegate.training.generation.recipe import GenerateRecipe
    from tidegate.training.generation.task import GenerateTask
    from tidegate.training.recipe import build_recipe
    from tidegate.training.run import train

    options = {"unit": "word", "arch": "bilstm", "hidden_size": sizes["hidden_size"], "embedding_size": sizes["word_size"]}
    recipe = build_recipe(GenerateRecipe, options=LANGUAGE_MODEL | options | {"time_budget": budget}, settings=settings)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as raw:
        raw.writelines(" ".join(record.tokens) + "\n" for record in read_labelled(_file("train"), label=("upos",)))
        raw.flush()
        task = GenerateTask(recipe, read_corpus(GenerateFiles([raw.name]), recipe))
    return float(train(task, out, quiet=True).metrics["dev"]["nats"])


def row(count: int, source: str, settings: dict[str, Any], seeds: int) -> str:
    """One line of the table: `seeds` runs on the first `count` training sentences."""
    from tidegate.training.recipe import build_recipe
    from tidegate.training.run import train
    from tidegate.training.tagging.corpus import build_corpus, read_parts
    from tidegate.training.tagging.recipe import TagRecipe
    from tidegate.training.tagging.task import TagTask

    results, seconds = [], []
    for seed in range(1, seeds + 1):
        recipe = build_recipe(TagRecipe, options={"arch": "bilstm", "label": "upos", "seed": seed, "init_from": source}, settings=settings)
        train_part, dev, test = read_parts(RunFiles([_file("train")], [_file("dev")], [_file("test")]), recipe)
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as out:
            task = TagTask(recipe, build_corpus(train_part[:count], dev, test, recipe))
            results.append(train(task, Path(out) / "model", quiet=True).metrics)
        seconds.append(time.monotonic() - began)
    reached = [100 * metrics["test"]["accuracy"] for metrics in results]
    cells = [
        f"{count:,}",
        "with the language model" if source else "afresh",
        f"{statistics.mean(100 * metrics['dev']['accuracy'] for metrics in results):.2f}",
        f"{statistics.mean(reached):.2f} ± {max(reached) - min(reached):.2f}",
        ", ".join(f"{value:.2f}" for value in reached),
        f"{statistics.mean(100 * metrics['test']['accuracy_unseen'] for metrics in results):.2f}",
        ", ".join(str(metrics["best_epoch"]) for metrics in results),
        f"{statistics.median(seconds):.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def _file(part: str) -> str:
    path = Path(os.environ.get("TIDEGATE_DATA", "../shared/data")) / "ud_english_ewt" / f"en_ewt-ud-{part}.conllu.gz"
    if not path.is_file():
        sys.exit(f"{path} is not there; name the folder of data sets with TIDEGATE_DATA")
    return str(path)


if __name__ == "__main__":
    main()
