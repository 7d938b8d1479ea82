"""The recipe of the task `translate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from tidegate.data.units import UnitKind
from tidegate.kernels import architecture
from tidegate.kernels.architecture import Cell
from tidegate.training.recipe import Rate, Recipe

_PIECES = 4000
# Units of which there are few, so that narrow vectors tell them apart and each is seen often.
_SMALL_KINDS = ("char", "token")


class TranslateRecipe(Recipe):
    """Settings of the task `translate`; the defaults are those of preset `default`."""

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "fast": {"hidden_size": 128, "max_epochs": 8},
        "default": {},
        "best": {"hidden_size": 512, "num_layers": 2, "max_epochs": 40, "patience": 8},
    }

    task: Literal["translate"] = "translate"
    arch: str = Field("bilstm", description="architecture of the encoder, which reads the source: any")
    source: str | None = Field(None, description="column of the sources in a table, by name or by number from 1; none: the first of two")
    target: str | None = Field(None, description="column of the targets; none: the second of two")
    source_unit: Literal["auto", "char", "word", "bpe", "token"] = Field(
        "auto", description="what is read one after another; token: what stands between blanks; auto: by the look of the pairs"
    )
    target_unit: Literal["auto", "char", "word", "bpe", "token"] = Field("auto", description="what is written one after another")
    stress: Literal["keep", "drop"] = Field("keep", description="whether phones keep their stress: AH0, ˈ, ˌ")
    lowercase: bool = Field(False, description="whether words are read and written in lower case")
    min_count: Annotated[int, Field(ge=0)] = Field(
        0, description="units seen less often in training are unknown; 0: 1 of characters and tokens, else 2"
    )
    vocabulary_size: Annotated[int, Field(ge=0)] = Field(
        0, description="units of each side at most, the frequent ones first; 0: 4,000 pieces of bpe, all of the others"
    )
    max_units: Annotated[int, Field(ge=1)] = Field(100, description="pairs with a longer side are left out of training")
    dev_share: Annotated[float, Field(gt=0, lt=1)] = Field(0.05, description="share of the sources held out where no --dev is given")
    test_share: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="share of the sources beside that, scored once at the end")

    hidden_size: Annotated[int, Field(ge=1)] = Field(256, description="width of the encoder's state, each direction")
    embedding_size: Annotated[int, Field(ge=0)] = Field(
        0, description="width of a unit's vector; 0: 64 where both sides are characters or tokens, else 256"
    )
    decoder: Literal["auto", "rnn", "lstm", "gru", "gru-reset-after", "mingru", "minlstm"] = Field(
        "auto", description="cell of the decoder, which writes the target; auto: the encoder's"
    )
    decoder_size: Annotated[int, Field(ge=0)] = Field(0, description="width of the decoder's state; 0: hidden_size")
    decoder_layers: Annotated[int, Field(ge=1)] = Field(2, description="layers of the decoder")
    attention: Literal["additive", "multiplicative", "none"] = Field(
        "additive", description="how the decoder looks at the source (arXiv 1409.0473, 1508.04025); none: by its summary (arXiv 1406.1078)"
    )
    simultaneous: bool = Field(
        False, description="whether training teaches to answer before the source has ended (wait-k); takes a one-way encoder and attention"
    )
    dropout: Rate = Field(0.2, description="variational, on the units' vectors and the states")
    unit_dropout: Rate = Field(0.01, description="probability that a unit of the source is read as unknown")
    label_smoothing: Rate = Field(0.1, description="share of the probability that the loss spreads over all units (arXiv 1512.00567)")
    batch_tokens: Annotated[int, Field(ge=1)] = Field(2500, description="units of a training batch at most, both sides together")
    learning_rate: Annotated[float, Field(gt=0)] = Field(2e-3, description="AdamW's, at its highest")
    clip_norm: Annotated[float, Field(gt=0)] = Field(1.0, description="longest gradient, as a norm over all parameters")

    beam: Annotated[int, Field(ge=1)] = Field(5, description="hypotheses that are kept while answering")
    length_penalty: Annotated[float, Field(ge=0)] = Field(1.0, description="α of arXiv 1609.08144: higher values favour longer answers")
    coverage_penalty: Annotated[float, Field(ge=0)] = Field(
        0.0, description="β of arXiv 1609.08144: higher values favour answers that looked at all of the source"
    )

    @field_validator("source", "target", mode="before")
    @classmethod
    def _column_may_be_a_number(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("test_share")
    @classmethod
    def _something_is_left(cls, value: float, info: ValidationInfo) -> float:
        if value + info.data.get("dev_share", 0) >= 1:
            raise ValueError("together with dev_share it leaves nothing to train on; both must come to less than 1")
        return value

    @field_validator("simultaneous")
    @classmethod
    def _what_comes_is_enough(cls, value: bool, info: ValidationInfo) -> bool:
        if value and "arch" in info.data and (arch := architecture(info.data["arch"])).is_bidirectional:
            raise ValueError(
                f"an encoder that reads from both ends ({arch.name}) knows nothing before the source has ended; use a one-way one: "
                f"arch {arch.cell}"
            )
        if value and info.data.get("attention") == "none":
            raise ValueError("without attention the decoder waits for the summary of the whole source; use attention additive")
        return value

    @field_validator("coverage_penalty")
    @classmethod
    def _coverage_is_of_attention(cls, value: float, info: ValidationInfo) -> float:
        if value and info.data.get("attention") == "none":
            raise ValueError("without attention nothing tells what was looked at; leave it 0, or use attention additive")
        return value

    @property
    def decoder_cell(self) -> Cell:
        return architecture(self.arch).cell if self.decoder == "auto" else self.decoder

    def counting(self, kind: UnitKind) -> dict[str, Any]:
        """How units of this kind are counted, for `count_units`."""
        return {
            "min_count": self.min_count or (1 if kind in _SMALL_KINDS else 2),
            "vocabulary_size": self.vocabulary_size or (_PIECES if kind == "bpe" else 0),
            "lowercase": self.lowercase,
        }

    def settled(self, source_kind: UnitKind, target_kind: UnitKind, tokens: int) -> TranslateRecipe:
        """The recipe with everything replaced that hangs on the data: their kinds of units, and how many, both sides and end symbols."""
        are_small = source_kind in _SMALL_KINDS and target_kind in _SMALL_KINDS
        changes = {
            "source_unit": source_kind,
            "target_unit": target_kind,
            "embedding_size": self.embedding_size or (64 if are_small else 256),
            "decoder_size": self.decoder_size or self.hidden_size,
            "max_epochs": self.settled_epochs(tokens // self.batch_tokens),
        }
        return self.model_copy(update=changes)
