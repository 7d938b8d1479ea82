"""The recipe of the task `transcribe`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from tidegate.data.ranges import read_count_range
from tidegate.errors import UserError
from tidegate.training.frame_recipe import FrameRecipe, Interval, MaybeInterval
from tidegate.training.recipe import Rate

# Frames that are read at once where the recipe does not say: 40 ms.
_PER_STEP = 4


class TranscribeRecipe(FrameRecipe):
    """Settings of the task `transcribe`."""

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "fast": {"hidden_size": 96, "max_epochs": 20, "warmup_steps": 100},
        "default": {},
        "best": {"hidden_size": 256, "num_layers": 2, "max_epochs": 100, "patience": 20},
    }

    BATCH_SEQUENCES: ClassVar[int] = 8

    task: Literal["transcribe"] = "transcribe"
    input: Literal["sound"] = Field("sound", description="what is read: sound")
    text: str = Field("", description="column of the transcript, by name or 1-based number; empty: found")
    unit: Literal["word", "char"] = Field("word", description="what is written one after another: words between blanks, or characters")
    connect: str = Field(
        "", description="training: so many recordings, 4 or 1-7, are joined to a stream, drawn anew each epoch; empty: each by itself"
    )
    gap: Interval = Field((0.05, 0.5), description="seconds between joined recordings, 0.05-0.5")
    beam: Annotated[int, Field(ge=1)] = Field(
        1, description="transcripts kept side by side where the answer is searched; 1: the best each step"
    )
    # Of much noise and many masks a network that reads one way learns little more than the blank.
    snr_db: MaybeInterval = Field((15.0, 40.0), description="training: noise so many decibels below the sound, 15-40; or none")
    feature_masks: Annotated[int, Field(ge=0)] | None = Field(0, description="training: bands of features that are hidden")
    dropout: Rate = Field(0.1, description="variational, on steps' vectors and states")
    learning_rate: Annotated[float, Field(gt=0)] = Field(5e-3, description="AdamW's, at its highest")
    patience: Annotated[int, Field(ge=1)] = Field(20, description="epochs without a better development score before training ends")

    @field_validator("text", mode="before")
    @classmethod
    def _text_may_be_a_number(cls, value: Any) -> Any:
        return str(value) if type(value) is int else value

    @field_validator("connect", mode="before")
    @classmethod
    def _connect_reads(cls, value: Any) -> Any:
        value = str(value) if type(value) is int else value
        if value and isinstance(value, str):
            try:
                read_count_range(value, "a number of recordings,")
            except UserError as error:
                raise ValueError(str(error)) from None
        return value

    @property
    def frames_per_step(self) -> int:
        """`per_step`, or what 0 stands for: longer steps than labels need are learnt from sooner."""
        return self.per_step or _PER_STEP

    @property
    def counts(self) -> tuple[int, int]:
        """The fewest and the most recordings of a stream; (1, 1) where they are not joined."""
        return read_count_range(self.connect or "1", "connect")
