"""The model card: README.md of a model directory, written for whoever finds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.kernels import architecture
from tidegate.training.corpus import TagCorpus
from tidegate.training.scores import score_rows


def model_card(config: Mapping[str, Any], metrics: dict[str, Any], corpus: TagCorpus) -> str:
    """Markdown: what the model does, how good it is beside the baseline, what it was trained on, how to use it."""
    arch = architecture(config["arch"])
    columns = corpus.vocabulary.columns
    lines = [
        f"# A tagger: {arch.title}",
        "",
        f"Trained by tidegate {config['tidegate_version']}. It gives every token a label in {', '.join(f'`{c.name}`' for c in columns)}"
        f" and reads {'in both directions' if arch.is_bidirectional else 'left to right'}.",
        "",
        "## Scores",
        "",
        "| data | column | score | model | baseline (most frequent label per word) |",
        "|---|---|---|---|---|",
    ]
    for part, column, key, model, base in score_rows(metrics, [c.name for c in columns]):
        lines.append(f"| {part} | {column} | {key} | {model:.4f} | {'–' if base is None else f'{base:.4f}'} |")
    lines += [
        "",
        "## Training",
        "",
        f"- {metrics['train_sentences']:,} sentences, {metrics['train_tokens']:,} tokens; {metrics['split']}.",
        f"- {metrics['parameters']:,} parameters; best after epoch {metrics['best_epoch']} of {len(metrics['epochs'])};"
        f" ended: {metrics['ended']}; {metrics['seconds']:,.0f} s in all. Every setting is in `config.json` under `recipe`.",
        "",
        "## Labels",
        "",
        *(f"- `{c.name}` ({len(c.labels)}): {', '.join(c.labels[:60])}{', …' if len(c.labels) > 60 else ''}" for c in columns),
        "",
        "## Use",
        "",
        "```",
        "tidegate predict THIS_DIRECTORY input.txt",
        "python -c \"import tidegate; print(tidegate.load('THIS_DIRECTORY').predict(['Some text .']))\"",
        "```",
        "",
        "## Limits",
        "",
        "It knows the kind of text it was trained on and no other"
        + ("; on words it never met it is right as often as `accuracy_unseen` says." if "accuracy_unseen" in metrics["dev"] else ".")
        + " A label's probability is the network's own estimate; `ece` in `metrics.json` says how far it is off on average.",
    ]
    return "\n".join(lines) + "\n"
