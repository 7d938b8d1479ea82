"""What `predict` does with models of sequences of numbers and of sound: records read, answers written out."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from tidegate.cli.answers import Rows, stream_to, write_text
from tidegate.cli.progress import counted
from tidegate.cli.standard_input import named_files
from tidegate.data.number_sequences import NumberSequence
from tidegate.data.transcripts import transcript_of
from tidegate.errors import DataError
from tidegate.runtime import SequenceAnswer, SequenceClassifyModel, SequenceTagAnswer, SequenceTagModel, TranscribeModel

SequenceModel = SequenceClassifyModel | SequenceTagModel | TranscribeModel


def answer_sequences(
    model: SequenceModel,
    files: Sequence[str],
    output: Path | None,
    form: str,
    asked: Mapping[str, Any],
    *,
    with_input: bool,
    is_shown: bool,
    quiet: bool,
) -> None:
    """Writes an answer for each sequence or recording, in order; one without a frame has an answer that says nothing, and a note.

    Args:
        files: names, globs and folders; '-' or nothing is standard input: a table, or a .wav file.
        output: where to; None: standard output.
        form: 'jsonl' or 'csv'.
        asked: options of the model's `answers`, by name; None where they were not given.
        is_shown: whether a live count may be shown.
        quiet: whether nothing is said of empty sequences.

    Raises:
        DataError: a file cannot be read, or does not fit the model.
        RecipeError: a look-ahead that is none, or for a model that reads one way.
    """
    options = {name: value for name, value in asked.items() if value is not None}
    model.network(options.get("lookahead"))  # a look-ahead that cannot be is told before anything is read
    with named_files(files) as names:
        records = _records(model, names) if with_input else model.read(names)
        filled, said = without_empty(records)
        if said and not quiet:
            print(f"tidegate: note: no answer for {said}", file=sys.stderr)
        with stream_to(output) as stream:
            write = _writer(form, stream, model, with_input=with_input, n_best=options.get("n_best", 1))
            answers = iter(model.answers(counted(filled, "predicting", is_shown=is_shown), **options))
            for record in records:
                write(_nothing(model, record) if is_empty(record) else next(answers))
            stream.flush()


def is_empty(record: Any) -> bool:
    """Whether a sequence has no frame. Recordings have samples, or were refused when they were read."""
    return isinstance(record, NumberSequence) and not len(record)


def without_empty(records: Sequence[Any]) -> tuple[list[Any], str]:
    """The records that are not empty, and a phrase that counts the others; empty where there are none."""
    empty = [record for record in records if is_empty(record)]
    if not empty:
        return list(records), ""
    sequences = "sequence" if len(empty) == 1 else "sequences"
    said = f"{len(empty):,} {sequences} without a frame (the first: '{empty[0].name}', {empty[0].source})"
    return [record for record in records if not is_empty(record)], said


def _nothing(model: SequenceModel, record: Any) -> SequenceAnswer | SequenceTagAnswer:
    """The answer to a sequence without a frame."""
    if isinstance(model, SequenceTagModel):
        return SequenceTagAnswer(record, [], np.zeros(0))
    return SequenceAnswer(record, None, math.nan, np.zeros(0))


def _records(model: SequenceModel, names: Sequence[str]) -> list[Any]:
    """The records with what the files say of them, where they say it of every one."""
    try:
        return model.read(names, is_labelled=True)
    except DataError:
        return model.read(names)


def _writer(form: str, stream: IO[bytes], model: SequenceModel, *, with_input: bool, n_best: int) -> Callable[[Any], None]:
    """A function that writes one answer to `stream`."""
    if form == "jsonl":
        return lambda answer: write_text(stream, json.dumps(model.to_json(answer, with_input=with_input), ensure_ascii=False) + "\n")
    given = ["given"] if with_input else []
    if isinstance(model, SequenceClassifyModel):
        classes = Rows(stream, ["name", *given, "label", "probability"])
        return lambda answer: classes.write(
            [answer.record.name, *([answer.record.label] if with_input else []), answer.label or "", _cell(answer.probability)]
        )
    if isinstance(model, SequenceTagModel):
        return _step_rows(Rows(stream, ["name", "step", *given, "label", "probability"]), with_input=with_input)
    return _transcript_rows(Rows(stream, ["name", *given, *(["rank"] if n_best > 1 else []), "text", "score"]), with_input, n_best)


def _cell(probability: float) -> str:
    return "" if math.isnan(probability) else f"{probability:.6f}"


def _step_rows(rows: Rows, *, with_input: bool) -> Callable[[Any], None]:
    """A row a step, from 0."""

    def write(answer: Any) -> None:
        given = answer.record.labels or ("",) * len(answer.labels)
        for step, (label, probability) in enumerate(zip(answer.labels, answer.probabilities, strict=True)):
            cells = [given[step]] if with_input else []
            rows.write([answer.record.name, step, *cells, label or "", f"{probability:.6f}"])

    return write


def _transcript_rows(rows: Rows, with_input: bool, n_best: int) -> Callable[[Any], None]:
    """A row a recording, or one for each of its best transcripts, ranked from 1."""

    def write(answer: Any) -> None:
        given = [transcript_of(answer.record)] if with_input else []
        if n_best == 1:
            rows.write([answer.record.name, *given, answer.text, f"{answer.score:.6f}"])
            return
        for rank, other in enumerate(answer.n_best, 1):
            rows.write([answer.record.name, *given, rank, other.text, f"{other.score:.6f}"])

    return write
