"""The subjects of models over sequences of numbers and sound: steps are blanked or cut out, features and bands are blanked end to end.

What is blanked is the mean of training, scaled 0, and where training had holes in a feature, it is said to be missing: as a sequence
reads whose feature was never measured.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tidegate.data.sound_frames import SoundFrames
from tidegate.data.transcripts import joined_units
from tidegate.decoding import softmax
from tidegate.decoding.ctc import CtcPath, ctc_beam, ctc_greedy
from tidegate.errors import DataError, RecipeError, listed, nearest
from tidegate.explanation.explanation import Attention
from tidegate.explanation.occlusion.singly import PooledSingly, Singly
from tidegate.explanation.subjects.subject import BLANK, CUT, WHOLE, Places, Said, Scores, Subject, Variants, pooling_attention
from tidegate.kernels.ctc import ctc_loss
from tidegate.runtime.frame_model import FrameModel
from tidegate.runtime.sequence_classify import SequenceClassifyModel
from tidegate.runtime.sequence_tag import SequenceTagModel
from tidegate.runtime.transcribe import TranscribeModel

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]


class FrameSubject(Subject):
    """A model over sequences and one of them.

    Attributes:
        model: as given.
        network: as the model was trained.
        x: [T, C], the steps as they are read.
        blank: [C], what is read of a step that says nothing.

    Raises:
        DataError: no sequence that the model reads, or an empty one.
    """

    unit_name = "step"

    def __init__(self, model: FrameModel, given: Any) -> None:
        super().__init__(model.config)
        (record,) = model.records([given])
        self.model, self.record, self.network, self._frames = model, record, model.network(None), model.frames
        self.x = model.frames.of(record)
        if not len(self.x):
            raise DataError(f"{record.source}: sequence '{record.name}' has no step, so there is nothing to explain. Give a longer one.")
        seconds = model.frames.step_seconds
        self.units = tuple(str(step) if seconds is None else f"{step * seconds:.2f} s" for step in range(len(self.x)))
        self.source = f"{record.name} ({len(self.x):,} steps)"
        self.stacks = {"stack": self.network.stack}
        self.channels, self._columns = _channels(model)
        scale = model.frames.scale
        frame = np.concatenate([np.zeros(scale.features), np.ones(int(scale.has_gaps.sum()))])
        self.blank = np.tile(frame, scale.per_step).astype(np.float32)
        stack = self.network.stack
        self.reads_ahead = stack.architecture.is_bidirectional and stack.lookahead != 0

    @cached_property
    def logits(self) -> NDArray[np.float64]:
        """[1, K], or [T, K] of steps, of the sequence as it is; the first look reads it."""
        states = self.network.states(self.x, np.array([0, len(self.x)]))
        pooling = self.network.pooling
        return self.network.head(states if pooling is None else pooling(states, np.array([0, len(self.x)]))).astype(np.float64)

    def varied(self, variants: Variants) -> tuple[Array, Ids]:
        """The steps [N, C] of variants, one after another, and their offsets [V+1]; of what is all cut out one blank step."""
        parts = []
        for row in variants:
            ways = row if row.ndim == 1 else row.max(axis=1)
            if row.ndim == 1:
                x = np.where((row == BLANK)[:, None], self.blank, self.x)
            else:
                is_blank = np.zeros(self.x.shape, dtype=bool)
                for channel, columns in enumerate(self._columns):
                    is_blank[:, columns] = (row[:, channel] == BLANK)[:, None]
                x = np.where(is_blank, self.blank, self.x)
            kept = x[ways != CUT]
            parts.append(kept if len(kept) else self.blank[None])
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
        return np.concatenate(parts), offsets

    def _logits(self, variants: Variants) -> tuple[NDArray[np.float64], Ids]:
        x, offsets = self.varied(variants)
        return self.network.logits(x, offsets).astype(np.float64), offsets


def _channels(model: FrameModel) -> tuple[tuple[str, ...], list[Ids]]:
    """Names of features or bands, and of each the columns of a step that are read of it, its mark of holes among them."""
    frames, scale = model.frames, model.frames.scale
    if isinstance(frames, SoundFrames):
        names = tuple(f"{hertz:,.0f} Hz" for hertz in frames.mel.centres_hz)
    else:
        names = tuple(frames.columns.features)  # type: ignore[attr-defined]
    width = scale.width // scale.per_step
    marks = scale.features + np.cumsum(scale.has_gaps) - 1
    columns = []
    for feature in range(scale.features):
        own = [feature, *([int(marks[feature])] if scale.has_gaps[feature] else [])]
        columns.append(np.array([frame * width + column for frame in range(scale.per_step) for column in own], dtype=np.int64))
    return names, columns


class SequenceClassifySubject(FrameSubject):
    """A classifier and one sequence or recording.

    Args:
        label: whose score is explained; None for the label answered.

    Raises:
        RecipeError: the model does not have the label.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ("label",)
    model: SequenceClassifyModel

    def __init__(self, model: SequenceClassifyModel, given: Any, *, label: str | None = None) -> None:
        super().__init__(model, given)
        if label is not None and label not in model.classes:
            raise RecipeError(f"the model has no label {label!r}; its labels: {listed(model.classes)}.{nearest(label, model.classes)}")
        self._chosen = label

    @cached_property
    def column(self) -> int:
        """Of the label whose score is explained."""
        return int(self.logits[0].argmax()) if self._chosen is None else self.model.classes.index(self._chosen)

    def run(self) -> Said:
        probabilities = softmax(self.logits)[0]
        best = int(probabilities.argmax())
        return Said(f"{self.model.classes[best]} ({probabilities[best]:.2f})")

    @property
    def of(self) -> str:
        return f"log p of {self.model.classes[self.column]!r}"

    def _scores(self, variants: Variants, places: Places) -> Scores:
        return self._log_p(self._logits(variants)[0])

    def _log_p(self, logits: Scores) -> Scores:
        found: Scores = logits[:, self.column] - np.logaddexp.reduce(logits, axis=1)
        return found

    def attention(self) -> Attention | None:
        states = self.network.states(self.x, np.array([0, len(self.x)]))
        return pooling_attention(self.said.answer, self.units, self.network.pooling, states)

    def singly(self) -> Singly | None:
        network = self.network
        if network.stack.lookahead is not None or network.pooling is None:
            return None

        def score(vectors: Array, units: Places) -> Scores:
            return self._log_p(network.head(vectors).astype(np.float64))

        return PooledSingly(network.stack, network.vectors(self.x), network.vectors(self.blank[None])[0], network.pooling, score)


class SequenceTagSubject(FrameSubject):
    """A tagger of steps and one sequence.

    Args:
        at: the step, from 0, whose label is explained; None for those of all steps, whose log p are added up.

    Raises:
        RecipeError: there is no such step.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ("at",)
    model: SequenceTagModel
    has_unit_answers = True

    def __init__(self, model: SequenceTagModel, given: Any, *, at: int | None = None) -> None:
        super().__init__(model, given)
        self.place = self.checked_place(at)
        self.can_cut = self.place is not None

    @cached_property
    def best(self) -> Ids:
        """[T], the labels answered, by number."""
        best: Ids = self.logits.argmax(axis=1).astype(np.int64)
        return best

    def run(self) -> Said:
        probabilities = softmax(self.logits).max(axis=1).tolist()
        said = tuple(self.model.classes[number] for number in self.best.tolist())
        if self.place is not None:
            shown = f"{said[self.place]} ({probabilities[self.place]:.2f}) at step {self.place}"
        else:
            shown = ", ".join(f"{label} × {said.count(label)}" for label in dict.fromkeys(said))
        return Said(shown, said, tuple(probabilities))

    @property
    def of(self) -> str:
        if self.place is None:
            return "log p of the labels of all steps"
        return f"log p of {self.model.classes[self.best[self.place]]!r} at step {self.place}"

    def _scores(self, variants: Variants, places: Places) -> Scores:
        variants, again = np.unique(variants, axis=0, return_inverse=True)  # many places may be asked about in one
        logits, offsets = self._logits(variants)
        logits -= np.logaddexp.reduce(logits, axis=1)[:, None]
        scores = np.empty(len(places))
        for number, (which, place) in enumerate(zip(again.reshape(-1).tolist(), places.tolist(), strict=True)):
            row = variants[which]
            kept = np.flatnonzero((row if row.ndim == 1 else row.max(axis=1)) != CUT)
            own = logits[offsets[which] : offsets[which + 1]]
            meant = self.place if place == WHOLE else place
            if meant is None:
                scores[number] = own[np.arange(len(kept)), self.best[kept]].sum()
            else:
                scores[number] = own[int(np.searchsorted(kept, meant)), self.best[meant]]
        return scores


class TranscribeSubject(FrameSubject):
    """A transcriber and one recording: log p of what it wrote down, over all ways in which the steps may spell it.

    Steps are blanked and never cut out: what is left would be too short for the transcript.
    """

    model: TranscribeModel
    can_cut = False

    def __init__(self, model: TranscribeModel, given: Any) -> None:
        super().__init__(model, given)

    @cached_property
    def _path(self) -> CtcPath:
        offsets, logits = np.array([0, len(self.x)]), self.logits.astype(np.float32)
        if self.model.beam == 1:
            return ctc_greedy(logits, offsets)[0]
        return ctc_beam(logits, offsets, beam=self.model.beam)[0][0]

    @property
    def labels(self) -> Ids:
        """The units answered, by number; 0 is the blank."""
        return self._path.labels

    @cached_property
    def _text(self) -> str:
        return joined_units([self.model.units[number - 1] for number in self.labels.tolist()], self.model.unit)

    def run(self) -> Said:
        told = softmax(self.logits)
        best = told.argmax(axis=1)
        said = tuple("" if number == 0 else self.model.units[number - 1] for number in best.tolist())
        return Said(f"{self._text!r} (log p {self._path.score:.2f})", said, tuple(told.max(axis=1).tolist()))

    @property
    def of(self) -> str:
        return f"log p of {self._text!r}"

    def _scores(self, variants: Variants, places: Places) -> Scores:
        logits, offsets = self._logits(np.where(variants == CUT, np.uint8(BLANK), variants))
        count = len(variants)
        targets, target_offsets = np.tile(self.labels, count), np.arange(count + 1, dtype=np.int64) * len(self.labels)
        found: Scores = -ctc_loss(logits.astype(np.float32), offsets, targets, target_offsets)
        return found
