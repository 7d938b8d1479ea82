"""The recipe of the task `forecast`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from tidegate.data.clock import Frequency
from tidegate.kernels import architecture
from tidegate.training.recipe import Rate
from tidegate.training.series_recipe import SeriesRecipe, Span

# Segments that the default context and the default segment come to: few steps for the network, each wide.
_SEGMENTS = 15


class ForecastRecipe(SeriesRecipe):
    """Settings of the task `forecast`; the defaults are those of preset `default`."""

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "fast": {"hidden_size": 64, "max_epochs": 5},
        "default": {},
        "best": {"hidden_size": 512, "max_epochs": 30, "patience": 8},
    }

    task: Literal["forecast"] = "forecast"
    arch: str = Field("gru", description="architecture: a one-way one (rnn, lstm, gru, gru-reset-after, mingru, minlstm)")
    horizon: Span = Field("", description="steps to forecast, for instance 24 or 1d; empty: a season, or 12 steps where there is none")
    context: Span = Field("", description="steps that are read before; empty: 15 segments, and the whole past where that is shorter")
    segment: Annotated[int, Field(ge=0)] = Field(0, description="steps that are read and told at once; 0: by season and horizon")
    decoding: Literal["direct", "recursive"] = Field(
        "direct", description="all steps at once, or segment after segment, each from those before: for any horizon"
    )
    scaling: Literal["series", "last", "window"] = Field(
        "last",
        description="what is taken off before the network reads: the series' median and spread; that and the window's last value; or "
        "that and the window's mean and deviation",
    )
    gaps: Literal["mask", "interpolate", "refuse"] = Field(
        "mask", description="holes: told to the network with the time since the last value, filled linearly, or refused"
    )
    origin_every: Annotated[int, Field(ge=0)] = Field(
        0, description="steps between the origins that development and test data are scored from; 0: the horizon"
    )
    auto_ets: bool = Field(True, description="whether AutoETS is fitted at some of the last origins too, where statsforecast is installed")
    epoch_windows: Annotated[int, Field(ge=0)] = Field(0, description="windows of an epoch, drawn anew for each; 0: all, at most 20,000")
    batch_windows: Annotated[int, Field(ge=1)] = Field(128, description="windows of a training batch")
    hidden_size: Annotated[int, Field(ge=1)] = Field(128, description="width of the recurrent state")
    embedding_size: Annotated[int, Field(ge=0)] = Field(0, description="width of what the recurrent layer reads; 0: hidden_size")
    dropout: Rate = Field(0.3, description="on the states before the output, and between layers")
    input_dropout: Rate = Field(0.0, description="variational, on what the recurrent layer reads of the past")
    series_dropout: Rate = Field(0.05, description="probability that a series is read as an unknown one, so that new ones can be told")
    series_vectors: Literal["auto", "yes", "no"] = Field(
        "auto", description="whether each series has a vector of its own; auto: of 2 to 2,000 series"
    )
    band_weight: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="what each bound of a band counts in the loss beside the median"
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(1e-3, description="AdamW's, at its highest")

    @field_validator("arch")
    @classmethod
    def _reads_the_past_alone(cls, value: str) -> str:
        if (arch := architecture(value)).is_bidirectional:
            raise ValueError(
                f"a two-way network ({arch.name}) has no future to read when it forecasts; use a one-way one, arch {arch.cell}. "
                "Missing values inside a series are filled from both sides by the task fill"
            )
        return value

    @field_validator("decoding")
    @classmethod
    def _what_is_fed_back_is_known(cls, value: str, info: ValidationInfo) -> str:
        if value == "recursive" and info.data.get("past_covariates"):
            raise ValueError("past covariates are not known of the steps that are fed back; use decoding direct, or leave them out")
        return value

    def settled(self, frequency: Frequency, series: int) -> ForecastRecipe:
        """The recipe with everything replaced that hangs on the data: their frequency, and how many series.

        Raises:
            RecipeError: a span of time that is no whole number of steps.
        """
        season = self.season or frequency.season
        horizon = frequency.steps(self.horizon, "--horizon") if self.horizon else season if season > 1 else 12
        segment = self.segment or _segment(season, horizon)
        context = frequency.steps(self.context, "--context") if self.context else _SEGMENTS * segment
        segment = min(segment, context)
        changes = {
            "frequency": frequency.text,
            "season": season,
            "horizon": str(horizon),
            "segment": segment,
            "context": str(-(-context // segment) * segment),
            "embedding_size": self.embedding_size or self.hidden_size,
            "series_vectors": ("yes" if 2 <= series <= 2000 else "no") if self.series_vectors == "auto" else self.series_vectors,
            "origin_every": self.origin_every or horizon,
        }
        return self.model_copy(update=changes)


def _segment(season: int, horizon: int) -> int:
    """A season, of long ones an equal part of at most 48 steps, but no more than the horizon; without a season a third of the horizon."""
    if season <= 1:
        return max(1, horizon // 3)
    parts = -(-season // 48)
    return max(1, min(-(-season // parts), horizon))
