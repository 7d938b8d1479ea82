"""What histograms of gates cost of an epoch of training. Prints Markdown for bench/RESULTS.md.

    .venv/bin/python bench/gate_histograms.py

Taggers on the embedded Teddy corpus, one thread; the seconds inside `GateHistograms` over those of the epochs, writing included.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tidegate.data.teddy import teddy_corpus
from tidegate.threads import use_threads
from tidegate.training.files import RunFiles
from tidegate.training.gate_histograms import GateHistograms
from tidegate.training.recipe import build_recipe
from tidegate.training.run import train
from tidegate.training.tagging.corpus import read_corpus
from tidegate.training.tagging.recipe import TagRecipe
from tidegate.training.tagging.task import TagTask

SENTENCES, EPOCHS = 4000, 3


def timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def run(*given: Any) -> Any:
        began = time.perf_counter()
        result = function(*given)
        spent.append(time.perf_counter() - began)
        return result

    return run


def main() -> None:
    use_threads(1)
    looks, writes = GateHistograms.look, GateHistograms.on_train_epoch_end
    print("| architecture | hidden | layers | seconds an epoch | histograms, ms | share |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "train.conllu")
        path.write_text(
            "".join(
                "".join(f"{n}\t{token}\t_\t{tag}\t_\t_\t_\t_\t_\t_\n" for n, (token, tag) in enumerate(zip(*pair, strict=True), 1)) + "\n"
                for pair in ((record.tokens, record.labels["tag"]) for record in teddy_corpus(seed=1, train=SENTENCES, dev=0, test=0).train)
            ),
            encoding="utf-8",
        )
        for arch, hidden, layers in (("gru", 32, 1), ("bilstm", 128, 1)):
            spent: list[float] = []
            GateHistograms.look, GateHistograms.on_train_epoch_end = timed(looks, spent), timed(writes, spent)  # type: ignore[method-assign]
            options = {"arch": arch, "hidden_size": hidden, "num_layers": layers, "max_epochs": EPOCHS, "label": "upos"}
            recipe = build_recipe(TagRecipe, options=options)
            files = RunFiles([str(path)])
            result = train(TagTask(recipe, read_corpus(files, recipe)), Path(folder, f"{arch}{hidden}"), quiet=True)
            seconds = sum(epoch["seconds"] for epoch in result.metrics["epochs"])
            each = sum(spent) / EPOCHS
            print(f"| {arch} | {hidden} | {layers} | {seconds / EPOCHS:.2f} | {1000 * each:.1f} | {100 * sum(spent) / seconds:.2f} % |")


if __name__ == "__main__":
    main()
