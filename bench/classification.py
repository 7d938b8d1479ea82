"""Scores of the classifiers on public data: the recipe of each set, three seeds, mean and spread. Prints Markdown for bench/RESULTS.md.

    .venv/bin/python bench/classification.py sms_spam banking77 clinc150 snips_nlu sentence_polarity --seeds 3

Data: the folder that TIDEGATE_DATA names, else ../shared/data. Development data chooses the epoch; the test data is scored once at the
end of each run. Folds are those of `zlib.crc32(text)`, so that anybody can make them; a fold's development data is a stratified share of
its training texts. The baseline is scikit-learn's TF-IDF (word 1-2, character 2-5 grams) and LinearSVC, fitted on training and development
texts together, as its users would.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import statistics
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tidegate.data import Source, TextRecord
from tidegate.data.texts import read_texts
from tidegate.threads import use_threads

# A cut: its name, and training, development (none: held out) and test texts.
Cut = tuple[str, list[TextRecord], list[TextRecord], list[TextRecord]]


def folder(name: str) -> Path:
    found = Path(os.environ.get("TIDEGATE_DATA", "../shared/data")) / name
    if not found.is_dir():
        sys.exit(f"{found} is not there; name the folder of data sets with TIDEGATE_DATA")
    return found


def folds(records: list[TextRecord], count: int) -> Iterator[Cut]:
    distinct = list({record.text: record for record in records}.values())
    fold = [zlib.crc32(record.text.encode()) % count for record in distinct]
    for number in range(count):
        train = [record for record, own in zip(distinct, fold, strict=True) if own != number]
        test = [record for record, own in zip(distinct, fold, strict=True) if own == number]
        yield f"fold {number}", train, [], test


def sms_spam() -> Iterator[Cut]:
    yield from folds(list(read_texts(folder("sms_spam") / "SMSSpamCollection.gz", text="2", label="1")), 5)


def sentence_polarity() -> Iterator[Cut]:
    records = []
    for label in ("pos", "neg"):
        name = folder("sentence_polarity") / f"rt-polarity.{label}.gz"
        records += [TextRecord(r.text, r.source, (label,)) for r in read_texts(name, is_labelled=False)]
    yield from folds(records, 10)


def banking77() -> Iterator[Cut]:
    train, test = (list(read_texts(folder("banking77") / f"{part}.csv.gz", text="text", label="category")) for part in ("train", "test"))
    yield "as published", train, [], test


def snips_nlu() -> Iterator[Cut]:
    train, test = (list(read_texts(folder("snips_nlu") / f"{part}.jsonl.gz", label="intent")) for part in ("train", "valid"))
    yield "valid as test", train, [], test


def clinc150() -> Iterator[Cut]:
    with gzip.open(folder("clinc150") / "data_full.json.gz", "rt", encoding="utf-8") as file:
        content = json.load(file)
    parts = []
    for names in (("train", "oos_train"), ("val", "oos_val"), ("test", "oos_test")):
        rows = [(name, number, row) for name in names for number, row in enumerate(content[name], 1)]
        parts.append([TextRecord(text, Source(name, number, "row"), (label,)) for name, number, (text, label) in rows])
    yield "as published, with oos_train", *parts


DATA: dict[str, Callable[[], Iterator[Cut]]] = {
    "sms_spam": sms_spam,
    "banking77": banking77,
    "clinc150": clinc150,
    "snips_nlu": snips_nlu,
    "sentence_polarity": sentence_polarity,
}
SCORES = {"sms_spam": ("f1",), "clinc150": ("accuracy_in_scope", "recall_out_of_scope")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", choices=sorted(DATA))
    parser.add_argument("--recipe", default="", help="instead of the data's own, for instance none")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cuts", type=int, default=None, help="the first so many folds only")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    parser.add_argument("--no-baseline", action="store_true")
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    threads = use_threads(options.threads)
    import torch

    torch.set_num_threads(threads)
    print(f"{platform.machine()}, {threads} threads, Python {platform.python_version()}, torch {torch.__version__}")
    print(f"settings: {' '.join(options.settings) or 'those of the recipe'}\n")
    headings = ("data", "score", "test, mean ± spread of seeds", "each fold (or seed)", "dev", "baseline", "baseline, each fold")
    headings += ("s to the best epoch", "s an epoch")
    print("| " + " | ".join(headings) + " |")
    print("|" + "---|" * len(headings))
    for name in options.data:
        for line in rows(name, options):
            print(line, flush=True)


def rows(name: str, options: argparse.Namespace) -> Iterator[str]:
    """Lines of the table: every cut with every seed."""
    from tidegate.training.classification.corpus import build_corpus
    from tidegate.training.classification.recipe import ClassifyRecipe
    from tidegate.training.classification.task import ClassifyTask
    from tidegate.training.recipe import build_recipe, parse_setting
    from tidegate.training.run import train

    recipe_name = None if options.recipe == "none" else options.recipe or name
    settings = dict(map(parse_setting, options.settings))
    results: list[list[dict[str, dict[str, float]]]] = []
    baselines: list[dict[str, float]] = []
    seconds_to_best, epoch_seconds = [], []
    for cut, train_texts, dev_texts, test_texts in list(DATA[name]())[: options.cuts]:
        results.append([])
        for seed in range(1, options.seeds + 1):
            recipe = build_recipe(ClassifyRecipe, recipe=recipe_name, options={"seed": seed}, settings=settings)
            task = ClassifyTask(recipe, build_corpus(train_texts, dev_texts, test_texts, recipe))
            with tempfile.TemporaryDirectory() as out:
                metrics = train(task, Path(out) / "model", quiet=True).metrics
            results[-1].append(metrics)
            epochs = metrics["epochs"]
            epoch_seconds += [epoch["seconds"] for epoch in epochs]
            # What came before the first epoch (n-grams, folds) counts too.
            around = metrics["seconds"] - sum(epoch["seconds"] for epoch in epochs)
            seconds_to_best.append(around + sum(epoch["seconds"] for epoch in epochs[: metrics["best_epoch"]]))
            shown = {key: round(metrics["test"][key], 4) for key in SCORES.get(name, ("accuracy",))}
            print(f"{name}, {cut}, seed {seed}: {shown}, best epoch {metrics['best_epoch']} of {len(epochs)}", file=sys.stderr, flush=True)
        baselines.append({} if options.no_baseline else baseline(task, train_texts + dev_texts, test_texts))
    for score in SCORES.get(name, ("accuracy",)):
        cuts = [statistics.mean(100 * metrics["test"][score] for metrics in runs) for runs in results]
        runs = [100 * metrics["test"][score] for found in results for metrics in found]
        by_seed = [statistics.mean(100 * found[number]["test"][score] for found in results) for number in range(options.seeds)]
        dev = statistics.mean(100 * metrics["dev"][score] for found in results for metrics in found)
        base = [100 * found[score] for found in baselines if found]
        cells = [
            name,
            score,
            f"{statistics.mean(runs):.2f} ± {max(by_seed) - min(by_seed):.2f}",
            ", ".join(f"{value:.2f}" for value in (cuts if len(cuts) > 1 else by_seed)),
            f"{dev:.2f}",
            f"{statistics.mean(base):.2f}" if base else "–",
            ", ".join(f"{value:.2f}" for value in base) if len(base) > 1 else "",
            f"{statistics.median(seconds_to_best):.0f} (at most {max(seconds_to_best):.0f})",
            f"{statistics.median(epoch_seconds):.1f}",
        ]
        yield "| " + " | ".join(cells) + " |"


def baseline(task: Any, train_texts: list[TextRecord], test_texts: list[TextRecord]) -> dict[str, float]:
    """The linear machine on the same cut, scored alike."""
    from tidegate.training.classification.baseline import LinearMachine, scores_of

    machine = LinearMachine()
    machine.fit(train_texts, task.corpus.labels)
    return scores_of(test_texts, machine.answer(test_texts), task.corpus, out_of_scope=task.recipe.out_of_scope)


if __name__ == "__main__":
    main()
