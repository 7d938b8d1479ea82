"""The subject of `translate`: one source, the target that was found for it, and where each of its units was read from.

The target is found as the model finds it. What is traced is the network reading the source and that target, which gives the same states
as the search came to. Of the source units are blanked (read as unknown) or cut out; its end stays.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tidegate.data.pair_batches import EncodedPair, collate_pairs, encode_sources
from tidegate.decoding.sampling import is_whole
from tidegate.errors import DataError
from tidegate.explanation.explanation import Attention
from tidegate.explanation.panel import Panel, panel_of
from tidegate.explanation.subjects.subject import BLANK, CUT, PlaceError, Places, Said, Scores, Subject, Variants
from tidegate.explanation.trace import LayerTrace
from tidegate.runtime.translate import TranslateModel
from tidegate.runtime.translations import END

UNKNOWN_UNIT = 0


class TranslateSubject(Subject):
    """A translator and one source.

    Args:
        at: the unit of the target, from 0, that is explained, given those before it; None for the whole target.

    Raises:
        DataError: no text, or an empty one.
        RecipeError: the target has no such unit.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ("at",)
    panel = "source"

    def __init__(self, model: TranslateModel, given: Any, *, at: int | None = None) -> None:
        super().__init__(model.config)
        (self._translation,) = model.translate([given])
        if not self._translation.hypotheses:
            raise DataError(f"the source {given!r:.60} is empty, so there is nothing to explain. Give a text.")
        self.model, self.network, self.source = model, model.network, self._translation.source
        self.notes += self._translation.notes
        self._found = self._translation.hypotheses[0]
        kind = model.source_units.kind
        self.unit_name = {"char": "character", "bpe": "piece"}.get(kind, kind)
        self._target_unit = {"char": "character", "bpe": "piece"}.get(model.target_units.kind, model.target_units.kind)
        self.units = (*self._translation.units, END)
        self.ids = encode_sources([self.source.strip()], model.source_units)[0]
        self.target = np.array(self._found.ids, dtype=np.int64)
        self.told = (*self._found.units, END)
        if at is not None and not (is_whole(at, least=0) and at < len(self.told)):
            raise PlaceError(at, f"the target has {len(self.told)} units, its end among them", (0, len(self.told) - 1))
        self.at = None if at is None else int(at)
        self.stacks = {"encoder": self.network.encoder} | {layer.name: layer for layer in self.network.layers}

    @property
    def input_stacks(self) -> dict[str, Any]:
        """The encoder: what reads the source."""
        return {"encoder": self.network.encoder}

    @cached_property
    def log_p(self) -> NDArray[np.float64]:
        """[T+1], of each unit of the target and its end, given those before; the first look reads source and target."""
        found: NDArray[np.float64] = self._log_p([self.ids])[0]
        return found

    def _log_p(self, sources: list[NDArray[np.int64]]) -> NDArray[np.float64]:
        """[V, T+1], of the target for each of the sources."""
        pairs = [EncodedPair(source, self.target) for source in sources]
        found = self.network.log_probabilities(collate_pairs(pairs, self.network.end))
        return found.reshape(len(sources), len(self.target) + 1)

    def run(self) -> Said:
        return Said(f"{self._found.target!r} (log p {self.log_p.sum():.2f})")

    @property
    def of(self) -> str:
        if self.at is None:
            return f"log p of {self._found.target!r}"
        return f"log p of {self.told[self.at]!r}, unit {self.at + 1} of the target"

    def _scores(self, variants: Variants, places: Places) -> Scores:
        sources = []
        for row in variants:
            ways = row.copy()
            ways[-1] = 0
            sources.append(np.where(ways == BLANK, UNKNOWN_UNIT, self.ids)[ways != CUT])
        found = self._log_p(sources)
        scores: Scores = found.sum(axis=1) if self.at is None else found[:, self.at]
        return scores

    def panels(self, traces: list[LayerTrace]) -> tuple[Panel, ...]:
        """The source as the encoder read it, and the target: the decoder reads the unit before, and tells the next one."""
        read = (END, *self._found.units)
        probabilities = tuple(np.exp(self.log_p).tolist())
        encoder = [trace for trace in traces if trace.stack == "encoder"]
        decoder = [trace for trace in traces if trace.stack != "encoder"]
        return (
            panel_of(self.panel, self.unit_name, self.units, encoder),
            panel_of("target", self._target_unit, read, decoder, {"said": self.told, "probabilities": probabilities}),
        )

    def attention(self) -> Attention | None:
        weights = self._found.attention
        return None if weights is None else Attention(self.told, self.units, weights)
