"""The keys that recipes over time series share: which columns are what, the clock, the split."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from tidegate.data.clock import Frequency
from tidegate.errors import UserError
from tidegate.training.recipe import Recipe


def _listed(value: Any) -> Any:
    """`a,b`, a list or one number as a tuple."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return (value,) if isinstance(value, int) else value


def _as_texts(value: Any) -> Any:
    listed = _listed(value)
    return tuple(str(part) for part in listed) if isinstance(listed, list | tuple) else listed


Names = Annotated[tuple[str, ...], BeforeValidator(_as_texts)]
Levels = Annotated[tuple[Annotated[int, Field(ge=1, le=99)], ...], BeforeValidator(_listed)]
Span = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) and not isinstance(value, bool) else value)]


class SeriesRecipe(Recipe):
    """Settings that tasks over time series share. Spans of time are steps (`96`) or have a unit (`4d`)."""

    CAN_INHERIT = False

    time: Names = Field((), description="columns of the time, whose parts are joined; none: ds, or the one that reads as times")
    target: Names = Field((), description="columns to learn; none: y, or the only numeric column")
    series: Span | None = Field(None, description="column that names the series; none: unique_id, or the file's name")
    past_covariates: Names = Field((), description="columns known up to now")
    future_covariates: Names = Field((), description="columns known ahead: a plan, a price, a holiday, a weather forecast")
    static_covariates: Names = Field((), description="columns that never change within a series")
    calendar: bool = Field(True, description="whether hour, weekday and time of the year are read")
    frequency: Span = Field("", description="length of a step: 15min, h, D, W, MS; empty: the most common difference")
    season: Annotated[int, Field(ge=0)] = Field(0, description="steps of a season; 0: a day's, of days a week's, of months a year's")
    missing: Names = Field((), description="what else means a missing value, for instance -9999")
    dev_last: Span = Field("", description="the end of each series that epochs are chosen by; empty: its last tenth before the test part")
    test_last: Span = Field("", description="the very end of each series, scored once; empty: none")
    levels: Levels = Field((50, 90), description="of the bands, in percent")
    transform: Literal["none", "log1p"] = Field(
        "none", description="what is learnt in place of the value: its log1p suits values from 0 up that vary by factors"
    )

    @field_validator("frequency")
    @classmethod
    def _frequency_reads(cls, value: str) -> str:
        if value:
            try:
                Frequency.parse(value)
            except UserError as error:
                raise ValueError(str(error)) from None
        return value

    @field_validator("levels")
    @classmethod
    def _levels_rise(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value:
            raise ValueError("one level at least is needed, for instance 90")
        return tuple(sorted(set(value)))

    def reading(self) -> dict[str, Any]:
        """How tables are read, for `data.series`."""
        return {
            "time": self.time or None,
            "target": self.target or None,
            "series": self.series,
            "past": self.past_covariates,
            "future": self.future_covariates,
            "static": self.static_covariates,
            "frequency": self.frequency or None,
            "missing": self.missing,
        }
