"""`tidegate explain`: what the gates of a model did with one input, or do over a whole data set. Needs no torch, but for gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli import series_options
from tidegate.cli.options import Model, Quiet, Threads, Version


def complete_direction(incomplete: str) -> list[str]:
    """The tab key's answers to a direction that has been begun."""
    return [name for name in ("forward", "backward") if name.startswith(incomplete)]


def complete_gate(incomplete: str) -> list[str]:
    """The tab key's answers to a gate that has been begun: all letters that a gate, a candidate or a state can have."""
    from tidegate.kernels.gates import GATE_ROLES

    return [name for name in (*GATE_ROLES, "h") if name.startswith(incomplete)]


def explain(
    model: Model,
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT...]", help="The input, with or without quotes; - reads standard input.", show_default=False),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="Explain a record of a file that `predict` reads.", show_default=False),
    ] = None,
    record: Annotated[
        int | None,
        typer.Option("--record", min=1, metavar="N", help="With --file: which of its records \\[default: the first]", show_default=False),
    ] = None,
    layer: Annotated[
        int | None, typer.Option("--layer", min=1, metavar="N", help="This layer alone, counted from 1, the lowest.", show_default=False)
    ] = None,
    direction: Annotated[
        str | None,
        typer.Option(
            "--direction", metavar="forward|backward", help="This direction alone.", autocompletion=complete_direction, show_default=False
        ),
    ] = None,
    gate: Annotated[
        str | None,
        typer.Option(
            "--gate",
            metavar="z|r|f|i|o|...",
            help="This gate alone; n or g is what is offered to it, h the state.",
            autocompletion=complete_gate,
            show_default=False,
        ),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option("--step", metavar="N", help="Show the equations of this step with their numbers; counted from 1.", show_default=False),
    ] = None,
    unit: Annotated[
        int | None,
        typer.Option("--unit", metavar="N", help="Of this hidden unit \\[default: the one that moves most there]", show_default=False),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="N|WORD",
            help="Explain the answer at this word: its number from 1, or itself. Forecaster: so many steps ahead.",
            show_default=False,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--label", metavar="LABEL", help="Classifier: explain this label's score \\[default: the answer's]", show_default=False
        ),
    ] = None,
    series: Annotated[
        str | None, typer.Option("--series", metavar="NAME", help="Forecaster, filler: which of several series.", show_default=False)
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", metavar="COL", help="Forecaster, filler: which of several targets.", show_default=False)
    ] = None,
    future: series_options.Future = None,
    gradients: Annotated[bool, typer.Option("--gradients", help="Integrated gradients besides; needs the extra 'train'.")] = False,
    survey: Annotated[
        list[str] | None,
        typer.Option(
            "--survey",
            metavar="FILE...",
            help="The gates over whole files (of a translator: pairs) instead: what opens and closes them, what is stuck, how long the "
            "past is kept.",
            show_default=False,
        ),
    ] = None,
    min_count: Annotated[
        int | None,
        typer.Option(
            "--min-count", min=1, metavar="N", help="With --survey: words met so often are told of \\[default: 5]", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Write .html (a page with every unit), .svg or .json instead of printing.",
            show_default=False,
        ),
    ] = None,
    is_opened: Annotated[bool, typer.Option("--open", help="Open the page in the browser; without --out in a temporary file.")] = False,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Show what the gates did with one input, and what the answer hangs on.

    In the terminal a row for each word: how far the score falls without it, the mean of each gate and its spread over the hidden units.
    The page (--out gates.html) has every layer, direction and unit, works offline and by keyboard. --survey asks over whole files which
    words, or hours and values of a series, open which gate, which units are dead, and how long the past is kept.

    Examples:

    tidegate explain reviews-bigru/ 'the film was not good'

    tidegate explain tagger/ Teddy bears sleep --at 1 --out gates.html --open

    tidegate explain spam-lstm/ --file new.csv --record 17 --gate f

    tidegate explain reviews-gru/ 'the film was not good' --step 4 --unit 12

    tidegate explain translator/ colonel --out colonel.svg

    tidegate explain pump-gru/ --file pump.csv --at 3

    tidegate explain reviews-gru/ 'the film was not good' --gradients

    tidegate explain spam-lstm/ --survey train.csv --out survey.html

    tidegate explain pump-gru/ --survey pump.csv
    """
    from tidegate.threads import use_threads

    use_threads(threads)
    from tidegate.cli.explanations import check_out, opened, write_out
    from tidegate.errors import RecipeError
    from tidegate.runtime import load

    check_out(out, is_opened=is_opened, is_survey=survey is not None)
    words = text or []
    if survey is not None:
        one_input: dict[str, object] = {"--file": file, "--record": record, "--step": step, "--unit": unit, "--at": at, "--label": label}
        one_input |= {"--series": series, "--target": target, "--future": future or None}
        for name, value in {**one_input, "--gradients": gradients or None}.items():
            if value is not None:
                raise RecipeError(f"{name} is for one input, and --survey reads whole files. Leave one of them out.")
        from tidegate.cli.surveys import print_survey, surveyed

        content = surveyed(load(model), [*survey, *words], min_count or 5, quiet=quiet, layer=layer, direction=direction, gate=gate)
        if out is None and not is_opened:
            print_survey(content)
            return
        opened(write_out(out, content), is_opened=is_opened, quiet=quiet)
        return
    if min_count is not None:
        raise RecipeError("--min-count is for --survey FILE..., which counts words over whole files. Leave it out.")
    from tidegate.cli.explanations import answer_at, explained, given_to, numbered, shown_content

    loaded = load(model)
    given = given_to(loaded, words, file, record, quiet=quiet)
    asked = {"at": answer_at(loaded, given, at), "label": label, "series": series, "target": target, "future": list(future or []) or None}
    found = explained(loaded, given, {name: value for name, value in asked.items() if value is not None}, gradients=gradients, quiet=quiet)
    content, place = shown_content(
        found, layer=layer, direction=direction, gate=gate, step=step, unit=unit, with_units=out is not None or is_opened
    )
    if out is not None or is_opened:
        opened(write_out(out, content, step=place), is_opened=is_opened, quiet=quiet)
        return
    from rich.console import Console

    from tidegate.explanation.views.terminal import print_explanation

    console = Console(highlight=False)
    print_explanation(content, console, step=place)
    for line in numbered(content):
        console.print(line, markup=False)
    if not quiet and step is None and unit is None:
        console.print("--out gates.html shows every unit; --step N --unit N prints a unit's equations.", style="dim", markup=False)
