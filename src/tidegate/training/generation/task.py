"""The task `generate` in training: its network, its windows, its scores, its model card."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import copy
from functools import cached_property
from typing import Any

import torch

from tidegate.data import BLANK
from tidegate.data.units import blank_spans
from tidegate.kernels import architecture
from tidegate.runtime import GenerateModel
from tidegate.tasks.generate import ClozeNetwork, GenerateNetworkSettings, LanguageNetwork
from tidegate.training.card import card_text
from tidegate.training.generation.baseline import best_ngrams
from tidegate.training.generation.corpus import GenerateCorpus
from tidegate.training.generation.recipe import GenerateRecipe
from tidegate.training.generation.windows import ShuffledWindows, StreamWindows
from tidegate.training.task import Batches, ScoreRow, TrainingTask

Network = LanguageNetwork | ClozeNetwork
# Characters of a line that is shown as an example.
_LEAST_LINE, _MOST_LINE = 20, 60
_COLUMNS = {"left": "from the left", "right": "from the right"}


class GenerateTask(TrainingTask[Any]):
    """A language model's recipe and corpus."""

    recipe: GenerateRecipe
    score_name = "nats"
    lower_is_better = True
    baseline_name = "n-grams"

    def __init__(self, recipe: GenerateRecipe, corpus: GenerateCorpus) -> None:
        self.recipe = recipe.settled(len(corpus.train))
        self.corpus = corpus
        self.tokens = len(corpus.train)
        self.counted = corpus.noun

    @property
    def is_two_way(self) -> bool:
        return architecture(self.recipe.arch).is_bidirectional

    def build_network(self) -> Network:
        recipe = self.recipe
        settings = GenerateNetworkSettings(
            recipe.arch,
            recipe.hidden_size,
            recipe.num_layers,
            recipe.embedding_size,
            recipe.is_tied,
            recipe.layer_norm,
            recipe.zoneout,
            recipe.zoneout_cell,
        )
        rates = {
            "dropout": recipe.dropout,
            "input_dropout": recipe.input_dropout,
            "embedding_dropout": recipe.embedding_dropout,
            "recurrent_dropout": recipe.recurrent_dropout,
            "weight_drop": recipe.weight_drop,
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            if self.is_two_way:
                return ClozeNetwork(settings, len(self.corpus.units), **rates)
            return LanguageNetwork(settings, len(self.corpus.units), state_reset=recipe.state_reset, **rates)

    def with_seed(self, seed: int) -> GenerateTask:
        _ = self._baseline
        return super().with_seed(seed)

    def with_arch(self, arch: str, time_budget: float | None) -> GenerateTask:
        """The same task for another architecture; the n-grams are counted once for all of them."""
        _ = self._baseline
        other = copy(self)
        other.recipe = self.recipe.with_arch(arch, time_budget)
        return other

    def batches(self, epoch: int) -> Batches:
        kind = ShuffledWindows if self.is_two_way else StreamWindows
        recipe = self.recipe
        return kind(self.corpus.train.ids, streams=recipe.streams, window=recipe.window, seed=recipe.seed, epoch=epoch)

    def as_model(self, network: Network) -> GenerateModel:
        """The network as the runtime sees it, so that every score of training is the shipped model's own."""
        return GenerateModel(self.stored(network))

    def dev_score(self, network: Network) -> float:
        return -self.dev_loss(network)

    def dev_loss(self, network: Network) -> float:
        """Nats per unit of the development text; two ways: from both sides."""
        return float(self.as_model(network).evaluate_stream(self.corpus.dev)["nats"])

    def dev_scores(self, network: Network) -> tuple[float, float]:
        nats = self.dev_loss(network)
        return -nats, nats

    @property
    def test_share(self) -> float:
        return 0.0 if self.corpus.test is None else len(self.corpus.test) / len(self.corpus.dev)

    @cached_property
    def _baseline(self) -> dict[str, Any]:
        """Nats per unit of n-grams, which read from the left alone; the best length by the development text."""
        corpus = self.corpus
        best, order = best_ngrams(corpus)
        found: dict[str, Any] = {"dev": {"nats": best.nats(corpus.dev.ids)}, "order": order}
        if corpus.test is not None:
            found["test"] = {"nats": best.nats(corpus.test.ids)}
        return found

    def scores(self, network: Network) -> dict[str, Any]:
        model, corpus = self.as_model(network), self.corpus
        result: dict[str, Any] = {"dev": model.evaluate_stream(corpus.dev)}
        if corpus.test is not None:
            result["test"] = model.evaluate_stream(corpus.test)
        return result | {"baseline": self._baseline, "train_units": len(corpus.train), "split": corpus.split}

    def score_rows(self, metrics: Mapping[str, Any]) -> Iterator[ScoreRow]:
        for part in ("dev", "test"):
            if part not in metrics:
                continue
            scores, base = metrics[part], metrics["baseline"][part]["nats"]
            yield ScoreRow(part, self.corpus.noun, "nats", scores["nats"], base)
            for key in ("perplexity", "bits_per_character", "accuracy"):
                if key in scores:
                    yield ScoreRow(part, self.corpus.noun, key, scores[key], None)
            for side, column in _COLUMNS.items():
                for key in ("nats", "accuracy") if side in scores else ():
                    yield ScoreRow(part, column, key, scores[side][key], base if (side, key) == ("left", "nats") else None)

    def plan(self) -> list[tuple[str, str]]:
        corpus, recipe = self.corpus, self.recipe
        steps = len(self.batches(0))
        return [
            ("learns", "to fill blanks, from both sides" if self.is_two_way else "to go on with a text, from the left"),
            ("training", f"{len(corpus.train):,} {corpus.noun}, {len(corpus.units) - 1:,} different ones"),
            ("windows", f"{recipe.streams} side by side of {recipe.window} {corpus.noun}, {steps:,} steps an epoch"),
            ("development", f"{len(corpus.dev):,} {corpus.noun}; {corpus.split}"),
            ("test", f"{0 if corpus.test is None else len(corpus.test):,} {corpus.noun}"),
        ]

    def example(self) -> str:
        """The first line of the development text that is long enough to be one, or the longest; two ways, with a blank in the middle."""
        lines = [line.strip() for line in self.corpus.units.decode(self.corpus.dev.ids[:2000].tolist()).splitlines()]
        lines = [line for line in lines if not blank_spans(line)]  # a line of underscores, as forms have them, would read as blanks
        line = next((line for line in lines if len(line) >= _LEAST_LINE), max(lines, key=len, default=""))[:_MOST_LINE]
        if not self.is_two_way:
            return line.rpartition(" ")[0] or line
        if self.recipe.unit == "char":
            middle = len(line) // 2
            return f"{line[:middle]}{BLANK}{line[middle + 1 :]}"
        words = line.split(" ")
        words[len(words) // 2] = BLANK
        return " ".join(words)

    def vocabulary_json(self) -> dict[str, Any]:
        return self.corpus.units.to_json()

    def card(self, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
        corpus = self.corpus
        does = "It fills blanks in a text" if self.is_two_way else "It goes on with a text, and says how probable a text is"
        return card_text(
            config,
            metrics,
            what="language model",
            does=f"{does}, in {corpus.noun},",
            rows=self.score_rows(metrics),
            baseline=f"Witten–Bell {metrics['baseline']['order']}-grams",
            size=f"{metrics['train_units']:,} {corpus.noun}, {len(corpus.units) - 1:,} different ones",
            labels={},
            limits="what it writes is probable, not true",
        )

    def fingerprint(self) -> Iterator[bytes]:
        yield json.dumps(self.vocabulary_json(), sort_keys=True).encode()
        step = 1 << 20
        for begin in range(0, len(self.corpus.train), step):
            yield self.corpus.train.ids[begin : begin + step].tobytes()
