"""The keys that recipes over frames share, numbers and sound: where they stand, how they become steps, what is varied in training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from tidegate.data.ranges import read_range
from tidegate.data.sound_augmentation import Augmentation
from tidegate.errors import UserError
from tidegate.kernels import architecture
from tidegate.training.recipe import Rate, Recipe
from tidegate.training.series_recipe import Names, Span

Input = Literal["numbers", "sound"]


def _interval(value: Any) -> Any:
    """`0.9-1.1`, a list of two, or none."""
    if value == "none":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return _told(lambda: read_range(value, "the range")) if isinstance(value, str) else value


def _told(read: Callable[[], Any]) -> Any:
    """What is refused elsewhere, as pydantic wants it."""
    try:
        return read()
    except UserError as error:
        raise ValueError(str(error)) from None


Interval = Annotated[tuple[float, float], BeforeValidator(_interval)]
MaybeInterval = Annotated[tuple[float, float] | None, BeforeValidator(_interval)]
# Frames of sound that are read at once where the recipe does not say: 20 ms.
_SOUND_PER_STEP = 2


class FrameRecipe(Recipe):
    """Settings that tasks over sequences of numbers and over sound share."""

    CAN_INHERIT = False
    BATCH_SEQUENCES: ClassVar[int] = 16  # of a batch, about, where the recipe does not say

    input: Input = Field("numbers", description="what is read: numbers, or sound")
    sequence: str = Field("", description="numbers: column that names the sequence; empty: found")
    step: str = Field("", description="numbers: column by which a sequence's rows are ordered; empty: found, else as they stand")
    features: Names = Field((), description="numbers: columns that are read; none: all that are numbers")
    missing: Names = Field((), description="numbers: what else means a missing value, for instance -9999")
    path: str = Field("", description="column of a table that names a file for each sequence or recording; empty: found")
    pattern: str = Field("", description="sound: what a file's name says, for instance {label}_{group}_{}")
    group: str = Field("", description="sequences that agree in this column stay on one side of a split; empty: none")

    sample_rate: Annotated[int, Field(ge=0)] = Field(0, description="sound: samples a second; 0: those of the first recording")
    window_ms: Annotated[float, Field(gt=0)] = Field(25.0, description="sound: length of a frame")
    hop_ms: Annotated[float, Field(gt=0)] = Field(10.0, description="sound: from one frame to the next")
    mels: Annotated[int, Field(ge=2)] = Field(40, description="sound: mel bands of a frame")
    per_step: Annotated[int, Field(ge=0)] = Field(
        0, description="frames that are read at once; 0: 1 of numbers, 2 of sound, 4 where sound is transcribed"
    )
    lookahead: Span = Field(
        "", description="how far a two-way network sees ahead, in steps or (sound) as 100ms; empty: to the end, which no stream can"
    )

    noise: Annotated[float, Field(ge=0)] | None = Field(
        None, description="training: noise on every value, in units of its spread; none: 0.1 of numbers, 0 of sound"
    )
    offset: Annotated[float, Field(ge=0)] | None = Field(
        None,
        description="training: an offset on each feature of a whole sequence, in units of its spread; none: 0.3 of numbers, 0 of sound",
    )
    time_masks: Annotated[int, Field(ge=0)] = Field(0, description="training: stretches of frames that are hidden")
    feature_masks: Annotated[int, Field(ge=0)] | None = Field(
        None, description="training: bands of features that are hidden; none: 0 of numbers, 1 of sound"
    )
    shift_ms: Annotated[float, Field(ge=0)] = Field(50.0, description="sound, training: silence before and after, at most")
    snr_db: MaybeInterval = Field((10.0, 40.0), description="sound, training: noise so many decibels below the sound, 10-40; or none")
    speed: MaybeInterval = Field((0.9, 1.1), description="sound, training: played so many times as fast, 0.9-1.1; or none")
    gain_db: MaybeInterval = Field((-6.0, 6.0), description="sound, training: louder by so many decibels, -6-6; or none")

    embedding_size: Annotated[int, Field(ge=1)] = Field(64, description="width of a step's vector")
    hidden_size: Annotated[int, Field(ge=1)] = Field(128, description="width of the recurrent state, each direction")
    dropout: Rate = Field(0.3, description="variational, on steps' vectors and states")
    batch_steps: Annotated[int, Field(ge=0)] = Field(
        0, description="steps of a training batch at most; 0: 16 sequences' worth, 8 of streams"
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(3e-3, description="AdamW's, at its highest")
    patience: Annotated[int, Field(ge=1)] = Field(10, description="epochs without a better development score before training ends")

    @field_validator("sequence", "step", "path", "group", mode="before")
    @classmethod
    def _column_may_be_a_number(cls, value: Any) -> Any:
        return str(value) if type(value) is int else value

    @model_validator(mode="after")
    def _one_way_has_no_lookahead(self) -> Self:
        if self.lookahead and not architecture(self.arch).is_bidirectional:
            raise ValueError(f"lookahead = {self.lookahead!r} is for two-way architectures; {self.arch} never looks ahead")
        return self

    @model_validator(mode="after")
    def _variation_is_possible(self) -> Self:
        _told(self.augmentation)
        return self

    def augmentation(self) -> Augmentation:
        """How training records are varied.

        Raises:
            RecipeError: settings that are impossible.
        """
        of_sound = {name: getattr(self, name) for name in ("shift_ms", "snr_db", "speed", "gain_db")} if self.input == "sound" else {}
        return Augmentation(
            **of_sound,
            time_masks=self.time_masks,
            feature_masks=self.settled_feature_masks,
            noise=self.settled_noise,
            offset=self.settled_offset,
        )

    @property
    def frames_per_step(self) -> int:
        """`per_step`, or what 0 stands for."""
        return self.per_step or (_SOUND_PER_STEP if self.input == "sound" else 1)

    @property
    def settled_noise(self) -> float:
        """`noise`, or what none stands for."""
        return (0.1 if self.input == "numbers" else 0.0) if self.noise is None else self.noise

    @property
    def settled_offset(self) -> float:
        """`offset`, or what none stands for."""
        return (0.3 if self.input == "numbers" else 0.0) if self.offset is None else self.offset

    @property
    def settled_feature_masks(self) -> int:
        """`feature_masks`, or what none stands for."""
        return int(self.input == "sound") if self.feature_masks is None else self.feature_masks

    def settled_batch_steps(self, steps: int, sequences: int) -> int:
        """`batch_steps`, or what 0 stands for where so many sequences have so many steps."""
        return self.batch_steps or max(64, self.BATCH_SEQUENCES * steps // max(1, sequences))
