"""The recipes of `classify` and `tag` over sequences of numbers and over sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from tidegate.training.frame_recipe import FrameRecipe
from tidegate.training.pools import POOLING, Pools

_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "fast": {"hidden_size": 64, "embedding_size": 32, "max_epochs": 15, "warmup_steps": 50},
    "default": {},
    "best": {"hidden_size": 192, "num_layers": 2, "max_epochs": 80, "patience": 20},
}


class LabelledFramesRecipe(FrameRecipe):
    """What both tasks share."""

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = _PRESETS

    label: str = Field("", description="column of the label, by name or 1-based number; empty: found")
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="share of the target dealt to all labels alike")

    @field_validator("label", mode="before")
    @classmethod
    def _label_may_be_a_number(cls, value: Any) -> Any:
        return str(value) if type(value) is int else value


class SequenceClassifyRecipe(LabelledFramesRecipe):
    """Settings of `classify` over sequences of numbers and over sound."""

    task: Literal["classify"] = "classify"
    pooling: Pools = Field(("mean", "max"), description=POOLING)
    prefix_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="training: share of sequences that are cut to a random beginning, for answers before the end"
    )


class SequenceTagRecipe(LabelledFramesRecipe):
    """Settings of `tag` over sequences of numbers: a label a step."""

    task: Literal["tag"] = "tag"
    input: Literal["numbers"] = Field("numbers", description="what is read: numbers")
    per_step: Literal[0, 1] = Field(0, description="frames that are read at once; each has a label of its own, so 1 (0 is the same)")
