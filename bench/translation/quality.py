"""Scores of translators on the test data, by recipe, attention and architecture; and quality over delay of simultaneous ones."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .splits import split_files

SCORES = {"cmudict": ("per", "wer"), "tatoeba_eng_spa": ("bleu", "chrf")}
DELAYS = (1, 2, 3, 4, 5, 7, 9)


def scored(name: str, options: Mapping[str, Any], seeds: Sequence[int], out: Path | None, *, quiet: bool) -> list[dict[str, Any]]:
    """metrics.json of a run for each seed; the model directories are kept in `out`, if one is named."""
    from tidegate.training.run import train

    found = []
    for seed in seeds:
        task = task_of(name, {**options, "seed": seed})
        with tempfile.TemporaryDirectory() as folder:
            given = "-".join([name, task.recipe.arch, task.recipe.attention, str(seed)])
            target = (out or Path(folder)) / (given + ("-simultaneous" if task.recipe.simultaneous else ""))
            found.append(train(task, target, overwrite=True, quiet=quiet).metrics)
    return found


def task_of(name: str, options: Mapping[str, Any]) -> Any:
    """A recipe's task on its data."""
    from tidegate.training.files import RunFiles
    from tidegate.training.recipe import build_recipe
    from tidegate.training.translation.corpus import read_corpus
    from tidegate.training.translation.recipe import TranslateRecipe
    from tidegate.training.translation.task import TranslateTask

    recipe = build_recipe(TranslateRecipe, recipe=name, options=options)
    train, dev, test = split_files(name)
    return TranslateTask(recipe, read_corpus(RunFiles([train], [dev], [test]), recipe))


def row(name: str, said: str, found: Sequence[Mapping[str, Any]]) -> str:
    """One line of the table: mean and spread of the seeds, the baseline's score, minutes of a run."""
    cells = [said]
    for score in SCORES[name]:
        factor = 100 if score in ("per", "wer") else 1
        reached = [factor * metrics["test"][score] for metrics in found]
        each = f" ({', '.join(f'{value:.2f}' for value in reached)})" if len(reached) > 1 else ""
        cells += [f"{statistics.mean(reached):.2f}{each}", f"{factor * found[0]['baseline']['test'][score]:.2f}"]
    first = found[0]
    minutes = statistics.median(metrics["seconds"] for metrics in found) / 60
    seconds = statistics.median(epoch["seconds"] for metrics in found for epoch in metrics["epochs"])
    cells += [f"{first['parameters']:,}", f"{len(first['epochs'])}", f"{minutes:.1f}", f"{first['train_units'] / seconds:,.0f}"]
    return "| " + " | ".join(cells) + " |"


def header(name: str) -> str:
    scores = " | ".join(f"{score}{' %' if score in ('per', 'wer') else ''} | nearest source's" for score in SCORES[name])
    columns = f"| network | {scores} | parameters | epochs | minutes | training units/s |"
    return columns + "\n" + "|---" * (columns.count("|") - 1) + "|"


def by_length(metrics: Mapping[str, Any]) -> str:
    """The scores of one run by the length of the source."""
    lines = ["| units of the source | sources | bleu | chrf |", "|---|---|---|---|"]
    for part in metrics["test"]["by_length"]:
        lines.append(f"| {part['source_units']} | {part['n']:,} | {part['bleu']:.1f} | {part['chrf']:.1f} |")
    return "\n".join(lines)


def delay_curve(model_directory: Path, name: str) -> str:
    """Scores of a simultaneous model by how many units it waits for; a row more for the whole source."""
    from tidegate.data.pairs import read_pairs
    from tidegate.runtime import TranslateModel, load

    model = load(model_directory)
    assert isinstance(model, TranslateModel)
    entries = read_pairs([split_files(name).test], stress=model.config["recipe"]["stress"]).entries
    lines = ["| k | " + " | ".join(SCORES[name]) + " | seconds |", "|---" * (len(SCORES[name]) + 2) + "|"]
    for k in (*DELAYS, None):
        began = time.perf_counter()
        scores = model.evaluate(entries, beam=1, wait_k=k)
        cells = [f"{(100 if score in ('per', 'wer') else 1) * scores[score]:.2f}" for score in SCORES[name]]
        lines.append(f"| {k or 'whole source'} | {' | '.join(cells)} | {time.perf_counter() - began:.1f} |")
    return "\n".join(lines)
