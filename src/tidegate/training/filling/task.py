"""The task `fill` in training: its network, its windows with hidden gaps, its scores, its model card."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tidegate.data.fill_batches import fill_width
from tidegate.errors import DataError
from tidegate.kernels import architecture
from tidegate.runtime.bands import UNTESTED, calibrate, pooling_notes
from tidegate.runtime.fill import HIDDEN_SHARE, FillModel, HiddenSeries
from tidegate.runtime.series_chart import MOST_SERIES, Picture
from tidegate.runtime.series_pictures import gap_picture
from tidegate.runtime.trained_series import series_vocabulary
from tidegate.scoring.filling import REACH_NAMES, reach_of
from tidegate.scoring.forecasting import probabilities_of
from tidegate.tasks.fill import FillNetwork, FillNetworkSettings
from tidegate.training.card import card_text
from tidegate.training.filling.corpus import FillCorpus
from tidegate.training.filling.recipe import FillRecipe
from tidegate.training.filling.windows import HiddenWindows, passes_of
from tidegate.training.series_parts import PARTS, Part
from tidegate.training.task import ScoreRow, TrainingTask

# What was hidden, the quantiles [n, Q] that the network tells of it, and how far the nearest seen values were, [n].
Told = tuple[list[HiddenSeries], NDArray[np.float64], NDArray[np.int64]]

# Bands and final scores rest on so many hidings, each in other places; an epoch is judged by as many as come to so many values.
_HIDINGS, _JUDGED_BY = 4, 2000
# Scores that are shown; linear interpolation stands beside those that it has too.
_SHOWN = ("mae", "rmse", "crps")


class FillTask(TrainingTask[FillNetwork]):
    """A filler's recipe and corpus.

    Raises:
        DataError: no gap can be hidden in the development or in the test part.
    """

    recipe: FillRecipe
    score_name = "mae"
    lower_is_better = True
    baseline_name = "linear interpolation"
    counted = "steps"

    def __init__(self, recipe: FillRecipe, corpus: FillCorpus) -> None:
        settled = corpus.recipe
        self.corpus = corpus
        self._steps = sum(ends.train for ends in corpus.ends)
        self._passes = passes_of(self._steps, settled)
        self.tokens = self._steps * self._passes
        batches = -(-self.tokens // (settled.window * settled.batch_windows))
        self.recipe = settled.model_copy(update={"max_epochs": settled.settled_epochs(batches)})
        if not self._judges:
            raise DataError(self._no_room("development", "--dev-last"))
        if corpus.has("test") and not any(len(one.steps) for hidden in self.hidings("test") for one in hidden):
            raise DataError(self._no_room("test", "--test-last"))

    def _no_room(self, part: str, option: str) -> str:
        return (
            f"the {part} part has no room to hide a gap in: {self._split}, and too few of them have values side by side. Give longer "
            f"series, or a longer {option}."
        )

    def build_network(self) -> FillNetwork:
        recipe, corpus = self.recipe, self.corpus
        coder, others = corpus.coder, recipe.others == "yes"
        is_two_way = architecture(recipe.arch).is_bidirectional
        settings = FillNetworkSettings(
            arch=recipe.arch,
            hidden_size=recipe.hidden_size,
            num_layers=recipe.num_layers,
            embedding_size=recipe.embedding_size,
            inputs=fill_width(coder.past_width, coder.known_width, coder.static_width, is_two_way=is_two_way, others=others),
            series=len(corpus.panel.series) if recipe.series_vectors == "yes" else 0,
            others=others,
            levels=recipe.levels,
            layer_norm=recipe.layer_norm,
            zoneout=recipe.zoneout,
            zoneout_cell=recipe.zoneout_cell,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            return FillNetwork(
                settings,
                dropout=recipe.dropout,
                series_dropout=recipe.series_dropout,
                recurrent_dropout=recipe.recurrent_dropout,
                weight_drop=recipe.weight_drop,
            )

    def with_arch(self, arch: str, time_budget: float | None) -> FillTask:
        """The same task for another architecture; what the data alone decide is worked out once for all of them."""
        _ = self._judges
        other = copy(self)
        other.recipe = self.recipe.with_arch(arch, time_budget)
        return other

    def batches(self, epoch: int) -> HiddenWindows:
        return HiddenWindows(self.corpus, self.recipe, epoch, self._passes)

    def as_model(self, network: FillNetwork) -> FillModel:
        """The network as the runtime sees it, so that every score of training is the shipped model's own."""
        return FillModel(self.stored(network))

    def _hidden(self, part: Part, number: int) -> list[HiddenSeries]:
        """All series to the end of a part, with gaps hidden in it; `number` tells several hidings apart."""
        corpus = self.corpus
        bounds = [ends.bounds(part) for ends in corpus.ends]
        seed = 2 * number + PARTS.index(part)
        return FillModel.hidden(corpus.panel, corpus.until(part), bounds, corpus.patterns, share=HIDDEN_SHARE, seed=seed)

    def hidings(self, part: Part) -> list[list[HiddenSeries]]:
        """What the final scores of a part rest on: all series, with other gaps hidden each time."""
        return [self._hidden(part, number) for number in range(_HIDINGS)]

    @cached_property
    def _judges(self) -> list[list[HiddenSeries]]:
        """The hidings of the development part that epochs are judged by."""
        found: list[list[HiddenSeries]] = []
        count = 0
        for number in range(_HIDINGS):
            hidden = self._hidden("dev", number)
            added = sum(len(one.steps) for one in hidden)
            if added:
                found.append(hidden)
            count += added
            if count >= _JUDGED_BY:
                break
        return found

    def dev_scores(self, network: FillNetwork) -> tuple[float, float]:
        """Minus the mean absolute error, and the mean pinball loss in units of the series' spread."""
        model = self.as_model(network)
        told = self._told(model, self._judges)
        probabilities = probabilities_of(self.recipe.levels)
        above = self._truths(told)[:, None] - np.concatenate([quantiles for _, quantiles, _ in told])
        loss = float(np.maximum(probabilities * above, (probabilities - 1) * above).mean())
        return -float(model.scored(told)["mae"]), loss

    def _told(self, model: FillModel, hidings: Sequence[list[HiddenSeries]]) -> list[Told]:
        return [(hidden, *model.hidden_quantiles(self.corpus.panel, hidden)) for hidden in hidings]

    def _truths(self, told: Sequence[Told]) -> NDArray[np.float64]:
        """[n], what was hidden, in units of the series' spread."""
        scales = self.corpus.scales
        return np.concatenate([scale.apply(one.y) for hidden, _, _ in told for scale, one in zip(scales, hidden, strict=True)])

    def dev_score(self, network: FillNetwork) -> float:
        return self.dev_scores(network)[0]

    def dev_loss(self, network: FillNetwork) -> float:
        return self.dev_scores(network)[1]

    @property
    def test_share(self) -> float:
        ends = self.corpus.ends
        dev = max(1, sum(part.dev - part.train for part in ends))
        return _HIDINGS / len(self._judges) * (1 + sum(part.test - part.dev for part in ends) / dev)

    def scores(self, network: FillNetwork) -> dict[str, Any]:
        result: dict[str, Any] = {}
        notes: tuple[str, ...] = ()
        network.bands.offsets.zero_()
        for part in PARTS:
            if not self.corpus.has(part):
                continue
            hidden = self.hidings(part)
            model = self.as_model(network)
            told = self._told(model, hidden)
            if part == "dev":
                notes = self._calibrate(network, told)
                model = self.as_model(network)
            result[part] = model.scored(told)
        corpus = self.corpus
        return result | {
            "notes": list(notes),
            "series": len(corpus.panel.series),
            "train_steps": self._steps,
            "train_gaps": corpus.patterns.own,
            "split": self._split,
        }

    def _calibrate(self, network: FillNetwork, told: Sequence[Told]) -> tuple[str, ...]:
        """Sets what moves the network's quantiles so that the bands hold for what was hidden of the development part, by the distance to
        the nearest seen value; gives what is to be said of it."""
        y = self._truths(told)
        quantiles = np.concatenate([part for _, part, _ in told])
        places = reach_of(np.maximum(np.concatenate([reach for _, _, reach in told]), 1))
        by_reach = np.where(places[:, None] == np.arange(len(REACH_NAMES)), y[:, None], np.nan)
        whole = np.broadcast_to(quantiles[:, None, :], (len(y), len(REACH_NAMES), quantiles.shape[1]))
        network.bands.offsets.copy_(torch.from_numpy(calibrate(whole, by_reach, self.recipe.levels)))
        return pooling_notes(by_reach, self.recipe.levels, each="distance")

    def pictures(self, network: FillNetwork) -> list[Picture]:
        """What was hidden of the test part, else of the development part, of each series that can be drawn, beside what stood there."""
        corpus = self.corpus
        hidden = self._hidden("test" if corpus.has("test") else "dev", 0)
        panel = replace(corpus.panel, series=tuple(one.series for one in hidden))
        found: list[Picture] = []
        for one, filled in zip(hidden, self.as_model(network).fill(panel), strict=True):
            if len(one.steps) and len(found) < MOST_SERIES:
                quantiles = filled.quantiles[np.isin(filled.steps, one.steps)]
                found.append(gap_picture(panel, one.series, one.steps, quantiles, self.recipe.levels, one.y))
        return found

    @property
    def _split(self) -> str:
        """How the parts were cut, in words."""
        longest = max(self.corpus.ends, key=lambda ends: ends.dev - ends.train)
        test = f", then {longest.test - longest.dev:,} for the test" if longest.test > longest.dev else ""
        return f"by time: of each series {longest.dev - longest.train:,} steps after the training part{test}"

    def score_rows(self, metrics: Mapping[str, Any]) -> Iterator[ScoreRow]:
        column = self.corpus.panel.columns.target_title
        for part in PARTS:
            scores = metrics.get(part, {"n": 0})
            if not scores["n"]:
                continue
            for key in _SHOWN:
                yield ScoreRow(part, column, key, scores[key], scores.get(f"linear_{key}"))
            for level in self.recipe.levels:
                key = f"coverage_{level}"
                yield ScoreRow(part, column, key, scores[key], None)

    def remarks(self, metrics: Mapping[str, Any]) -> list[str]:
        part = "test" if "test" in metrics else "dev"
        scores = metrics.get(part, {"n": 0})
        if not scores["n"]:
            return list(metrics["notes"])
        mae, linear = scores["mae"], scores["linear_mae"]
        side = "below" if mae <= linear else "above"
        beside = f"{100 * abs(1 - mae / linear):.0f} % {side}" if linear else f"off by {mae:.4g}, not by 0 as"
        said = f"{part}: {beside} linear interpolation; the same time a season away is off by {scores['seasonal_mae']:.4g} (mae)."
        gaps = ", ".join(f"{row['gap']}: {row['mae']:.4g} (linear {row['linear_mae']:.4g})" for row in scores["by_gap"])
        untested = [UNTESTED] if part == "dev" else []
        return [said, f"mae by length of gap in steps: {gaps}.", *untested, *metrics["notes"]]

    def plan(self) -> list[tuple[str, str]]:
        corpus, recipe = self.corpus, self.recipe
        columns, patterns = corpus.panel.columns, corpus.patterns
        covariates = {"past": columns.past, "future": columns.future, "static": columns.static}
        named = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in covariates.items() if names)
        is_two_way = architecture(recipe.arch).is_bidirectional
        length = f"{np.median(patterns.lengths):.0f} steps long (median), at most {patterns.lengths.max():,}"
        return [
            ("time", f"{' '.join(columns.time)}, a step {recipe.frequency}, a season {recipe.season} steps"),
            ("target", f"{', '.join(columns.target)}: {len(corpus.panel.series):,} series"),
            ("covariates", named or "none"),
            ("reads", "what is before and after a hole" if is_two_way else "what is before a hole"),
            ("gaps", f"{patterns.own:,} in training; hidden ones are {length}"),
            ("training", f"{self._steps:,} steps, {len(self.batches(0)):,} batches an epoch"),
            ("development", self._split),
        ]

    def example(self) -> str:
        return self.corpus.panel.series[0].name

    def vocabulary_json(self) -> dict[str, Any]:
        return series_vocabulary(self.corpus.panel, self.corpus.scales, self.corpus.coder, self.recipe.season)

    def card(self, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
        return card_text(
            config,
            metrics,
            what="filler",
            does="It fills the holes of time series, with bands,",
            rows=self.score_rows(metrics),
            baseline=self.baseline_name,
            size=f"{metrics['series']:,} series, {metrics['train_steps']:,} steps, {metrics['train_gaps']:,} gaps",
            labels={},
            limits="its bands hold for gaps such as it was trained on",
            file="series.csv",
            given="series.csv",
        )

    def fingerprint(self) -> Iterator[bytes]:
        yield json.dumps(self.vocabulary_json(), sort_keys=True).encode()
        for series in self.corpus.until("train"):
            yield series.y.tobytes()
            for name in self.corpus.columns:
                values = series.columns[name]
                yield values.tobytes() if values.dtype.kind == "f" else json.dumps(values.tolist()).encode()
