"""`tidegate train`: from files to a model directory."""

from __future__ import annotations

import typer

from tidegate.cli import train_labels, train_sequences, train_series, train_text

train_app = typer.Typer(help="Train a model from files.", no_args_is_help=True)


@train_app.callback()
def _train() -> None:
    """Train a model from files. One subcommand a task."""


train_app.command("tag", epilog=train_labels.TAG_EXAMPLES)(train_labels.tag)
train_app.command("classify", epilog=train_labels.CLASSIFY_EXAMPLES)(train_labels.classify)
train_app.command("generate", epilog=train_text.GENERATE_EXAMPLES)(train_text.generate)
train_app.command("translate", epilog=train_text.TRANSLATE_EXAMPLES)(train_text.translate)
train_app.command("transcribe", epilog=train_sequences.TRANSCRIBE_EXAMPLES)(train_sequences.transcribe)
train_app.command("forecast", epilog=train_series.FORECAST_EXAMPLES)(train_series.forecast)
train_app.command("fill", epilog=train_series.FILL_EXAMPLES)(train_series.fill)
