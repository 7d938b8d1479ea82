"""What `predict` does with a translator: sources read, their answers written out."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from tidegate.cli.answers import Rows, write_text
from tidegate.cli.inputs import Sources
from tidegate.cli.live import available
from tidegate.cli.progress import counted
from tidegate.data import TextRecord
from tidegate.errors import RecipeError

if TYPE_CHECKING:
    from tidegate.runtime import TranslateModel, Translation

# Characters from a pipe that are answered together at most, where so many have arrived.
_MOST_CHARACTERS = 1 << 16
# Notes on sources that are told one by one.
_MOST_NOTES = 10
# Source units that are named for each unit of an answer, at most, and the least weight that is worth a name.
_MOST_READ, _LEAST_WEIGHT = 3, 0.05


@dataclass
class Translating:
    """How a translator's answers are written.

    Attributes:
        stream: where to.
        form: 'text', 'jsonl' or 'csv'.
        with_input: repeat the source.
        with_attention: say where each unit was read.
        quiet: print no notes.
        options: what `translate_all` was given by option, by name.

    Raises:
        RecipeError: weights are asked for of a model that has none, or in a form that has no room for them.
    """

    model: TranslateModel
    stream: IO[bytes]
    form: str
    with_input: bool
    with_attention: bool
    quiet: bool
    options: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.with_attention and self.model.config["network"]["attention"] == "none":
            raise RecipeError("--with-attention: this model was trained with attention = none and has no weights to show. Leave it out.")
        if self.with_attention and self.form == "csv":
            raise RecipeError("--with-attention has no room in csv. Use --format jsonl or --format text.")
        self._answered = self._noted = 0
        self._table = Rows(self.stream, ["sequence", "rank", *(["source"] if self.with_input else []), "target", "score", "logprob"])

    def answer(self, sources: Sources, files: Sequence[str], *, is_shown: bool) -> None:
        """Answers the sources in the files, in order; those from a pipe as soon as they are there.

        Args:
            files: names and globs; '-' alone is standard input.
            is_shown: whether a live count may be shown.
        """
        records = sources.of_files(files)
        if list(files) == ["-"]:
            for group in available(records, lambda record: len(record.text) + 1, most=_MOST_CHARACTERS):
                self._answer(group)
        else:
            self._answer(counted(records, "translating", is_shown=is_shown))
        if self._noted > _MOST_NOTES and not self.quiet:
            print(f"{self._noted - _MOST_NOTES:,} more such notes were left out.", file=sys.stderr)

    def _answer(self, records: Iterable[TextRecord]) -> None:
        """Answers some sources, reading them as answers are needed."""
        write = {"jsonl": self._write_json, "csv": self._write_rows, "text": self._write_lines}[self.form]
        read: deque[TextRecord] = deque()

        def texts() -> Iterator[str]:
            for record in records:
                read.append(record)
                yield record.text

        for answer in self.model.translate_all(texts(), **self.options, keeps_attention=self.with_attention):
            source = read.popleft().source
            for note in answer.notes:
                self._note(f"{source}: {note}")
            write(answer)
            self._answered += 1
        self.stream.flush()

    def _note(self, said: str) -> None:
        self._noted += 1
        if self._noted <= _MOST_NOTES and not self.quiet:
            print(said, file=sys.stderr)

    def _write_json(self, answer: Translation) -> None:
        given = {"source": answer.source} if self.with_input else {}
        content = given | answer.to_json(with_attention=self.with_attention)
        write_text(self.stream, json.dumps(content, ensure_ascii=False) + "\n")

    def _write_rows(self, answer: Translation) -> None:
        """A row per hypothesis: the number of its source from 0, its rank from 1, the target, its score and log-probability."""
        given = [answer.source] if self.with_input else []
        for rank, found in enumerate(answer.hypotheses, 1):
            self._table.write([self._answered, rank, *given, found.target, f"{found.score:.6f}", f"{found.logprob:.6f}"])
        if not answer.hypotheses:  # an empty source
            self._table.write([self._answered, 1, *given, "", f"{answer.score:.6f}", ""])

    def _write_lines(self, answer: Translation) -> None:
        """The target alone on its line; where there is more to say of a source a block of lines, and an empty one between two blocks."""
        has_several, before = self.options.get("n_best", 1) > 1, f"{answer.source}\t" if self.with_input else ""
        lines = [""] if self._answered and (has_several or self.with_attention) else []
        for rank, found in enumerate(answer.hypotheses):
            lines.append(f"{before}{found.target}" + (f"\t{found.score:.4f}" if has_several else ""))
            if self.with_attention and not rank:
                lines += _looks(answer.to_json(with_attention=True)["attention"])
        if not answer.hypotheses:
            lines.append(before)
        write_text(self.stream, "".join(f"{line}\n" for line in lines))


def _looks(attention: Mapping[str, Any]) -> list[str]:
    """A line per unit of the answer: the units of the source that it was mostly read from, with their weights."""
    width = max(len(unit) for unit in attention["target"])
    lines = []
    for unit, weights in zip(attention["target"], attention["weights"], strict=True):
        places = sorted(range(len(weights)), key=lambda place: -weights[place])[:_MOST_READ]
        read = [f"{attention['source'][place]} {weights[place]:.2f}" for place in places if weights[place] >= _LEAST_WEIGHT]
        lines.append(f"  {unit:<{width}}  {'  '.join(read)}")
    return lines
