"""The task `forecast` in training: its network, its windows, its scores, its model card."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tidegate.data.forecast_batches import ForecastBatch, collate_windows
from tidegate.data.series import Panel
from tidegate.runtime import ForecastModel
from tidegate.runtime.bands import UNTESTED, calibrate, pooling_notes
from tidegate.runtime.series_chart import MOST_SERIES, Picture
from tidegate.runtime.series_pictures import forecast_pictures
from tidegate.runtime.trained_series import series_vocabulary
from tidegate.tasks.forecast import ForecastNetwork, ForecastNetworkSettings
from tidegate.training.card import card_text
from tidegate.training.forecasting.baseline import auto_ets_scores
from tidegate.training.forecasting.corpus import ForecastCorpus
from tidegate.training.forecasting.recipe import ForecastRecipe
from tidegate.training.series_parts import PARTS, Part
from tidegate.training.task import ScoreRow, TrainingTask

Ids = NDArray[np.int64]
# An epoch draws so many windows at most where the recipe names no number, is judged by so many, and bands are calibrated on so many.
_EPOCH, _JUDGES, _CALIBRATORS = 20_000, 2_000, 6_000
_AT_ONCE = 500
# Scores of the whole forecast that are shown; the seasonal naive forecast stands beside those that it has too.
_SHOWN = ("mase", "mae", "rmse", "smape", "crps")


class ForecastTask(TrainingTask[ForecastNetwork]):
    """A forecaster's recipe and corpus."""

    recipe: ForecastRecipe
    lower_is_better = True
    baseline_name = "the value a season before"
    counted = "segments"

    def __init__(self, recipe: ForecastRecipe, corpus: ForecastCorpus) -> None:
        settled = corpus.recipe
        self.corpus = corpus
        windows = recipe.epoch_windows or min(_EPOCH, len(corpus.windows))
        windows = min(windows, len(corpus.windows))
        steps = -(-windows // recipe.batch_windows)
        self.recipe = settled.model_copy(update={"epoch_windows": windows, "max_epochs": settled.settled_epochs(steps)})
        spec = corpus.spec
        self._segments = spec.context // spec.segment + -(-spec.horizon // spec.segment)
        self.tokens = windows * self._segments

    @property
    def _settings(self) -> ForecastNetworkSettings:
        recipe, spec, coder = self.recipe, self.corpus.spec, self.corpus.coder
        return ForecastNetworkSettings(
            arch=recipe.arch,
            hidden_size=recipe.hidden_size,
            num_layers=recipe.num_layers,
            embedding_size=recipe.embedding_size,
            segment=spec.segment,
            context=spec.context,
            horizon=int(recipe.horizon),
            decoding=recipe.decoding,
            levels=recipe.levels,
            scaling=spec.scaling,
            gaps=spec.gaps,
            has_holes=spec.has_holes,
            past=coder.past_width,
            known=coder.known_width,
            static=coder.static_width,
            series=len(self.corpus.panel.series) if recipe.series_vectors == "yes" else 0,
            layer_norm=recipe.layer_norm,
            zoneout=recipe.zoneout,
            zoneout_cell=recipe.zoneout_cell,
        )

    def build_network(self) -> ForecastNetwork:
        recipe = self.recipe
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            return ForecastNetwork(
                self._settings,
                dropout=recipe.dropout,
                input_dropout=recipe.input_dropout,
                series_dropout=recipe.series_dropout,
                band_weight=recipe.band_weight,
                recurrent_dropout=recipe.recurrent_dropout,
                weight_drop=recipe.weight_drop,
            )

    def with_arch(self, arch: str, time_budget: float | None) -> ForecastTask:
        """The same task for another architecture; what the data alone decide is worked out once for all of them."""
        _ = self._judges
        other = copy(self)
        other.recipe = self.recipe.with_arch(arch, time_budget)
        return other

    def batches(self, epoch: int) -> WindowBatches:
        return WindowBatches(self, epoch)

    def batch(self, windows: Ids) -> ForecastBatch:
        return collate_windows(self.corpus.encoded, windows, self.corpus.spec)

    def as_model(self, network: ForecastNetwork) -> ForecastModel:
        """The network as the runtime sees it, so that every score of training is the shipped model's own."""
        return ForecastModel(self.stored(network))

    @cached_property
    def score_name(self) -> str:
        """MASE where a series that is judged has a seasonal error to measure by, which a constant or a short one has not; else MAE."""
        return "mase" if any(self.corpus.scales[place].naive > 0 for place in np.unique(self._judges[:, 0])) else "mae"

    @cached_property
    def _judges(self) -> Ids:
        """The development windows that an epoch is judged by."""
        origins = self.corpus.origins("dev")
        return origins[:: -(-len(origins) // _JUDGES)]

    def dev_scores(self, network: ForecastNetwork) -> tuple[float, float]:
        scores = self.as_model(network).score(self.corpus.panel, self._judges, encoded=self.corpus.encoded)
        return -float(scores[self.score_name]), self.dev_loss(network)

    def dev_score(self, network: ForecastNetwork) -> float:
        return self.dev_scores(network)[0]

    @torch.no_grad()
    def dev_loss(self, network: ForecastNetwork) -> float:
        """That of training, in units of the windows."""
        network.eval()
        total = steps = 0.0
        for begin in range(0, len(self._judges), _AT_ONCE):
            batch = self.batch(self._judges[begin : begin + _AT_ONCE])
            seen = int((~np.isnan(batch.y)).sum())
            total, steps = total + float(network.loss(batch)) * seen, steps + seen
        network.train()
        return total / max(steps, 1)

    @property
    def test_share(self) -> float:
        judged = max(1, len(self._judges))
        return (len(self.corpus.origins("test")) + len(self.corpus.origins("dev")) + _CALIBRATORS) / judged

    def _calibrate(self, network: ForecastNetwork) -> tuple[str, ...]:
        """Sets what moves the network's quantiles so that the bands hold on the development windows; gives what is to be said of it."""
        origins = self.corpus.origins("dev", every=1)
        windows = origins[:: -(-len(origins) // _CALIBRATORS)]
        network.bands_offsets.zero_()
        quantiles, y = self.as_model(network).calibration(self.corpus.encoded, windows)
        network.bands_offsets.copy_(torch.from_numpy(calibrate(quantiles, y, self.recipe.levels)))
        return pooling_notes(y, self.recipe.levels)

    def scores(self, network: ForecastNetwork) -> dict[str, Any]:
        notes = self._calibrate(network)
        model, corpus = self.as_model(network), self.corpus
        # How the tables were read is said when they are, and is no score.
        panel = replace(corpus.panel, notes=())
        result: dict[str, Any] = {}
        for part in PARTS:
            windows = corpus.origins(part)
            if len(windows):
                result[part] = model.score(panel, windows, encoded=corpus.encoded)
        last = corpus.origins("test" if "test" in result else "dev")
        return result | {
            "baseline": self._auto_ets(model, panel, last),
            "notes": list(notes),
            "train_windows": len(corpus.windows),
            "series": len(corpus.panel.series),
            "train_steps": sum(ends.train for ends in corpus.ends),
            "split": self._split,
        }

    def pictures(self, network: ForecastNetwork) -> list[Picture]:
        """The last forecast of the test part, else of the development part, of each series that can be drawn, beside what came."""
        corpus, horizon = self.corpus, int(self.recipe.horizon)
        part: Part = "test" if any(ends.has("test") for ends in corpus.ends) else "dev"
        panel = corpus.until(part)
        shown = panel.series[:MOST_SERIES]
        # As where they are scored, a step without a row is told by the covariates of the row before it.
        before = replace(panel, series=tuple(replace(one, y=one.y[:-horizon], has_row=np.ones_like(one.has_row)) for one in shown))
        told = self.as_model(network).predict(before, horizon=horizon)
        return forecast_pictures(before, told, [one.y[-horizon:] for one in shown])

    def _auto_ets(self, model: ForecastModel, panel: Panel, windows: Ids) -> dict[str, Any]:
        """AutoETS beside the model at some of the windows; not where every second counts."""
        if not self.recipe.auto_ets:
            return {}
        if self.recipe.time_budget is not None:
            return {"notes": ["AutoETS was not fitted, to keep to the time budget."]}
        return auto_ets_scores(model, panel, windows)

    @property
    def _split(self) -> str:
        """How the parts were cut, in words."""
        first = next(ends for ends in self.corpus.ends if ends.has("dev"))
        test = f", then {first.size('test'):,} for the test" if first.has("test") else ""
        return f"by time: of each series {first.size('dev'):,} steps after the training part{test}"

    def score_rows(self, metrics: Mapping[str, Any]) -> Iterator[ScoreRow]:
        column = self.corpus.panel.columns.target_title
        for part in PARTS:
            scores = metrics.get(part, {})
            for key in _SHOWN:
                if scores.get(key) is not None:
                    yield ScoreRow(part, column, key, scores[key], scores.get(f"seasonal_naive_{key}"))
            for level in self.recipe.levels:
                key = f"coverage_{level}"
                if key in scores:
                    yield ScoreRow(part, column, key, scores[key], None)

    def remarks(self, metrics: Mapping[str, Any]) -> list[str]:
        """The other baselines, and what is to be said of bands and baselines."""
        said = []
        for part in PARTS:
            scores = metrics.get(part, {})
            if scores.get("naive_mae") is not None:
                naive, mae = scores["naive_mae"], scores["mae"]
                said.append(f"{part}: telling the last value again misses by {naive:.4g} on average, the model by {mae:.4g}.")
        baseline = metrics["baseline"]
        if "auto_ets" in baseline:
            theirs, ours = baseline["auto_ets"], baseline["model"]
            said.append(
                f"AutoETS, fitted anew at {theirs['n_origins']} of these origins, misses by {theirs['mae']:.4g} there, the model by "
                f"{ours['mae']:.4g}."
            )
        if "test" not in metrics:
            said.append(UNTESTED)
        return [*said, *baseline.get("notes", ()), *metrics["notes"]]

    def plan(self) -> list[tuple[str, str]]:
        corpus, recipe, spec = self.corpus, self.recipe, self.corpus.spec
        columns, count = corpus.panel.columns, len(corpus.panel.series)
        covariates = {"past": columns.past, "future": columns.future, "static": columns.static}
        named = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in covariates.items() if names)
        return [
            ("time", f"{' '.join(columns.time)}, a step {recipe.frequency}, a season {recipe.season} steps"),
            ("target", f"{', '.join(columns.target)}: {count:,} series"),
            ("covariates", named or "none"),
            ("reads", f"{spec.context:,} steps, {spec.segment} at once"),
            ("tells", f"{recipe.horizon} steps, {recipe.decoding}"),
            ("training", f"{len(corpus.windows):,} windows, {recipe.epoch_windows:,} an epoch"),
            ("development", f"{len(corpus.origins('dev')):,} windows; {self._split}"),
            ("test", f"{len(corpus.origins('test')):,} windows"),
        ]

    def example(self) -> str:
        return self.corpus.panel.series[0].name

    def vocabulary_json(self) -> dict[str, Any]:
        return series_vocabulary(self.corpus.panel, self.corpus.scales, self.corpus.coder, self.recipe.season)

    def card(self, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
        recipe = self.recipe
        return card_text(
            config,
            metrics,
            what="forecaster",
            does=f"It tells the next {recipe.horizon} steps of {recipe.frequency}, with bands,",
            rows=self.score_rows(metrics),
            baseline=self.baseline_name,
            size=f"{metrics['series']:,} series, {metrics['train_steps']:,} steps",
            labels={},
            limits="its bands hold as far as the future is like the part that they were calibrated on",
            file="table.csv",
            given="table.csv",
        )

    def fingerprint(self) -> Iterator[bytes]:
        yield json.dumps(self.vocabulary_json(), sort_keys=True).encode()
        for encoded, ends in zip(self.corpus.encoded, self.corpus.ends, strict=True):
            yield encoded.filled[: ends.train].tobytes()
            yield encoded.past[: ends.train].tobytes()
            yield encoded.known[: ends.train].tobytes()


class WindowBatches:
    """The windows of one epoch, drawn anew from all of the training parts."""

    def __init__(self, task: ForecastTask, epoch: int) -> None:
        self._task = task
        drawn = np.random.default_rng([task.recipe.seed, epoch])
        windows = task.corpus.windows
        self._chosen = windows[drawn.permutation(len(windows))[: task.recipe.epoch_windows]]
        self._size = task.recipe.batch_windows

    def __len__(self) -> int:
        return -(-len(self._chosen) // self._size)

    def __iter__(self) -> Iterator[ForecastBatch]:
        for begin in range(0, len(self._chosen), self._size):
            yield self._task.batch(self._chosen[begin : begin + self._size])
