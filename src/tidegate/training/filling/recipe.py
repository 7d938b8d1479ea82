"""The recipe of the task `fill`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tidegate.data.clock import Frequency
from tidegate.training.recipe import Rate
from tidegate.training.series_recipe import SeriesRecipe


class FillRecipe(SeriesRecipe):
    """Settings of the task `fill`; the defaults are those of preset `default`."""

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "fast": {"hidden_size": 64, "max_epochs": 6},
        "default": {},
        "best": {"hidden_size": 192, "num_layers": 2, "max_epochs": 40, "patience": 8},
    }

    task: Literal["fill"] = "fill"
    arch: str = Field(
        "bigru", description="architecture: two-way ones read a hole from both sides, one-way ones what comes before it alone"
    )
    window: Annotated[int, Field(ge=2)] = Field(192, description="steps that are read together in training")
    hidden_share: Annotated[float, Field(gt=0, le=0.5)] = Field(
        0.15, description="share of the values that are hidden in training, in gaps such as the data's own"
    )
    others: Literal["auto", "yes", "no"] = Field(
        "auto", description="whether the other series' values at the same time are read; auto: where there are two or more"
    )
    season: Annotated[int, Field(ge=0)] = Field(
        0, description="steps of a season, for the baseline; 0: a day's, of days a week's, of months a year's"
    )
    batch_windows: Annotated[int, Field(ge=1)] = Field(8, description="windows of a training batch")
    hidden_size: Annotated[int, Field(ge=1)] = Field(96, description="width of the recurrent state, each direction")
    embedding_size: Annotated[int, Field(ge=0)] = Field(0, description="width of what the recurrent layer reads; 0: hidden_size")
    dropout: Rate = Field(0.1, description="variational, on the steps' vectors and the states")
    series_dropout: Rate = Field(0.05, description="probability that a series is read as an unknown one, so that new ones can be filled")
    series_vectors: Literal["auto", "yes", "no"] = Field(
        "auto", description="whether each series has a vector of its own; auto: of 2 to 2,000 series"
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(4e-3, description="AdamW's, at its highest")
    warmup_steps: Annotated[int, Field(ge=0)] = Field(
        100, description="steps over which the learning rate rises; at most a tenth of all; it then falls linearly to 0"
    )
    clip_norm: Annotated[float, Field(gt=0)] = Field(1.0, description="longest gradient, as a norm over all parameters")

    def settled(self, frequency: Frequency, series: int, longest: int) -> FillRecipe:
        """The recipe with everything replaced that hangs on the data but the number of epochs: frequency, number of series, longest one."""
        changes: dict[str, Any] = {
            "frequency": frequency.text,
            "season": self.season or frequency.season,
            "window": min(self.window, longest),
            "embedding_size": self.embedding_size or self.hidden_size,
            "series_vectors": ("yes" if 2 <= series <= 2000 else "no") if self.series_vectors == "auto" else self.series_vectors,
            "others": ("yes" if series > 1 else "no") if self.others == "auto" else self.others,
        }
        return self.model_copy(update=changes)
