"""Windows of series as ragged batches: what is read before an origin, what is known after it, and the values to be told.

A window has the scale of its own (`centre`, `spread`), taken from the steps that it reads alone; so is what stands in its holes. Nothing at
or after the origin is read but what is known ahead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tidegate.data.clock import Ids
from tidegate.data.covariates import EncodedSeries, Floats, Gaps
from tidegate.errors import DataError, ShapeError

Scaling = Literal["series", "last", "window"]

# Of a window that hardly varies, the spread in units of its series.
_LEAST_SPREAD = 0.1
# Steps since a value was seen, as the network reads them: 1 at a hundred of them.
_LONG_AGO = np.float32(1 / np.log1p(100))


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """What a window is.

    Attributes:
        context: steps read at most, a multiple of the segment.
        segment: steps read and told at once.
        horizon: steps told.
        scaling: "series": as the series is scaled; "last": the last seen value is 0; "window": mean 0 and standard deviation 1.
        gaps: how holes are read: "mask", the last seen value, whether the step is seen and how long ago one was; "interpolate", a line
            between seen values; "refuse": there are none.
        has_holes: whether `mask` adds its two columns.
    """

    context: int
    segment: int
    horizon: int
    scaling: Scaling = "series"
    gaps: Gaps = "mask"
    has_holes: bool = False

    @classmethod
    def of_network(cls, settings: Mapping[str, Any]) -> WindowSpec:
        """As a network reads and tells them, by what config.json says of it."""
        return cls(**{name: settings[name] for name in ("context", "segment", "horizon", "scaling", "gaps", "has_holes")})

    @property
    def segments(self) -> int:
        """Segments told: those that the horizon needs."""
        return -(-self.horizon // self.segment)

    @property
    def has_mask(self) -> bool:
        return self.gaps == "mask" and self.has_holes

    def channels(self, past: int, known: int) -> int:
        """C, values of a step that is read, with so many past and known covariates."""
        return 1 + 2 * self.has_mask + past + known


@dataclass(frozen=True, slots=True)
class ForecastBatch:
    """B windows that read N segments of w steps in all and tell So segments each.

    Attributes:
        x: [N, wC + S], step after step the values read (y, seen and since seen with a mask, past, known), then the static ones.
        offsets: [B+1]; window b owns segments offsets[b] to offsets[b+1].
        decoder: [B·So, wK + S], what is known of the steps to be told.
        ids: [B], numbers of the series.
        centre, spread: [B], the window's scale in units of its series.
        y: [B, So·w], the truth in units of the window; NaN in holes, beyond the horizon and where it is unknown.
    """

    x: Floats
    offsets: Ids
    decoder: Floats
    ids: Ids
    centre: Floats
    spread: Floats
    y: Floats

    @property
    def tokens(self) -> int:
        return len(self.x) + len(self.decoder)


def collate_windows(series: Sequence[EncodedSeries], windows: Ids, spec: WindowSpec) -> ForecastBatch:
    """One ragged batch of windows.

    Args:
        windows: [B, 2], for each a place in `series` and the origin, the number of steps known; at least a segment.
    """
    w, told = spec.segment, spec.segments * spec.segment
    past_width, known_width, static_width = series[0].past.shape[1], series[0].known.shape[1], len(series[0].static)
    channels = spec.channels(past_width, known_width)
    counts = np.minimum(spec.context, windows[:, 1]) // w
    if not counts.all():
        raise ShapeError(f"a window has no segment of {w} steps before its origin; origins of at least {w} were expected")
    offsets = np.zeros(len(windows) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    bounds = (offsets * w).tolist()
    has_mask, interpolates = spec.has_mask, spec.gaps == "interpolate"
    read = np.empty(bounds[-1], dtype=np.float32)
    seen = np.empty_like(read) if has_mask or interpolates or spec.scaling == "window" else None
    since = np.empty(bounds[-1], dtype=np.int64) if has_mask or interpolates else None
    others = np.empty((bounds[-1], past_width + known_width), dtype=np.float32)
    truth = np.full((len(windows), told), np.nan, dtype=np.float32)
    ahead = np.zeros((len(windows), told, known_width), dtype=np.float32)
    lasts = np.zeros(len(windows))
    for window, (place, origin) in enumerate(windows.tolist()):
        one, begin, end = series[place], bounds[window], bounds[window + 1]
        start = origin - (end - begin)
        read[begin:end] = one.filled[start:origin]
        if one.last_seen[start] < 0:
            # NaN until the window has its scale: before any value is seen, its centre is read.
            read[begin : begin + int(np.searchsorted(one.last_seen[start:origin], 0))] = np.nan
        if seen is not None:
            seen[begin:end] = one.seen[start:origin]
        if since is not None:
            since[begin:end] = np.arange(start, origin) - one.last_seen[start:origin]
        if past_width:
            others[begin:end, :past_width] = one.past[start:origin]
        if known_width:
            others[begin:end, past_width:] = one.known[start:origin]
            coming = one.known[origin : origin + spec.horizon]
            ahead[window, : len(coming)] = coming
        if one.last_seen[origin - 1] >= start:
            lasts[window] = one.filled[origin - 1]
        coming = one.y[origin : origin + spec.horizon]
        truth[window, : len(coming)] = coming
    centre, spread = np.zeros(len(windows), dtype=np.float32), np.ones(len(windows), dtype=np.float32)
    if spec.scaling == "last":
        centre = lasts.astype(np.float32)
    elif spec.scaling == "window":
        assert seen is not None
        centre, spread = _mean_and_deviation(read, seen, offsets * w)
    if interpolates:
        assert seen is not None
        assert since is not None
        _interpolate(read, seen, since, offsets * w)
    if spec.scaling != "series":
        read -= np.repeat(centre, counts * w)
        read /= np.repeat(spread, counts * w)
    np.nan_to_num(read, copy=False)
    x = np.empty((int(offsets[-1]), w * channels + static_width), dtype=np.float32)
    steps = x[:, : w * channels].reshape(len(x), w, channels)
    steps[:, :, 0] = read.reshape(len(x), w)
    if has_mask:
        assert seen is not None
        assert since is not None
        steps[:, :, 1] = seen.reshape(len(x), w)
        steps[:, :, 2] = (np.log1p(since.astype(np.float32)) * _LONG_AGO).reshape(len(x), w)
    steps[:, :, channels - past_width - known_width :] = others.reshape(len(x), w, past_width + known_width)
    decoder = np.empty((len(windows), spec.segments, w * known_width + static_width), dtype=np.float32)
    decoder[:, :, : w * known_width] = ahead.reshape(len(windows), spec.segments, w * known_width)
    if static_width:
        static = np.stack([series[place].static for place in windows[:, 0].tolist()])
        x[:, w * channels :] = np.repeat(static, counts, axis=0)
        decoder[:, :, w * known_width :] = static[:, None]
    return ForecastBatch(
        x,
        offsets,
        decoder.reshape(len(windows) * spec.segments, -1)
        if decoder.size
        else np.zeros((len(windows) * spec.segments, 0), dtype=np.float32),
        np.array([series[place].id for place in windows[:, 0].tolist()], dtype=np.int64),
        centre,
        spread,
        (truth - centre[:, None]) / spread[:, None],
    )


def training_windows(lengths: Sequence[int], spec: WindowSpec, every: int) -> Ids:
    """[M, 2] the windows of training: a place in `lengths` and an origin each, in order.

    Origins are `every` steps apart, counted back from the last one whose horizon ends with the training part. A series that is too short
    for a whole context has its one longest window; one that is too short for a segment and the horizon has none (see `too_short`).

    Args:
        lengths: steps of each series' training part.

    Raises:
        DataError: no series is long enough for a window.
    """
    found = []
    for place, length in enumerate(lengths):
        last = length - spec.horizon
        if last < spec.segment:
            continue
        first = min(last, spec.context)
        origins = np.arange(last, first - 1, -every, dtype=np.int64)[::-1]
        found.append(np.stack([np.full(len(origins), place, dtype=np.int64), origins], axis=1))
    if not found:
        raise DataError(
            f"no series is long enough: the longest has {max(lengths, default=0):,} steps for training, and "
            f"{spec.segment + spec.horizon:,} are needed, {spec.segment} to be read and {spec.horizon} to be told. Give a longer history, "
            "a smaller horizon or segment, or less of it to development and test data (--dev-last, --test-last)."
        )
    return np.concatenate(found)


def too_short(lengths: Sequence[int], spec: WindowSpec) -> list[int]:
    """The places of series that have no window of training."""
    return [place for place, length in enumerate(lengths) if length < spec.segment + spec.horizon]


def _interpolate(read: Floats, seen: Floats, since: Ids, bounds: Ids) -> None:
    """Puts lines between seen values into the holes of windows, in place; after a window's last seen value there is none to go to.

    Args:
        read: [N·w], the last seen value in holes, NaN before any.
        seen: [N·w], 1 where a step is seen.
        since: [N·w], steps since a value was seen.
        bounds: [B+1] of the windows.
    """
    holes, seen_steps = np.flatnonzero(seen == 0), np.flatnonzero(seen)
    ends = bounds[np.searchsorted(bounds, holes, side="right")]
    following = np.append(seen_steps, bounds[-1])[np.searchsorted(seen_steps, holes)]
    is_between = following < ends
    holes, following = holes[is_between], following[is_between]
    left, right = read[holes], read[following]
    # Before any seen value a line has no left end.
    left = np.where(np.isnan(left), right, left)
    read[holes] = left + (right - left) * (since[holes] / (since[holes] + following - holes)).astype(np.float32)


def _mean_and_deviation(read: Floats, seen: Floats, bounds: Ids) -> tuple[Floats, Floats]:
    """[B] of the seen values of each window; 0 and 1 where there are none."""
    begins, lengths = bounds[:-1], np.diff(bounds)
    is_seen = seen != 0
    counts = np.add.reduceat(is_seen, begins, dtype=np.int64)
    values = np.where(is_seen, read, 0).astype(np.float64)
    mean = np.add.reduceat(values, begins) / np.maximum(counts, 1)
    apart = np.where(is_seen, values - np.repeat(mean, lengths), 0)
    deviation = np.sqrt(np.add.reduceat(apart * apart, begins) / np.maximum(counts, 1))
    spread = np.where(counts > 0, np.maximum(deviation, _LEAST_SPREAD), 1)
    return mean.astype(np.float32), spread.astype(np.float32)
