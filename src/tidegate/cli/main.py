"""The command `tidegate`: its commands, its exit codes, and errors as one message."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from typing import NoReturn

import typer

from tidegate.cli.compare import compare_app
from tidegate.cli.data import data_app
from tidegate.cli.demo import demo
from tidegate.cli.evaluate import evaluate
from tidegate.cli.explain import explain
from tidegate.cli.logprob import logprob
from tidegate.cli.options import Version
from tidegate.cli.predict import predict
from tidegate.cli.stream import stream
from tidegate.cli.train import train_app
from tidegate.errors import MissingExtraError, RunError, TidegateError, UserError

app = typer.Typer(
    help="Train, compare, explain and ship gated recurrent networks on your own text, time series and sound, on an ordinary CPU.",
    epilog="Begin with: tidegate demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(train_app, name="train")
app.add_typer(compare_app, name="compare")
app.command()(evaluate)
app.command()(predict)
app.command()(stream)
app.command()(explain)
app.command()(logprob)
app.command()(demo)
app.add_typer(data_app, name="data")


@app.callback()
def _root(version: Version = False) -> None:
    """Train, compare, explain and ship gated recurrent networks on your own text, time series and sound, on an ordinary CPU."""
    if os.environ.get("TIDEGATE_ISA"):
        _check_instruction_set()


def _check_instruction_set() -> None:
    """Raises UserError where the environment names an instruction set that is not there: before the work, not in its middle."""
    from tidegate.kernels import engine  # brings NumPy, which `--help` does without

    try:
        engine.instruction_set()
    except ValueError as error:
        raise UserError(str(error)) from None


def main() -> None:
    """Runs the command line. Exits with 0 when done, 1 when it failed, 2 for the user's mistake, 130 for Ctrl-C."""
    warnings.formatwarning = _as_note
    try:
        app()
    except UserError as error:
        _fail(error, 2)
    except TidegateError as error:
        _fail(error, 1)
    except ModuleNotFoundError as error:
        # Only the parts of an extra may be missing; anything else is a fault of ours and keeps its traceback.
        if error.name is None or error.name.partition(".")[0] not in (
            "torch",
            "lightning",
            "pydantic",
            "tensorboard",
            "sklearn",
            "matplotlib",
        ):
            raise
        _fail(MissingExtraError("train", "this command"), 2)
    except BrokenPipeError:
        _leave(1)  # whoever read our output has gone, as `head` does; there is nobody to tell
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _fail(RunError("the disk is full: what was being written is incomplete. Make room and run again."), 1)


def _as_note(message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None) -> str:
    """Our own warnings as a sentence, without the place in our source; others as Python writes them."""
    if category.__module__.startswith("tidegate."):
        return f"tidegate: note: {message}\n"
    return f"{filename}:{lineno}: {category.__name__}: {message}\n"


def _fail(error: TidegateError, code: int) -> NoReturn:
    print(f"tidegate: {error}", file=sys.stderr)
    _leave(code)


def _leave(code: int) -> NoReturn:
    """Ends the process without the interpreter's farewell.

    A thread may still wait on standard input and hold its lock, on which the interpreter would abort; and standard
    output may hold what can no longer be written.
    """
    sys.stderr.flush()
    os._exit(code)
