"""Small tables of series, forecasters with random weights, and their numbers by loops and the plain twins, window by window in float64."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strategies import cell_weights, weights_as
from tidegate.artefact import StoredModel
from tidegate.data.covariates import CovariateCoder
from tidegate.data.scales import scale_of
from tidegate.data.series import read_panel
from tidegate.kernels import CELLS, CellWeights, architecture
from tidegate.kernels.twins import zoned
from tidegate.runtime import ForecastModel

Array = NDArray[np.floating[Any]]


SEASON = 4
W, CONTEXT, HORIZON = 3, 12, 7


class ForecastTwin:
    """A forecaster's tensors, drawn anew, and its twin.

    Attributes:
        stored: as `read_model` gives it.
        network: config.json's settings.
    """

    def __init__(
        self,
        *,
        arch: str = "gru",
        hidden: int = 5,
        layers: int = 1,
        embedding: int = 4,
        segment: int = 3,
        context: int = 12,
        horizon: int = 7,
        decoding: str = "direct",
        levels: Sequence[int] = (50, 90),
        scaling: str = "last",
        gaps: str = "mask",
        has_holes: bool = True,
        past: int = 0,
        known: int = 0,
        static: int = 0,
        series: int = 0,
        layer_norm: bool = False,
        zoneout: tuple[float, float] = (0.0, 0.0),
        vocabulary: dict[str, Any] | None = None,
        recipe: dict[str, Any] | None = None,
        transform: str = "none",
        seed: int = 0,
    ) -> None:
        random = np.random.default_rng(seed)
        self.cell, self.zoneout, self.levels = architecture(arch).cell, zoneout, sorted(levels)
        self.count = 2 * len(levels) + 1
        self.segment, self.horizon, self.is_recursive, self.series = segment, horizon, decoding == "recursive", series
        self.most_segments, self.past, self.known, self.static = context // segment, past, known, static
        self.channels = 1 + 2 * has_holes + past + known
        self.has_holes = has_holes
        told = 1 if self.is_recursive else -(-horizon // segment)
        self.layers = [
            cell_weights(random, self.cell, hidden if layer else embedding, hidden, np.float32, layer_norm=layer_norm)
            for layer in range(layers)
        ]
        shapes: dict[str, tuple[int, ...]] = {
            "embed.weight": (embedding, segment * self.channels + static),
            "embed.bias": (embedding,),
            "position.weight": (told, embedding),
            "head.weight": (segment * self.count, hidden),
            "head.bias": (segment * self.count,),
            "bands.offsets": (horizon, self.count),
        }
        if series:
            shapes["series_embedding.weight"] = (series + 1, embedding)
        if segment * known + static:
            shapes["known.weight"] = (embedding, segment * known + static)
        tensors: dict[str, Any] = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
        # Away from the median, the farther the wider the band.
        tensors["bands.offsets"] = np.sort(np.abs(tensors["bands.offsets"]) * 0.1, axis=1)[:, abs(np.arange(self.count) - self.count // 2)]
        tensors["bands.offsets"] *= np.sign(np.arange(self.count) - self.count // 2).astype(np.float32)
        self.weights: dict[str, Array] = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
        for layer, w in enumerate(self.layers):
            parts = {field.name: getattr(w, field.name) for field in fields(CellWeights)}
            tensors |= {f"stack.layers.{layer}.0.{name}": part for name, part in parts.items() if part is not None}
        self.network = {
            "arch": arch,
            "hidden_size": hidden,
            "num_layers": layers,
            "embedding_size": embedding,
            "layer_norm": layer_norm,
            "zoneout": zoneout[0],
            "zoneout_cell": zoneout[1],
            "segment": segment,
            "context": context,
            "horizon": horizon,
            "decoding": decoding,
            "levels": list(self.levels),
            "scaling": scaling,
            "gaps": gaps,
            "has_holes": has_holes,
            "past": past,
            "known": known,
            "static": static,
            "series": series,
        }
        config = {
            "task": "forecast",
            "arch": arch,
            "network": self.network,
            "recipe": {"missing": [], "transform": transform} | (recipe or {}),
        }
        self.stored = StoredModel(Path("model"), config, tensors, vocabulary or {}, {"dev": {"mae": 0.5}})

    def told(self, rows: Array, decoder: Array, series: int = 0) -> Array:
        """Sorted quantiles [So · w, Q] of one window: its segments [n, w·C + S], and what is known of So segments ahead [So, w·K + S]."""
        if not self.is_recursive:
            states = self._read(rows)
            return np.concatenate([self._tell(states, j, row, series) for j, row in enumerate(decoder)])
        pieces: list[Array] = []
        for row in decoder:
            pieces.append(self._tell(self._read(rows[-self.most_segments :]), 0, row, series))
            fresh = []
            for step, quantiles in enumerate(pieces[-1]):
                last = rows[-1][: self.segment * self.channels][-self.channels :]
                at = 3 if self.has_holes else 1
                fresh += [quantiles[self.count // 2], *([1.0, 0.0] if self.has_holes else []), *last[at : at + self.past]]
                fresh += list(row[step * self.known : (step + 1) * self.known])
            rows = np.concatenate([rows, [[*fresh, *rows[-1][self.segment * self.channels :]]]])
        return np.concatenate(pieces)

    def _read(self, rows: Array) -> list[tuple[Array, ...]]:
        zero = np.zeros(self.layers[0].hidden_size(self.cell))
        states: list[tuple[Array, ...]] = [(zero, zero) if self.cell == "lstm" else (zero,) for _ in self.layers]
        for row in rows:
            self._step(np.maximum(self.weights["embed.weight"] @ row + self.weights["embed.bias"], 0), states)
        return states

    def _tell(self, states: list[tuple[Array, ...]], position: int, known: Array, series: int) -> Array:
        d = self.weights["position.weight"][position]
        if self.series:
            d = d + self.weights["series_embedding.weight"][series]
        if "known.weight" in self.weights:
            d = d + self.weights["known.weight"] @ known
        u = self._step(d, list(states))
        return np.sort((self.weights["head.weight"] @ u + self.weights["head.bias"]).reshape(self.segment, self.count), axis=1)

    def _step(self, x: Array, states: list[tuple[Array, ...]]) -> Array:
        for layer, w in enumerate(self.layers):
            after = CELLS[self.cell](x, states[layer], weights_as(w, np.float64))  # type: ignore[arg-type]
            states[layer] = zoned(states[layer], after, [np.full_like(part, p) for part, p in zip(states[layer], self.zoneout)])  # type: ignore[arg-type] # noqa: B905
            x = states[layer][0]
        return x


def table(path: Path, *, lengths: Sequence[int] = (40, 17, 5), ahead: int = 9, holes: float = 0.2, seed: int = 0) -> str:
    """Series a, b, … of hours: two targets, covariates of either kind and one constant; rows ahead have no targets. A few rows lack."""
    random = np.random.default_rng(seed)
    rows: list[list[Any]] = [["name", "when", "load", "flow", "wind", "plan", "sky", "kind"]]
    for place, length in enumerate(lengths):
        for step in range(length + ahead):
            time = np.datetime64("2021-03-01T00", "h") + step + place
            values: list[Any] = [f"{random.normal(5 + place, 2):.3f}" if random.random() >= holes else "" for _ in range(2)]
            if step == length - 1:
                values = ["3.5", "4.5"]  # the last value of both
            if step >= length:
                values = ["", ""]
            covariates = [f"{random.normal():.2f}" if random.random() < 0.8 else "NA", f"{random.normal():.2f}"]
            if step != 2 and (step != 9 or length < 10):
                rows.append(["abcdef"[place], str(time).replace("T", " ") + ":00", *values, *covariates, "xyz"[step % 3], "uv"[place % 2]])
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return str(path)


COLUMNS: dict[str, dict[str, Any]] = {
    "bare": {"target": ["load"]},
    "targets": {"target": ["load", "flow"]},
    "past": {"target": ["load"], "past": ["wind"]},
    "all": {"target": ["load"], "past": ["wind"], "future": ["plan", "sky"], "static": ["kind"]},
}


class Trained:
    """A forecaster with random weights as if trained on the first series of a table, and what it should answer."""

    def __init__(self, path: str, columns: str, *, until: Callable[[int], int] = lambda n: n, known: int = 2, **options: Any) -> None:
        gaps, transform = options.get("gaps", "mask"), options.get("transform", "none")
        self.panel = read_panel([path], time=["when"], series="name", **COLUMNS[columns])
        lengths = [until(len(series.y)) for series in self.panel.series]
        coder = CovariateCoder.fit(self.panel, lengths, calendar=True, gaps=gaps)
        self.scales = [scale_of(series.y[:end], SEASON, transform) for series, end in zip(self.panel.series, lengths, strict=True)]
        stored = [
            {"name": series.name, "target": series.target, "scale": scale.to_json()}
            for series, scale in list(zip(self.panel.series, self.scales, strict=True))[:known]
        ]
        vocabulary = {
            "columns": self.panel.columns.to_json(),
            "frequency": self.panel.frequency.text,
            "season": SEASON,
            "form": self.panel.form.to_json(),
            "series": stored,
            "covariates": coder.to_json(),
        }
        widths = {"past": coder.past_width, "known": coder.known_width, "static": coder.static_width}
        self.twin = ForecastTwin(
            segment=W,
            context=CONTEXT,
            horizon=HORIZON,
            series=len(stored),
            vocabulary=vocabulary,
            has_holes=gaps == "mask",
            **widths,
            **options,
        )
        self.model = ForecastModel(self.twin.stored)
        self.coder, self.scaling, self.gaps = coder, options.get("scaling", "last"), gaps
        self.known = known

    def expected(self, place: int, origin: int, horizon: int = HORIZON) -> Any:
        """Quantiles [F, Q] in the user's unit, by loops over the steps of the one window."""
        series, scale = self.panel.series[place], self.scales[place]
        encoded = self.coder.encode(series, scale, extra=horizon + W)
        y = [float(np.float32(value)) for value in scale.apply(series.y)]
        start = origin - min(CONTEXT, origin // W * W)
        seen = [step for step in range(start, origin) if not np.isnan(y[step])]
        centre, spread = 0.0, 1.0
        if self.scaling == "last" and seen:
            centre = y[seen[-1]]
        if self.scaling == "window" and seen:
            centre, spread = float(np.mean([y[step] for step in seen])), max(0.1, float(np.std([y[step] for step in seen])))
        steps = []
        for step in range(start, origin):
            before = [at for at in range(step + 1) if not np.isnan(y[at])]
            after = [at for at in range(step, origin) if not np.isnan(y[at])]
            if self.gaps == "interpolate" and before and after and before[-1] < step:
                a, b = before[-1], after[0]
                value = y[a] + (y[b] - y[a]) * (step - a) / (b - a)
            elif self.gaps == "interpolate" and after and not before:
                value = y[after[0]]
            else:
                value = y[before[-1]] if before else centre
            since = step - (before[-1] if before else -1)
            mask = [float(not np.isnan(y[step])), np.log1p(since) / np.log1p(100)] if self.gaps == "mask" else []
            steps.append([(value - centre) / spread, *mask, *encoded.past[step], *encoded.known[step]])
        rows = np.array([[*np.concatenate(steps[at : at + W]), *encoded.static] for at in range(0, len(steps), W)])
        decoder = []
        reads = horizon + W if self.twin.is_recursive else HORIZON  # a direct network's last segment is cut in training too
        for at in range(0, horizon, W):
            known = [encoded.known[origin + at + step] if at + step < reads else np.zeros(encoded.known.shape[1]) for step in range(W)]
            decoder.append([*np.concatenate(known), *encoded.static])
        told = self.twin.told(rows, np.array(decoder), place + 1 if place < self.known else 0)[:horizon]
        offsets = self.twin.weights["bands.offsets"]
        told = told + offsets[np.minimum(np.arange(horizon), len(offsets) - 1)]
        told = np.sort(told, axis=1)  # the twin's offsets lead away from the median
        return scale.undo(told * spread + centre)
