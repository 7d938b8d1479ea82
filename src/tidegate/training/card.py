"""The model card: README.md of a model directory, written for whoever finds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tidegate.kernels import architecture
from tidegate.training.task import ScoreRow

_MOST_LABELS = 60


def card_text(
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    *,
    what: str,
    does: str,
    rows: Iterable[ScoreRow],
    baseline: str,
    size: str,
    labels: Mapping[str, Sequence[str]],
    limits: str,
    file: str = "input.txt",
    given: str = "Some text .",
) -> str:
    """Markdown: what the model does, how good it is beside the baseline, what it was trained on, how to use it.

    Args:
        what, does: a noun for the model, and a sentence without its end on what it does.
        rows, baseline: the scores, and what the baseline among them is.
        size: of the training data, in words.
        labels: by column; none: the model gives no labels.
        limits: what else its user must know, a clause; may be empty.
        file, given: a name for what its user has, and what `predict` in Python takes.
    """
    arch = architecture(config["arch"])
    kind = "text" if file.endswith(".txt") else "data"
    lines = [
        f"# A {what}: {arch.title}",
        "",
        f"Trained by tidegate {config['tidegate_version']}. {does} and reads "
        f"{'in both directions' if arch.is_bidirectional else 'left to right'}.",
        "",
        "## Scores",
        "",
        f"| data | column | score | model | baseline ({baseline}) |",
        "|---|---|---|---|---|",
        *(
            f"| {row.part} | {row.column} | {row.score} | {row.model:.4f} | {'–' if row.baseline is None else f'{row.baseline:.4f}'} |"
            for row in rows
        ),
        "",
        "## Training",
        "",
        f"- {size}; {metrics['split']}.",
        *([f"- It began with weights of the model `{source}` (`init_from`)."] if (source := config["recipe"].get("init_from")) else []),
        f"- {metrics['parameters']:,} parameters; best after epoch {metrics['best_epoch']} of {len(metrics['epochs'])};"
        f" ended: {metrics['ended']}; {metrics['seconds']:,.0f} s in all. Every setting is in `config.json` under `recipe`.",
        "",
        *(["## Labels", ""] if labels else []),
        *(
            f"- `{name}` ({len(names)}): {', '.join(names[:_MOST_LABELS])}{', …' if len(names) > _MOST_LABELS else ''}"
            for name, names in labels.items()
        ),
        *([""] if labels else []),
        "## Use",
        "",
        "```",
        f"tidegate predict THIS_DIRECTORY {file}",
        f"python -c \"import tidegate; print(tidegate.load('THIS_DIRECTORY').predict(['{given}']))\"",
        "```",
        "",
        "## Limits",
        "",
        f"It knows the kind of {kind} it was trained on and no other{f'; {limits}' if limits else ''}."
        + (
            " A label's probability is the network's own estimate; `ece` in `metrics.json` says how far it is off on average."
            if labels
            else ""
        ),
    ]
    return "\n".join(lines) + "\n"
