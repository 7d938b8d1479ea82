"""Sequences of numbers and recordings of a comparison: with a label each, a label a step, or a transcript."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from tidegate.comparison.materials.label_outcomes import class_outcomes, tag_outcomes
from tidegate.comparison.materials.material import CutMaterial, Portion, shown_answer, shown_input, timed
from tidegate.data import TextRecord
from tidegate.data.recordings import Recording
from tidegate.data.sequence_splits import split_off_sequences
from tidegate.data.sequences import NumberSequence
from tidegate.data.sound_frames import SoundFrames
from tidegate.data.transcripts import transcript_of, transcript_units
from tidegate.runtime.sequence_classify import SequenceClassifyModel
from tidegate.runtime.sequence_tag import SequenceTagModel
from tidegate.runtime.transcribe import TranscribeModel
from tidegate.scoring.outcomes import Examples, Outcomes
from tidegate.scoring.transcription import edits
from tidegate.training.files import RunFiles
from tidegate.training.frame_material import Needs, Parts, Record, length_of, parts_of, read_records
from tidegate.training.frame_recipe import FrameRecipe
from tidegate.training.recipe import Recipe
from tidegate.training.sequences.corpus import corpus_of as labelled_corpus
from tidegate.training.sequences.recipe import LabelledFramesRecipe, SequenceTagRecipe
from tidegate.training.sequences.task import SequenceClassifyTask, SequenceTagTask
from tidegate.training.transcription.corpus import corpus_of as spoken_corpus
from tidegate.training.transcription.corpus import development_streams, test_streams
from tidegate.training.transcription.recipe import TranscribeRecipe
from tidegate.training.transcription.task import TranscribeTask

POSITIONS = "step of the sequence"


class FrameMaterial(CutMaterial[Record]):
    """What all of them share; an example is a sequence or a recording."""

    recipe: FrameRecipe
    needs: Needs

    def __init__(self, files: RunFiles, recipe: FrameRecipe) -> None:
        train, dev, test, self.columns, notes = read_records(files, recipe, self.needs)
        kept, chosen_by, tested = ([record for record in part if length_of(record)] for part in (train, dev, test))
        super().__init__(kept, chosen_by, tested, recipe)
        left_out = len(train) + len(dev) + len(test) - len(kept) - len(chosen_by) - len(tested)
        self.notes = [*notes, *([f"{left_out:,} sequences are empty and left out."] if left_out else [])]

    def held_out(self, records: list[Record]) -> tuple[list[Record], list[Record]]:
        return split_off_sequences(records, share=self.recipe.dev_share, seed=self.recipe.seed)

    def as_texts(self, records: Sequence[Record]) -> list[TextRecord]:
        # Names tell them apart, as where a development set is split off.
        named = [record.name.encode("utf-8", "surrogatepass").hex() for record in records]
        return [TextRecord(name, record.source, _labels(record), record.group) for name, record in zip(named, records, strict=True)]

    def content(self, record: Record) -> bytes:
        said = repr((record.name, record.label, getattr(record, "labels", ()), getattr(record, "text", ""), record.group))
        values = record.samples if isinstance(record, Recording) else record.values
        return said.encode("utf-8", "surrogatepass") + np.ascontiguousarray(values).tobytes()

    def parts(self, portion: Portion[Record], recipe: FrameRecipe) -> Parts:
        return parts_of(portion.train, portion.dev, portion.test, self.columns, recipe)

    @abstractmethod
    def right(self, record: Record) -> str:
        """The right answer in words."""

    def examples(self, portion: Portion[Record]) -> Examples:
        records = portion.scored
        is_sound = self.recipe.input == "sound"
        lengths = [round(1000 * record.seconds) if isinstance(record, Recording) else length_of(record) for record in records]
        shown = [f"{record.name}, {_spoken(record)}" for record in records]
        groups = tuple(record.group or f"{place}" for place, record in enumerate(records))
        return Examples(
            inputs=tuple(map(shown_input, shown)),
            right=tuple(shown_answer(self.right(record)) for record in records),
            lengths=tuple(lengths),
            length_name="milliseconds" if is_sound else "steps",
            groups=groups if any(record.group for record in records) else (),
        )

    def answer_all(self, model: Any, portion: Portion[Record]) -> int:
        deque(model.answers(portion.scored), maxlen=0)
        return len(portion.scored)

    def step_seconds(self, model: Any, portion: Portion[Record], *, most_seconds: float) -> list[float] | None:
        if model.lookahead is None:
            return None
        return timed(_steps(model, portion.scored), most_seconds=most_seconds)


class SequenceMaterial(FrameMaterial):
    """Sequences of numbers or recordings with a label each."""

    recipe: LabelledFramesRecipe
    needs = "label"

    def right(self, record: Record) -> str:
        return record.label

    def task(self, portion: Portion[Record], recipe: Recipe) -> SequenceClassifyTask:
        return SequenceClassifyTask(recipe, labelled_corpus(self.parts(portion, recipe), recipe))  # type: ignore[arg-type]

    def outcomes(self, task: SequenceClassifyTask, model: SequenceClassifyModel, portion: Portion[Record]) -> Outcomes:
        answers = list(model.answers(portion.scored))
        return class_outcomes(
            [(record.label,) for record in portion.scored],
            [(str(answer.label),) for answer in answers],
            [(answer.probability,) for answer in answers],
            score_name=task.score_name,
        )


class StepMaterial(FrameMaterial):
    """Sequences of numbers with a label a step."""

    recipe: SequenceTagRecipe
    needs = "labels"

    def right(self, record: Record) -> str:
        return " ".join(step_labels(record))

    def task(self, portion: Portion[Record], recipe: Recipe) -> SequenceTagTask:
        return SequenceTagTask(recipe, labelled_corpus(self.parts(portion, recipe), recipe))  # type: ignore[arg-type]

    def outcomes(self, task: SequenceTagTask, model: SequenceTagModel, portion: Portion[Record]) -> Outcomes:
        answers = list(model.answers(portion.scored))
        right = [step_labels(record) for record in portion.scored]
        given = [[str(label) for label in answer.labels] for answer in answers]
        probabilities = [answer.probabilities.tolist() for answer in answers]
        return tag_outcomes(right, given, probabilities, scheme=None, position_name=POSITIONS)


class TranscriptMaterial(FrameMaterial):
    """Recordings with transcripts, joined to streams where the recipe joins them."""

    recipe: TranscribeRecipe
    needs = "text"

    def portion(self, *, fold: int | None, folds: int, share: float) -> Portion[Record]:
        cut = super().portion(fold=fold, folds=folds, share=share)
        return Portion(cut.train, development_streams(cut.dev, self.recipe), test_streams(cut.test, self.recipe))

    def right(self, record: Record) -> str:
        return transcript_of(record)

    def task(self, portion: Portion[Record], recipe: Recipe) -> TranscribeTask:
        assert isinstance(recipe, TranscribeRecipe)
        return TranscribeTask(recipe, spoken_corpus(self.parts(portion, recipe), recipe, are_joined=True))

    def outcomes(self, task: TranscribeTask, model: TranscribeModel, portion: Portion[Record]) -> Outcomes:
        counts = np.zeros((len(portion.scored), 2))
        given = []
        for row, answer in zip(counts, model.answers(portion.scored), strict=True):
            right = transcript_units(transcript_of(answer.record), model.unit)
            row[:] = sum(edits(answer.units, right)), len(right)
            given.append(shown_answer(answer.text))
        return Outcomes(score_name=task.score_name, rule="share", lower_is_better=True, counts=counts, given=tuple(given))


def step_labels(record: Record) -> Sequence[str]:
    """The labels of the steps of a sequence."""
    assert isinstance(record, NumberSequence)
    return record.labels


def _labels(record: Record) -> tuple[str, ...]:
    return (record.label,) if record.label else tuple(sorted(set(getattr(record, "labels", ()))))


def _spoken(record: Record) -> str:
    """How long a record is."""
    return f"{record.seconds:.2f} s" if isinstance(record, Recording) else f"{length_of(record)} steps"


def _steps(model: Any, records: Sequence[Record]) -> Iterator[Callable[[], object]]:
    """What feeds sessions with the records, one step after another."""
    for record in records:
        if isinstance(record, Recording):
            assert isinstance(model.frames, SoundFrames)
            session = model.session(rate=record.rate)
            values, size = record.samples, max(1, round(model.frames.step_seconds * record.rate))
        else:
            session, values, size = model.session(), record.values, model.frames.scale.per_step
        for begin in range(0, len(values) - size + 1, size):
            yield partial(session.feed, values[begin : begin + size])
