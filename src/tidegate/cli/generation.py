"""What `predict` does with a language model: it goes on with texts, or fills their blanks."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from tidegate.cli.inputs import plain_lines
from tidegate.data import Source, TextRecord
from tidegate.data.units import BLANK, blank_spans
from tidegate.errors import DataError

if TYPE_CHECKING:
    from tidegate.runtime import GenerateModel
    from tidegate.runtime.filling import Filled
    from tidegate.runtime.session import Session

# What `sample` writes where no length is given.
LENGTH = 500
# Characters on either side of a blank that its table is headed with.
_CONTEXT = 24


@dataclass(frozen=True, slots=True)
class Writing:
    """How a language model's answers are written.

    Attributes:
        model: one-way or two-way.
        stream: where to.
        form: 'text' or 'jsonl'.
        is_terminal: whether a person watches `stream`.
        quiet: print no notes.
        options: what `sample` or `fill` was given by option, by name.
        seed: of all draws; each prompt has its own from it.
    """

    model: GenerateModel
    stream: IO[bytes]
    form: str
    is_terminal: bool
    quiet: bool
    options: dict[str, Any]
    seed: int

    def answer(self, prompts: Iterator[TextRecord]) -> None:
        """Answers every prompt, in order; each as soon as it is there.

        Raises:
            DataError: a prompt that the model cannot read, with where it stands.
            RecipeError: options that cannot be.
        """
        for number, prompt in enumerate(prompts):
            try:
                if self.model.is_two_way:
                    self._fill(prompt, number)
                else:
                    self._go_on(prompt.text, number)
            except DataError as error:
                raise DataError(f"{prompt.source}: {error}") from None
            self.stream.flush()

    def _go_on(self, prompt: str, number: int) -> None:
        for note in self.model.notes(prompt):
            self._note(note)
        session = self.model.session()
        pieces = session.sample(seed=seed_of(self.seed, number), **self.options)
        session.feed(prompt)
        whole = chain([prompt], pieces, _rest_of(session))
        if self.form == "jsonl":
            self._write(json.dumps({"text": "".join(whole)}, ensure_ascii=False) + "\n")
        else:
            if number:
                self._write("\n")
            self._write_live(whole)
        stop = self.options.get("stop")
        if stop and not session.is_stopped:
            self._note(f"--stop {stop!r} was not met; the text ends after {self.options.get('length', LENGTH):,} units (--length).")

    def _write_live(self, pieces: Iterator[str]) -> None:
        """Each piece as soon as it is there. The text ends with a line end, also after Ctrl-C, so that the shell goes on in a new line."""
        is_at_line_end = False
        try:
            for piece in filter(None, pieces):
                is_at_line_end = False  # until it is known: Ctrl-C may come right after the piece was written
                self._write(piece)
                is_at_line_end = piece.endswith("\n")
                self.stream.flush()
        finally:
            if not is_at_line_end:
                self._write("\n")
            self.stream.flush()

    def _fill(self, prompt: TextRecord, number: int) -> None:
        if not prompt.text and prompt.source.unit == "line":
            self._write(json.dumps({"text": "", "blanks": []}) + "\n" if self.form == "jsonl" else "\n")
            return
        if not blank_spans(prompt.text):
            raise DataError(
                f"{prompt.text!r:.60} has no blank. This model reads from both ends and fills blanks; it cannot go on with a text, since "
                f"it needs what stands to the right, which is not written yet. Mark each blank with {BLANK}, or train a one-way "
                "architecture: tidegate train generate FILE --arch gru."
            )
        filled = self.model.fill(prompt.text, **self.options)
        if self.form == "jsonl":
            self._write(json.dumps(filled.to_json(), ensure_ascii=False) + "\n")
        else:
            self._write(("\n" if number else "") + self._tables(prompt.text, filled))

    def _tables(self, text: str, filled: Filled) -> str:
        """The filled text, and for each blank what the left, the right and both say beside each other."""
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table

        shown = io.StringIO()
        width = shutil.get_terminal_size().columns if self.is_terminal else 100
        console = Console(file=shown, width=width, force_terminal=self.is_terminal or None, highlight=False)
        console.print(filled.text, markup=False, soft_wrap=True)
        for blank in filled.blanks:
            before, after = text[max(0, blank.start - _CONTEXT) : blank.start], text[blank.end : blank.end + _CONTEXT]
            table = Table(title=f"{before}{BLANK}{after}".replace("\n", " "), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
            sides = (blank.left, blank.right, blank.both)
            for heading in ("left alone", "right alone", "both"):
                table.add_column(heading, no_wrap=True)
                table.add_column("", justify="right", no_wrap=True)
            for row in zip(*sides, strict=True):
                table.add_row(*chain.from_iterable((_visible(unit), f"{probability:.3f}") for unit, probability in row))
            console.print(table)
        return shown.getvalue()

    def _note(self, said: str) -> None:
        if not self.quiet:
            print(said, file=sys.stderr)

    def _write(self, text: str) -> None:
        # A prompt may hold bytes that were no UTF-8 on the command line; they are written as an escape.
        self.stream.write(text.encode("utf-8", errors="backslashreplace"))


def prompts_of(given: Sequence[str], files: Sequence[str], *, is_two_way: bool) -> Iterator[TextRecord]:
    """The texts to answer: those of `--prompt`, then a text a line of the files.

    Without either standard input is read; where that is a terminal there is one empty text.

    Raises:
        DataError: a two-way model on a terminal was given nothing to fill.
    """
    if not given and not files:
        if sys.stdin is not None and not sys.stdin.isatty():
            files = ["-"]
        elif is_two_way:
            raise DataError(f"there is no text whose blanks could be filled. Give one, for instance --prompt 'the {BLANK} barked'.")
        else:
            given = [""]
    named = (TextRecord(text, Source("--prompt", number, "text")) for number, text in enumerate(given, 1))
    return chain(named, plain_lines(files))


def seed_of(seed: int, number: int) -> int:
    """The seed of prompt `number`, from 0. The first has `seed` itself; what the others get hangs on no other prompt."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0]) if number else seed


def _rest_of(session: Session) -> Iterator[str]:
    """What a session that was not stopped still holds back."""
    if not session.is_stopped:
        yield session.finish()


def _visible(unit: str) -> str:
    """A unit so that blanks and line ends in it are seen, and nothing in it is markup."""
    from rich.markup import escape

    return escape(unit if unit.isprintable() and unit == unit.strip() and unit else repr(unit))
