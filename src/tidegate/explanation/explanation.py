"""An explanation as it is shown, saved and drawn: panels of gates along a sequence, and what the answer hangs on."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.explanation.evidence import Influence
from tidegate.explanation.panel import Panel
from tidegate.version import __version__

Array = NDArray[np.floating[Any]]

FORMAT = "tidegate-explanation"


@dataclass(frozen=True)
class Attention:
    """Where each target unit was read from: weights [targets, sources]."""

    targets: tuple[str, ...]
    sources: tuple[str, ...]
    weights: Array

    def to_json(self) -> dict[str, Any]:
        return {"targets": list(self.targets), "sources": list(self.sources), "weights": np.round(self.weights.astype(float), 6).tolist()}


@dataclass(frozen=True)
class Explanation:
    """What a model did with one input.

    Attributes:
        task, arch, title: of the model; the title as tables write the architecture.
        source: the input in words, short.
        answer: what the model said, in words.
        panels: one, or source and target.
        influence, attention: None where there is none.
        notes: sentences that the reader needs, for instance that an rnn has no gates.
    """

    task: str
    arch: str
    title: str
    source: str
    answer: str
    panels: tuple[Panel, ...]
    influence: Influence | None = None
    attention: Attention | None = None
    notes: tuple[str, ...] = ()

    def to_json(self, *, with_units: bool = True) -> dict[str, Any]:
        """Everything; without the values of single units if not `with_units`."""
        return {
            "format": FORMAT,
            "format_version": 1,
            "tidegate_version": __version__,
            "task": self.task,
            "arch": self.arch,
            "title": self.title,
            "source": self.source,
            "answer": self.answer,
            "notes": list(self.notes),
            "panels": [panel.to_json(with_units=with_units) for panel in self.panels],
            "influence": None if self.influence is None else self.influence.to_json(),
            "attention": None if self.attention is None else self.attention.to_json(),
        }

    def _repr_html_(self) -> str:
        """For notebooks: the page, in a frame of its own."""
        from tidegate.explanation.views.page import page_of

        page = escape(page_of(self.to_json()), quote=True)
        look = 'sandbox="allow-scripts" style="width:100%;height:720px;border:0"'
        return f'<iframe title="{escape(self.answer)}" srcdoc="{page}" {look}></iframe>'
