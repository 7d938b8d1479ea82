"""What explaining costs beside answering: a tagger of 256 units a direction and one text of 200 words, in one run. Prints Markdown.

    .venv/bin/python bench/explanation.py --threads 1

Gates and spread are those of every layer, direction, unit and step, with mean and spread over the units; the bar is 3 times one inference.
Occlusion takes every word away;
influence is that, the contexts of each word, either direction, and 50 sets of words by chance. The weights are drawn anew: how good
they are changes no time.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from tidegate.threads import use_threads

BAR = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="bilstm,bigru", help="with commas")
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--units", type=int, default=256, help="of a layer and direction")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    threads = use_threads(options.threads)
    print(f"{platform.machine()}, {os.cpu_count()} cores, {threads} threads, Python {platform.python_version()}\n")
    print("| arch | tokens | units | inference ms | gates and spread ms | times | bar | occlusion ms | all of influence ms |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for arch in options.arch.split(","):
        model, tokens = tagger(arch, options.units, options.tokens)
        seconds = medians(
            {
                "inference": lambda model=model, tokens=tokens: model.predict([tokens]),
                "gates": lambda model=model, tokens=tokens: gates_and_spread(model, tokens),
            },
            options.rounds,
        )
        slow = medians(
            {
                "occlusion": lambda model=model, tokens=tokens: occlusion(model, tokens),
                "influence": lambda model=model, tokens=tokens: whole(model, tokens),
            },
            3,
        )
        times = seconds["gates"] / seconds["inference"]
        print(
            f"| {arch} | {options.tokens} | 2 × {options.units} | {seconds['inference'] * 1e3:.1f} | {seconds['gates'] * 1e3:.1f} "
            f"| {times:.2f} | {BAR} | {slow['occlusion'] * 1e3:.0f} | {slow['influence'] * 1e3:.0f} |",
            flush=True,
        )


def tagger(arch: str, units: int, length: int) -> tuple[Any, list[str]]:
    """A tagger with weights drawn anew, and a text of so many words."""
    from tidegate.data import Source, TokenRecord
    from tidegate.training.recipe import build_recipe
    from tidegate.training.tagging.corpus import build_corpus
    from tidegate.training.tagging.recipe import TagRecipe
    from tidegate.training.tagging.task import TagTask

    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnop", k=chance.randrange(2, 9))) for _ in range(2000)]
    labels = [f"T{number}" for number in range(17)]
    records = []
    for number in range(100):
        tokens = tuple(chance.choices(words, k=20))
        records.append(TokenRecord(tokens, Source("made up", number + 1), {"tag": tuple(chance.choices(labels, k=20))}))
    recipe = build_recipe(TagRecipe, options={"arch": arch, "label": "tag", "hidden_size": units, "head": "softmax"})
    task = TagTask(recipe, build_corpus(records, records[:10], [], recipe))
    return task.as_model(task.build_network()), chance.choices(words, k=length)


def gates_and_spread(model: Any, tokens: list[str]) -> None:
    from tidegate.explanation.explain import explain

    for panel in explain(model, tokens, influence=False).panels:
        for layer in panel.layers:
            for gate in layer.gates:
                _ = gate.mean, gate.spread


def whole(model: Any, tokens: list[str]) -> None:
    from tidegate.explanation.explain import explain

    explain(model, tokens)


def occlusion(model: Any, tokens: list[str]) -> None:
    """The scores of the text without each of its words."""
    import numpy as np

    from tidegate.explanation.subjects import subject_of
    from tidegate.explanation.subjects.subject import BLANK

    subject = subject_of(model, tokens)
    subject.scores(np.where(np.eye(len(tokens), dtype=bool), np.uint8(BLANK), subject.as_it_is()))


def medians(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of each, all of them in turn in every round; the first round warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(each[1:]) for name, each in seconds.items()}


if __name__ == "__main__":
    main()
