"""`tidegate compare`: several architectures and baselines on the same data, on one leaderboard."""

from __future__ import annotations

import typer

from tidegate.cli import compare_labels, compare_sequences, compare_series, compare_text

compare_app = typer.Typer(help="Put several architectures and baselines on one leaderboard.", no_args_is_help=True)


@compare_app.callback()
def _compare() -> None:
    """Put several architectures and baselines on one leaderboard: same data, same budget, same seeds. One subcommand a task."""


compare_app.command("classify", epilog=compare_labels.CLASSIFY_EXAMPLES)(compare_labels.classify)
compare_app.command("tag", epilog=compare_labels.TAG_EXAMPLES)(compare_labels.tag)
compare_app.command("generate", epilog=compare_text.GENERATE_EXAMPLES)(compare_text.generate)
compare_app.command("translate", epilog=compare_text.TRANSLATE_EXAMPLES)(compare_text.translate)
compare_app.command("transcribe", epilog=compare_sequences.TRANSCRIBE_EXAMPLES)(compare_sequences.transcribe)
compare_app.command("forecast", epilog=compare_series.FORECAST_EXAMPLES)(compare_series.forecast)
compare_app.command("fill", epilog=compare_series.FILL_EXAMPLES)(compare_series.fill)
