"""The recipe of the task `classify`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from tidegate.training.pools import POOLING, Pools
from tidegate.training.recipe import WordRecipe


class ClassifyRecipe(WordRecipe):
    """Settings of the task `classify`; the defaults are those of preset `default`, chosen on development data of four sets."""

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "fast": {"hidden_size": 64, "word_size": 64, "character_size": 32, "max_epochs": 8, "learning_rate": 4e-3, "warmup_steps": 50},
        "default": {},
        "best": {"hidden_size": 200, "num_layers": 2, "max_epochs": 40, "patience": 10},
    }

    task: Literal["classify"] = "classify"
    text: str = Field("", description="column of the text, by name or 1-based number; empty: found")
    label: str = Field("", description="column of the label, by name or 1-based number; empty: found")
    group: str = Field("", description="texts that agree in this column stay on one side of a split; empty: none")
    label_separator: str = Field("", description="cuts a label cell into several labels, for instance |; empty: one label a text")
    unit: Literal["word", "char"] = Field("word", description="what the network reads one after another")
    positive: str = Field("", description="the label whose precision, recall and F1 count; empty: the rarer of two")
    out_of_scope: str = Field("", description="the label that means none of the others: given where all others are improbable")
    max_length: Annotated[int, Field(ge=1)] = Field(1000, description="words (or characters) of a text that are read; the rest is cut off")

    hidden_size: Annotated[int, Field(ge=1)] = Field(100, description="width of the recurrent state, each direction")
    shape_size: Annotated[int, Field(ge=0)] = Field(8, description="width of the vector of case and shape; 0: none")
    character_encoder: Literal["cnn", "bilstm", "none"] = Field(
        "cnn", description="how the spelling of a word is read; never of single characters"
    )
    character_size: Annotated[int, Field(ge=2, multiple_of=2)] = Field(64, description="width of what the character encoder gives")
    pooling: Pools = Field(("attention", "max"), description=POOLING)
    wide: bool = Field(True, description="whether hashed word and character n-grams count beside the network")
    wide_min_count: Annotated[int, Field(ge=1)] = Field(2, description="n-grams in fewer training texts do not count")
    wide_size: Annotated[int, Field(ge=1)] = Field(200_000, description="n-grams that count at most, the frequent ones first")
    wide_folds: Annotated[int, Field(ge=2)] = Field(5, description="parts in which the n-grams' scores of the training texts are found")
    deep_loss: Annotated[float, Field(ge=0)] = Field(0.5, description="weight of the network's loss without the n-grams")
    class_weights: Literal["none", "balanced"] = Field("none", description="balanced: each label counts alike, however rare")
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="share of the target dealt to all labels alike")
    batch_tokens: Annotated[int, Field(ge=0)] = Field(
        0, description="words (or characters) of one training batch at most; 0: by the size of the data, 32 texts' worth at least"
    )

    @field_validator("text", "label", "group", mode="before")
    @classmethod
    def _column_may_be_a_number(cls, value: Any) -> Any:
        return str(value) if type(value) is int else value

    def settled(self, tokens: int, texts: int) -> ClassifyRecipe:
        """The recipe with everything replaced that hangs on the size of the data: so many training tokens in so many texts."""
        few = min(800, max(100, tokens // 100))
        batch_tokens = self.batch_tokens or max(few, 32 * tokens // max(1, texts))
        changes: dict[str, Any] = {"batch_tokens": batch_tokens, "max_epochs": self.settled_epochs(tokens // batch_tokens)}
        if self.unit == "char":
            changes["character_encoder"] = "none"
        return self.model_copy(update=changes)
