"""The NumPy half of `transcribe`: a model directory writes down what recordings say, evaluates and is saved again. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel
from tidegate.data.recordings import Recording
from tidegate.data.sound_frames import SoundFrames
from tidegate.data.transcripts import joined_units, transcript_of, transcript_units
from tidegate.decoding import softmax
from tidegate.decoding.ctc import CtcPath, ctc_beam, ctc_greedy
from tidegate.decoding.sampling import is_whole
from tidegate.errors import DataError, RecipeError
from tidegate.runtime.frame_model import FrameModel, Lookahead, Record, Steps
from tidegate.runtime.sequence_network import SequenceNetwork
from tidegate.runtime.transcribe_session import TranscribeSession
from tidegate.runtime.windows import BATCH_TOKENS
from tidegate.scoring.transcription import TranscriptScorer

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoredText:
    """A transcript among the best.

    Attributes:
        text: the transcript.
        score: its log p in nats, as far as the search held it.
    """

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """The answer to one recording.

    Attributes:
        record: what was asked.
        text: what is said in it.
        units: its L units.
        steps: the step at which each begins.
        seconds: when, from the beginning of the recording, each could have been told: all that its step needs has then been heard.
        probabilities: of each unit at its step.
        score: log p in nats; of the transcript as far as the search held it, without a search (beam 1) of its best alignment.
        n_best: the best transcripts, this one first.
    """

    record: Recording
    text: str
    units: tuple[str, ...]
    steps: tuple[int, ...]
    seconds: tuple[float, ...]
    probabilities: tuple[float, ...]
    score: float
    n_best: tuple[ScoredText, ...]


class TranscribeModel(FrameModel):
    """A trained transcriber, read from a model directory.

    Attributes:
        column: the column of transcripts that it was trained on; `columns` names it too.
        unit: "word" or "char", what it writes one after another.
        units: all that it can write.
        beam: transcripts that are kept side by side where nothing else is asked for; 1: the best unit of each step.
    """

    def __init__(self, model: StoredModel) -> None:
        super().__init__(model)
        self.column: str = model.vocabulary["column"]
        self.columns = (self.column,)
        self.unit: str = model.vocabulary["unit"]
        self.units = tuple(model.vocabulary["labels"])
        self.beam: int = model.config.get("recipe", {}).get("beam", 1)

    def answers(
        self,
        records: Iterable[Record],
        *,
        batch_tokens: int = BATCH_TOKENS,
        beam: int | None = None,
        n_best: int = 1,
        lookahead: Lookahead = None,
    ) -> Iterator[Transcript]:
        """A transcript per recording, in order, reading the recordings as they are needed.

        Args:
            batch_tokens: most steps that are computed together; bounds the memory.
            beam: transcripts that are kept side by side; the model's own number if None.
            n_best: so many are given, up to `beam`.
            lookahead: steps, or a span such as "100ms", that a two-way network sees ahead; as trained if None.

        Raises:
            DataError: an empty recording.
            RecipeError: an option outside its range, or a look-ahead for a network that reads one way.
        """
        width = self.beam if beam is None else beam
        for name, value in (("beam", width), ("n_best", n_best)):
            if not is_whole(value, least=1):
                raise RecipeError(f"{name} is {value}; expected how many transcripts, a whole number from 1 on.")
        if n_best > width:
            raise RecipeError(
                f"the {n_best} best transcripts were asked for, but a beam of {width} holds no more than {width}. Raise --beam."
            )
        network = self.network(lookahead)

        def answer(batch: list[Steps], x: Array, offsets: Ids) -> Iterator[Transcript]:
            logits = network.logits(x, offsets)
            if width == 1:
                paths = [[path] for path in ctc_greedy(logits, offsets)]
            else:
                paths = ctc_beam(logits, offsets, beam=int(width), n_best=int(n_best))
            probabilities = softmax(logits)
            for steps, begin, found in zip(batch, offsets[:-1].tolist(), paths, strict=True):
                assert isinstance(steps.record, Recording)
                yield self._answer(steps.record, found, probabilities[begin : begin + len(steps.x)], network)

        return self.answered(records, answer, batch_tokens=batch_tokens)

    def _answer(self, record: Recording, paths: Sequence[CtcPath], probabilities: Probabilities, network: SequenceNetwork) -> Transcript:
        best, *_ = paths
        ids, steps = best.labels.tolist(), best.steps.tolist()
        sure = tuple(float(probabilities[step, label]) for step, label in zip(steps, ids, strict=True))
        seconds = tuple(self._seconds(step, record.seconds, network) for step in steps)
        units = self._units(best)
        told = tuple(ScoredText(joined_units(self._units(path), self.unit), float(path.score)) for path in paths)
        return Transcript(record, told[0].text, units, tuple(steps), seconds, sure, told[0].score, told)

    def _units(self, path: CtcPath) -> tuple[str, ...]:
        return tuple(self.units[label - 1] for label in path.labels.tolist())

    def _seconds(self, step: int, end: float, network: SequenceNetwork) -> float:
        if network.stack.is_whole:
            return end
        heard = self.frames.delay_seconds(step, network.stack.lookahead or 0)
        return end if heard is None else min(heard, end)

    def to_json(self, answer: Transcript, *, with_input: bool = False) -> dict[str, Any]:
        """An answer as `predict` writes it; `n_best` only where there are several."""
        content: dict[str, Any] = {"name": answer.record.name} if with_input else {}
        content["text"] = answer.text
        content["units"] = [
            {"unit": unit, "seconds": round(seconds, 3), "probability": round(p, 6)}
            for unit, seconds, p in zip(answer.units, answer.seconds, answer.probabilities, strict=True)
        ]
        content["score"] = round(answer.score, 6)
        if len(answer.n_best) > 1:
            content["n_best"] = [{"text": one.text, "score": round(one.score, 6)} for one in answer.n_best]
        if with_input and (right := transcript_of(answer.record)):
            content["input"] = {self.column: right}
        return content

    def predict(self, recordings: Any) -> list[str]:
        """The transcript of each recording: samples [n] at the rate that the model reads, .wav files, or records.

        Raises:
            DataError: something else, or an empty recording.
        """
        return [answer.text for answer in self.answers(self.records(recordings))]

    def score(self, recordings: Any, texts: Sequence[str]) -> float:
        """1 − the error rate by units; higher is better, in the manner of scikit-learn."""
        given = self.predict(recordings)
        if len(given) != len(texts):
            raise DataError(f"{len(given)} recordings, but {len(texts)} transcripts; give one transcript for each recording.")
        scorer = TranscriptScorer(self.unit)
        for right, text in zip(texts, given, strict=True):
            scorer.add(transcript_units(right, self.unit), transcript_units(text, self.unit))
        return 1 - float(scorer.result()["wer" if self.unit == "word" else "cer"])

    def evaluate(
        self, records: Iterable[Record], *, batch_tokens: int = BATCH_TOKENS, beam: int | None = None, lookahead: Lookahead = None
    ) -> dict[str, Any]:
        """Scores against recordings with transcripts (or labels), with the keys of `evaluate --format json`.

        Units that training lacked count as errors; `n_unknown_units` says how many there were. A recording without a transcript is one in
        which nothing is said.

        Raises:
            DataError: no recording has a transcript.
        """
        scorer, known = TranscriptScorer(self.unit), frozenset(self.units)
        unknown, last = 0, None
        for answer in self.answers(records, batch_tokens=batch_tokens, beam=beam, lookahead=lookahead):
            right = transcript_units(transcript_of(answer.record), self.unit)
            unknown += sum(unit not in known for unit in right)
            scorer.add(right, answer.units)
            last = answer.record
        result = scorer.result()
        if last is not None and not result["n_units"]:
            raise DataError(f"{last.source}: no recording has a transcript, by which answers could be scored. Name its column with --text.")
        return result | ({"n_unknown_units": unknown} if unknown else {})

    def session(self, *, lookahead: Lookahead = None, rate: int | None = None) -> TranscribeSession:
        """One recording as it comes: its units as soon as they begin, without a search.

        Args:
            lookahead: as of `answers`; units lag so far behind.
            rate: of the samples that will be fed; the model's own if None.

        Raises:
            RecipeError: the network reads the whole recording both ways.
        """
        steps, network, kind = self.live(lookahead, rate)
        assert isinstance(self.frames, SoundFrames)
        return TranscribeSession(steps, network, self.frames, self.units, self.unit, rate or self.frames.mel.rate, kind)
