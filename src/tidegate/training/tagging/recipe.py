"""The recipe of the task `tag`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from tidegate.training.recipe import WordRecipe


class TagRecipe(WordRecipe):
    """Settings of the task `tag`; the defaults are those of preset `default`, chosen on the development set of UD English EWT."""

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "fast": {"hidden_size": 100, "word_size": 64, "character_size": 64, "max_epochs": 8, "learning_rate": 4e-3, "warmup_steps": 100},
        "default": {},
        "best": {"hidden_size": 256, "num_layers": 2, "dropout": 0.5, "max_epochs": 40, "patience": 8},
    }

    task: Literal["tag"] = "tag"
    label: tuple[str, ...] = Field((), description="label columns, by name or 1-based number; empty: the file's own default")
    max_length: Annotated[int, Field(ge=1)] = Field(10_000, description="longest sentence accepted in training, in tokens")
    head: Literal["auto", "crf", "softmax"] = Field("auto", description="how labels are decoded; auto: crf up to 100 labels, softmax above")
    batch_tokens: Annotated[int, Field(ge=0)] = Field(
        0, description="tokens of one training batch at most; 0: a hundredth of the training tokens, 100 at least and 800 at most"
    )

    @field_validator("label", mode="before")
    @classmethod
    def _label_may_be_one_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        columns = value if isinstance(value, list | tuple) else [value]
        return tuple(str(column) if type(column) is int else column for column in columns)

    def settled(self, tokens: int) -> TagRecipe:
        """The recipe with every 0 that means "by the size of the data" replaced, for so many training tokens."""
        batch_tokens = self.batch_tokens or min(800, max(100, tokens // 100))
        return self.model_copy(update={"batch_tokens": batch_tokens, "max_epochs": self.settled_epochs(tokens // batch_tokens)})
