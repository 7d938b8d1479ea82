"""`tidegate demo`: five architectures on generated sentences, beside what theory says."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import Quiet, Version

if TYPE_CHECKING:
    from rich.console import Console

    from tidegate.comparison.demo import DemoResult


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the five trained models.")] = Path("tidegate-demo"),
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Of the corpus and the networks.")] = 1,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE.svg", help="Also save what is printed as a picture.", show_default=False)
    ] = None,
    threads: Annotated[
        int, typer.Option("--threads", min=1, metavar="N", help="Threads to use; for networks as small as these more are no faster.")
    ] = 1,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Train rnn, lstm, gru, bilstm and bigru on generated sentences (no data needed, about a minute) and compare them with theory."""
    from tidegate.threads import use_threads

    use_threads(threads)
    if not quiet:
        print("loading PyTorch …", file=sys.stderr)
    import torch
    from rich.console import Console

    from tidegate.comparison.demo import run_demo
    from tidegate.errors import OutputError

    torch.set_num_threads(threads)
    result = run_demo(out, seed=seed, quiet=quiet)
    console = Console(record=picture is not None, width=104 if picture is not None else None)
    _print_sentences(console, result)
    _print_table(console, result)
    _print_costs(console, result)
    _print_next(console, result)
    if picture is not None:
        try:
            # Without rich's fonts, which a reader of the picture would have to fetch from the network.
            svg = re.sub(r"@font-face \{.*?\}", "", console.export_svg(title="tidegate demo"), flags=re.DOTALL)
            picture.write_text(svg, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{picture} cannot be written: {error.strerror}. Name another place with --picture.") from error


def _print_sentences(console: Console, result: DemoResult) -> None:
    from rich.table import Table

    from tidegate.data.teddy import SENTENCES

    console.print("Teddy is a PERSON or a THING; only what comes after tells which.\n", highlight=False)
    for number, sentence in enumerate(SENTENCES):
        table = Table(box=None, pad_edge=False)
        table.add_column("")
        for token in sentence.split():
            table.add_column(token, style="bold" if token == "Teddy" else "")
        sense = ("PERSON", "THING")[number]
        for row in result.rows:
            teddy, *others = row.answers[number]
            mark = "[green]✓[/]" if teddy == sense else "[red]✗[/]"
            table.add_row(f"{row.arch.arrow} {row.arch.name}", f"{teddy} {mark}", *others)
        console.print(table)
        console.print()


def _print_table(console: Console, result: DemoResult) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in ("arch", "reads", "accuracy", "one-way\nceiling", "Teddy\nalone", "its right\ndeleted", "para-\nmeters", "seconds"):
        is_text = heading in ("arch", "reads")
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=is_text)
    for row in result.rows:
        table.add_row(
            row.arch.title,
            row.arch.arrow,
            f"{row.accuracy:.4f}",
            f"{result.ceiling:.4f}",
            f"{row.teddy_accuracy:.3f}",
            f"{row.teddy_cut_accuracy:.3f}",
            f"{row.parameters:,}",
            f"{row.seconds:.1f}",
        )
    console.print(table)
    passed = [row.arch.name for row in result.rows if row.accuracy > result.ceiling + result.noise]
    console.print(
        f"No left-to-right reader can expect more than {result.ceiling:.4f} (± {result.noise:.4f} on {result.test_tokens:,} test tokens), "
        f"nor more than {result.teddy_ceiling:.3f} (± {result.teddy_noise:.3f} on {result.test_teddies:,}) on Teddy: both follow from the "
        f"grammar that made the sentences. Above it: {', '.join(passed) or 'none'}. With everything right of Teddy deleted, "
        "two directions are worth no more than one.\n",
        highlight=False,
    )


def _print_costs(console: Console, result: DemoResult) -> None:
    rows = {row.arch.name: row for row in result.rows}
    for dear, cheap in (("bilstm", "lstm"), ("gru", "lstm")):
        time_ratio = result.step_seconds[dear] / result.step_seconds[cheap]
        size_ratio = rows[dear].parameters / rows[cheap].parameters
        console.print(
            f"Cost of {dear} over {cheap}: {time_ratio:.2f} × the time of a training step, {size_ratio:.2f} × the parameters.",
            highlight=False,
        )
    console.print()


def _print_next(console: Console, result: DemoResult) -> None:
    model = next(row.model for row in result.rows if row.arch.name == "bilstm")
    console.print("Next:", highlight=False)
    for command in (
        f"echo 'Teddy , we heard , was elected .' | tidegate predict {model}",
        "tidegate train tag YOUR.conllu --label upos",
        "tidegate train tag --help",
    ):
        console.print(f"  {command}", highlight=False, soft_wrap=True)
