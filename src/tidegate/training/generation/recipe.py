"""The recipe of the task `generate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from tidegate.training.inheritance import inherited_units
from tidegate.training.recipe import Rate, Recipe

# Windows that a stream should have at least: so many steps has an epoch, and with few a network hardly leaves its warm-up.
_LEAST_WINDOWS = 150
_PIECES = 2000


class GenerateRecipe(Recipe):
    """Settings of the task `generate`; the defaults are those of preset `default`, chosen on the last tenth of tinyshakespeare."""

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "fast": {"hidden_size": 256, "max_epochs": 8},
        "default": {},
        "best": {"hidden_size": 640, "num_layers": 2, "max_epochs": 40, "patience": 8},
    }

    task: Literal["generate"] = "generate"
    arch: str = Field("gru", description="architecture: one-way ones (rnn, lstm, gru, mingru, …) write text, two-way ones fill blanks")
    unit: Literal["char", "word", "bpe"] = Field("char", description="what the network reads and writes one after another")
    line_breaks: Literal["unit", "blank"] = Field(
        "unit", description="of words: whether a line end is a unit, or a blank (an empty line is then the unit): for text that is wrapped"
    )
    lowercase: bool = Field(False, description="whether words are read in lower case")
    min_count: Annotated[int, Field(ge=0)] = Field(
        0, description="units seen less often in training are unknown; 0: 1 of characters, else 2"
    )
    vocabulary_size: Annotated[int, Field(ge=0)] = Field(
        0, description="units at most, the frequent ones first; 0: 2,000 pieces of bpe, all words and characters"
    )
    dev_share: Annotated[float, Field(gt=0, lt=1)] = Field(0.1, description="share of the text, its end, held out where no --dev is given")
    test_share: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="share of the text after that, scored once at the end")

    hidden_size: Annotated[int, Field(ge=1)] = Field(512, description="width of the recurrent state, each direction")
    embedding_size: Annotated[int, Field(ge=0)] = Field(
        0, description="width of a unit's vector; 0: 64 of characters, 256 of words and pieces"
    )
    tied: bool | None = Field(
        None, description="whether the units' vectors serve at the output too; by default those of words and pieces do"
    )
    window: Annotated[int, Field(ge=0)] = Field(
        0, description="units through which gradients go back (truncated back-propagation); 0: 128 characters, 64 words or pieces"
    )
    streams: Annotated[int, Field(ge=0)] = Field(
        0, description="stretches of the text that are read side by side; 0: by the size of the text, at most 32"
    )
    dropout: Rate = Field(0.4, description="variational, between layers and on the states")
    input_dropout: Rate = Field(0.1, description="variational, on the units' vectors")
    embedding_dropout: Rate = Field(0.0, description="of a unit's whole vector, wherever it stands in a window (arXiv 1708.02182)")
    state_reset: Rate = Field(
        0.02, description="probability that a stream begins a window from zeros, so that beginnings of texts are learnt"
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(4e-3, description="AdamW's, at its highest")
    clip_norm: Annotated[float, Field(gt=0)] = Field(1.0, description="longest gradient, as a norm over all parameters")

    @field_validator("test_share")
    @classmethod
    def _something_is_left(cls, value: float, info: ValidationInfo) -> float:
        if value + info.data.get("dev_share", 0) >= 1:
            raise ValueError("together with dev_share it leaves nothing to train on; both must come to less than 1")
        return value

    @field_validator("window")
    @classmethod
    def _a_window_has_two_units(cls, value: int) -> int:
        if value == 1:
            raise ValueError("a window has two units at least, or 0 for the default")
        return value

    @property
    def is_tied(self) -> bool:
        return self.unit != "char" if self.tied is None else self.tied

    @property
    def window_size(self) -> int:
        return self.window or (128 if self.unit == "char" else 64)

    def reading(self) -> dict[str, Any]:
        """How the text is read, for `data.streams`; ModelError where `init_from` is no model."""
        names = {"unit", "dev_share", "test_share", "line_breaks", "lowercase"}
        return self.model_dump(include=names) | {
            "min_count": self.min_count or (1 if self.unit == "char" else 2),
            "vocabulary_size": self.vocabulary_size or (_PIECES if self.unit == "bpe" else 0),
            "units": inherited_units(self),
        }

    def settled(self, units: int) -> GenerateRecipe:
        """The recipe with everything replaced that hangs on the size of the data: so many units of training text."""
        window = self.window_size
        streams = self.streams or min(32, max(1, units // (_LEAST_WINDOWS * window)))
        steps = max(1, units // (streams * window))
        changes = {
            "window": window,
            "streams": streams,
            "embedding_size": self.embedding_size or (64 if self.unit == "char" else 256),
            "tied": self.is_tied,
            "max_epochs": self.settled_epochs(steps),
        }
        return self.model_copy(update=changes)
