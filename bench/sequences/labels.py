"""Accuracy of sequence classifiers: japanese_vowels, fsdd by takes, fsdd with a speaker left out."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tidegate.training.frame_material import Columns, Record, parts_of
from tidegate.training.recipe import build_recipe
from tidegate.training.run import train
from tidegate.training.sequences.corpus import corpus_of
from tidegate.training.sequences.recipe import SequenceClassifyRecipe
from tidegate.training.sequences.task import SequenceClassifyTask

from .material import SOUND_COLUMNS, VOWEL_COLUMNS, digits, take, vowels

# Takes of fsdd: the first five are the test set, as its authors say; of the others two choose the epoch.
TEST_TAKES, DEV_TAKES = range(5), (5, 6)


def print_vowels(archs: Sequence[str], seeds: Sequence[int], settings: Mapping[str, Any], *, quiet: bool) -> None:
    """japanese_vowels, a row a run; a tenth of the training utterances chooses the epoch."""
    _head("speaker")
    train_part, test = vowels("train"), vowels("test")
    for arch in archs:
        runs = [_run("japanese_vowels", arch, seed, settings, train_part, [], test, VOWEL_COLUMNS, quiet=quiet) for seed in seeds]
        _rows(arch, seeds, runs)


def print_fsdd(archs: Sequence[str], seeds: Sequence[int], settings: Mapping[str, Any], *, quiet: bool) -> None:
    """fsdd, test takes 0 to 4, a row a run."""
    _head("digit")
    recordings = digits()
    test = [one for one in recordings if take(one) in TEST_TAKES]
    dev = [one for one in recordings if take(one) in DEV_TAKES]
    rest = [one for one in recordings if take(one) not in (*TEST_TAKES, *DEV_TAKES)]
    for arch in archs:
        _rows(arch, seeds, [_run("fsdd", arch, seed, settings, rest, dev, test, SOUND_COLUMNS, quiet=quiet) for seed in seeds])


def print_speakers(archs: Sequence[str], seeds: Sequence[int], settings: Mapping[str, Any], *, quiet: bool) -> None:
    """fsdd with each speaker left out in turn: all of that speaker's takes are the test set, the next speaker chooses the epoch."""
    recordings = digits()
    speakers = sorted({one.group for one in recordings})
    print("| arch | seed | " + " | ".join(speakers) + " | mean |")
    print("|---|---|" + "---|" * (len(speakers) + 1))
    for arch in archs:
        for seed in seeds:
            found = []
            for place, speaker in enumerate(speakers):
                other = speakers[(place + 1) % len(speakers)]
                by_speaker = {name: [one for one in recordings if one.group == name] for name in speakers}
                rest = [one for one in recordings if one.group not in (speaker, other)]
                run = _run("fsdd", arch, seed, settings, rest, by_speaker[other], by_speaker[speaker], SOUND_COLUMNS, quiet=quiet)
                found.append(run["test"]["accuracy"])
            print(f"| {arch} | {seed} | " + " | ".join(f"{100 * one:.1f}" for one in [*found, statistics.fmean(found)]) + " |", flush=True)


def _run(
    name: str,
    arch: str,
    seed: int,
    settings: Mapping[str, Any],
    train_part: Sequence[Record],
    dev: Sequence[Record],
    test: Sequence[Record],
    columns: Columns,
    *,
    quiet: bool,
) -> dict[str, Any]:
    options = {"seed": seed, **({} if arch == "recipe" else {"arch": arch})}
    recipe = build_recipe(SequenceClassifyRecipe, recipe=name, options=options, settings=settings)
    task = SequenceClassifyTask(recipe, corpus_of(parts_of(train_part, dev, test, columns, recipe), recipe))
    with tempfile.TemporaryDirectory() as folder:
        return train(task, Path(folder) / "model", quiet=quiet).metrics


def _head(what: str) -> None:
    print(
        f"| arch | seed | dev accuracy | test accuracy of the {what} | statistics + logistic regression | parameters | epochs | seconds |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)


def _rows(arch: str, seeds: Sequence[int], runs: Sequence[dict[str, Any]]) -> None:
    for seed, run in zip(seeds, runs, strict=True):
        cells = [f"{100 * run['dev']['accuracy']:.2f}", f"{100 * run['test']['accuracy']:.2f}"]
        cells += [f"{100 * run['baseline']['test']['accuracy']:.2f}", f"{run['parameters']:,}"]
        print(f"| {arch} | {seed} | {' | '.join(cells)} | {len(run['epochs'])} | {run['seconds']:.0f} |", flush=True)
    shares = [f"{100 * entry['share']:.0f} %" for entry in runs[0]["test"]["by_share"]]
    means = [statistics.fmean(run["test"]["by_share"][place]["accuracy"] for run in runs) for place in range(len(shares))]
    mean = statistics.fmean(run["test"]["accuracy"] for run in runs)
    seen = ", ".join(f"{share}: {100 * value:.1f}" for share, value in zip(shares, means, strict=True))
    print(f"| {arch} | mean | | {100 * mean:.2f} | | | | |\n\nAccuracy over the share of the sequence seen, {arch}: {seen}.\n", flush=True)
