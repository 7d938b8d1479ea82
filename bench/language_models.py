"""Language models on public data: nats, perplexity, blanks filled, and training speed. Prints Markdown for bench/RESULTS.md.

    .venv/bin/python bench/language_models.py scores tinyshakespeare --time-budget 10m
    .venv/bin/python bench/language_models.py scores war_and_peace --arch rnn,lstm,gru,mingru,bilstm,bigru --time-budget 5m
    .venv/bin/python bench/language_models.py speed

Data: the folder that TIDEGATE_DATA names, else ../shared/data. Development data, which comes last in tinyshakespeare, chooses the epoch.
`speed` trains the same network (one layer of H 512 over characters) with tidegate and with torch.nn's layer, in turn; medians.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tidegate.threads import use_threads

FILES = {"tinyshakespeare": "input.txt.gz", "war_and_peace": "war_and_peace.txt.gz"}
ROUNDS, STEPS = 7, 8
# The same cell in torch.nn, where it has it.
TORCH = {"rnn": "RNN", "lstm": "LSTM", "gru-reset-after": "GRU"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=None)
    commands = parser.add_subparsers(dest="command", required=True)
    scores = commands.add_parser("scores", help="trains and scores; a line an architecture")
    scores.add_argument("data", choices=sorted(FILES))
    scores.add_argument("--arch", default="", help="other than the recipe's, with commas")
    scores.add_argument("--time-budget", default=None)
    scores.add_argument("--seeds", type=int, default=1)
    scores.add_argument("--preset", default="default")
    scores.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    scores.add_argument("--keep", type=Path, default=None, help="folder to keep the models in, one an architecture and seed")
    scores.add_argument("--quiet", action="store_true")
    speed = commands.add_parser("speed", help="training characters a second at H 512")
    speed.add_argument("--arch", default="rnn,lstm,gru-reset-after,gru,mingru,minlstm")
    options = parser.parse_args()
    threads = use_threads(options.threads)
    import torch

    torch.set_num_threads(threads)
    print(f"{processor()}, {os.cpu_count()} cores, {threads} threads, Python {platform.python_version()}, torch {torch.__version__}\n")
    if options.command == "scores":
        print_scores(options)
    else:
        print_speed(options.arch.split(","))


def processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def task_of(name: str, preset: str, changes: dict[str, Any]) -> Any:
    from tidegate.training.generation.corpus import GenerateFiles, read_corpus
    from tidegate.training.generation.recipe import GenerateRecipe
    from tidegate.training.generation.task import GenerateTask
    from tidegate.training.recipe import build_recipe

    file = Path(os.environ.get("TIDEGATE_DATA", "../shared/data")) / name / FILES[name]
    if not file.exists():
        sys.exit(f"{file} is not there; name the folder of data sets with TIDEGATE_DATA")
    recipe = build_recipe(GenerateRecipe, preset=preset, recipe=name, options=changes)
    return GenerateTask(recipe, read_corpus(GenerateFiles([str(file)]), recipe))


def print_scores(options: argparse.Namespace) -> None:
    from tidegate.training.recipe import parse_setting
    from tidegate.training.run import train

    headings = "data|arch|seed|on|nats|perplexity|bits/char|accuracy left / right / both|n-grams|epochs (best)|units/s|minutes"
    print("| " + headings.replace("|", " | ") + " |")
    print("|" + "---|" * 12)
    for arch in options.arch.split(","):
        for seed in range(1, options.seeds + 1):
            began = time.monotonic()
            changes: dict[str, Any] = {"seed": seed} | ({"arch": arch} if arch else {})
            changes |= {"time_budget": options.time_budget} if options.time_budget else {}
            changes |= dict(map(parse_setting, options.set))
            task = task_of(options.data, options.preset, changes)
            with tempfile.TemporaryDirectory() as folder:
                out = (options.keep or Path(folder)) / f"{options.data}-{task.recipe.arch}-{seed}"
                out.parent.mkdir(parents=True, exist_ok=True)
                metrics = train(task, out, quiet=options.quiet, started=began).metrics
            minutes = (time.monotonic() - began) / 60
            for part in ("dev", "test"):
                if part in metrics:
                    print(line(options.data, task, part, metrics, minutes), flush=True)


def line(data: str, task: Any, part: str, metrics: dict[str, Any], minutes: float) -> str:
    found = metrics[part]
    accuracy = "–"
    if "left" in found:
        accuracy = f"{found['left']['accuracy']:.4f} / {found['right']['accuracy']:.4f} / {found['accuracy']:.4f}"
    seconds = statistics.median(epoch["seconds"] for epoch in metrics["epochs"])
    steps = len(task.batches(0)) * task.recipe.streams * task.recipe.window
    cells = [
        data,
        task.recipe.arch,
        str(task.recipe.seed),
        part,
        f"{found['nats']:.4f}",
        f"{found['perplexity']:.3f}",
        f"{found['bits_per_character']:.4f}",
        accuracy,
        f"{metrics['baseline'][part]['nats']:.4f}",
        f"{len(metrics['epochs'])} ({metrics['best_epoch']})",
        f"{steps / seconds:,.0f}",
        f"{minutes:.1f}",
    ]
    return "| " + " | ".join(cells) + " |"


def print_speed(archs: list[str]) -> None:
    """Characters a second of whole training steps: forward, backward, clipping, AdamW, the average of the weights."""
    print("| arch | tidegate, characters/s | torch.nn, characters/s | times as fast |")
    print("|---|---|---|---|")
    for arch in archs:
        task = task_of("tinyshakespeare", "default", {"arch": arch})
        contestants = {"tidegate": stepper(task, task.build_network())}
        if arch in TORCH:
            contestants["torch"] = stepper(task, torch_network(task))
        rates: dict[str, list[float]] = {name: [] for name in contestants}
        for step in contestants.values():
            step()  # warms up
        for _ in range(ROUNDS):
            for name, step in contestants.items():
                began = time.perf_counter()
                characters = step()
                rates[name].append(characters / (time.perf_counter() - began))
        middle = {name: statistics.median(found) for name, found in rates.items()}
        other = f"{middle['torch']:,.0f} | {middle['tidegate'] / middle['torch']:.2f}" if "torch" in middle else "– | –"
        print(f"| {arch} | {middle['tidegate']:,.0f} | {other} |", flush=True)


def stepper(task: Any, network: Any) -> Callable[[], int]:
    """A function that makes STEPS training steps and says how many characters they read."""
    import torch

    from tidegate.training.module import TrainingModule

    module = TrainingModule(task, network)
    optimizer: Any = module.configure_optimizers()

    def windows() -> Iterator[Any]:
        while True:
            yield from task.batches(0)

    source = windows()

    def steps() -> int:
        read = 0
        for _ in range(STEPS):
            batch = next(source)
            network.loss(batch).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), task.recipe.clip_norm)
            optimizer.step()
            optimizer.zero_grad()
            module.average.update_parameters(network)
            read += batch.tokens
        return read

    return steps


def torch_network(task: Any) -> Any:
    """The same network with torch.nn's own layer: what one would write without tidegate."""
    import torch
    from torch import nn

    recipe, units = task.recipe, len(task.corpus.units)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(units, recipe.embedding_size)
            self.layer = getattr(nn, TORCH[recipe.arch])(recipe.embedding_size, recipe.hidden_size, batch_first=True)
            self.head = nn.Linear(recipe.hidden_size, units)
            self.dropouts = nn.Dropout(recipe.input_dropout), nn.Dropout(recipe.dropout)
            self.states: Any = None

        def loss(self, batch: Any) -> torch.Tensor:
            before, after = self.dropouts
            x = before(self.embedding(torch.from_numpy(batch.units)))
            y, states = self.layer(x, None if batch.begins else self.states)
            self.states = tuple(part.detach() for part in states) if isinstance(states, tuple) else states.detach()
            logits = self.head(after(y))
            return nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(batch.targets).flatten())

    return Network()


if __name__ == "__main__":
    main()
