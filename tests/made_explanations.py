"""Explanations of stacks with random weights, for what draws them: every part is there, and the words are hostile."""

from __future__ import annotations

from typing import Any

import numpy as np

from explanation_stacks import INPUT, random_stack
from tidegate.explanation.evidence import Check, Influence
from tidegate.explanation.explanation import Attention, Explanation
from tidegate.explanation.panel import panel_of
from tidegate.explanation.trace import traced

# What breaks a page or a picture that does not take care.
HOSTILE = ("</script>", "<b>bold</b>", "<!--", "{{json}}", "[red]x[/]", "&amp;", "\u2028", "it's", '"', "\x00")


def made_explanation(
    arch: str = "bigru", *, steps: int = 12, hidden: int = 8, layers: int = 1, words: tuple[str, ...] = HOSTILE, **changes: Any
) -> Explanation:
    """One panel 'input' of so many words, with every influence that there can be; `changes` are fields of the explanation."""
    stack = random_stack(arch, layers=layers, hidden=hidden)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(steps, INPUT))
    traces = traced({"stack": stack}, lambda: stack(x, np.array([0, steps])))
    units = tuple(words[step % len(words)] for step in range(steps))
    occlusion = rng.normal(size=steps)
    influence = Influence(
        "log p of 'praise'",
        "input",
        occlusion,
        left=np.abs(rng.normal(size=steps)),
        right=np.abs(rng.normal(size=steps)),
        forward=1.25,
        backward=-0.5 if stack.architecture.is_bidirectional else None,
        gradient=occlusion + 0.1,
        channels=("word", "shape"),
        channel_occlusion=rng.normal(size=(steps, 2)),
        check=Check(3, 2.1, (0.2,) * 50),
    )
    said = {"said": ("NOUN",) * steps, "probabilities": (0.75,) * steps}
    attention = Attention(("a", "b"), ("x", "y", "z"), np.array([[0.7, 0.2, 0.1], [0.0, 0.1, 0.9]]))
    made: dict[str, Any] = {
        "task": "classify",
        "arch": arch,
        "title": stack.architecture.title,
        "source": " ".join(units),
        "answer": "praise (0.97)",
        "panels": (panel_of("input", "word", units, traces, said),),
        "influence": influence,
        "attention": attention,
        "notes": ("words that training did not meet: 'it's'.",),
    }
    return Explanation(**(made | changes))
