"""The task `transcribe` in training: its network, its streams, its scores, its model card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tidegate.data.connected import connect
from tidegate.data.frames import FrameBatch, collate_frames
from tidegate.data.recordings import Recording, RecordingColumns
from tidegate.data.transcripts import transcript_of
from tidegate.runtime.transcribe import TranscribeModel
from tidegate.tasks.transcribe import TranscribeNetwork
from tidegate.training.card import card_text
from tidegate.training.frame_material import Record
from tidegate.training.frame_recipe import FrameRecipe
from tidegate.training.frame_task import FrameTask
from tidegate.training.task import ScoreRow
from tidegate.training.transcription.corpus import TranscribeCorpus
from tidegate.training.transcription.recipe import TranscribeRecipe


class TranscribeTask(FrameTask[TranscribeNetwork]):
    """A transcriber's recipe and corpus."""

    recipe: TranscribeRecipe
    lower_is_better = True
    baseline_name = "none"
    least_batches = 60  # it takes some hundreds of steps until a network says anything but the blank

    def __init__(self, recipe: TranscribeRecipe, corpus: TranscribeCorpus) -> None:
        self.corpus = corpus
        super().__init__(recipe, corpus.parts, corpus.frames)

    def build_network(self) -> TranscribeNetwork:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            return TranscribeNetwork(self.settings(), 1 + len(self.corpus.units), **self.rates)

    def pass_lengths(self, recipe: FrameRecipe) -> NDArray[np.int64]:
        lengths = super().pass_lengths(recipe)
        assert isinstance(recipe, TranscribeRecipe)
        if not recipe.connect:
            return lengths
        # Every recording comes about once a pass. How long a stream becomes is not known before it is made.
        each = sum(recipe.counts) / 2
        assert self.frames.step_seconds is not None
        steps = each * (lengths.mean() + sum(recipe.gap) / 2 / self.frames.step_seconds)
        return np.full(max(1, round(len(lengths) / each)), round(steps), dtype=np.int64)

    def varied_batch(self, places: Sequence[int], epoch: int) -> FrameBatch:
        records, xs = [], []
        for place in places:
            rng = self.rng(epoch, place)
            record = self._stream(rng) if self.recipe.connect else self.record(place)
            records.append(record)
            xs.append(self.varied.steps(record, rng))
        return self._batch(xs, records)

    def _stream(self, rng: np.random.Generator) -> Recording:
        recordings: Any = self.varied.records
        low, high = self.recipe.counts
        # Noise comes with what else varies a recording.
        return connect(recordings, rng, count=int(rng.integers(low, high + 1)), rate=recordings[0].rate, gap_seconds=self.recipe.gap)

    def plain_batch(self, records: Sequence[Record]) -> FrameBatch:
        return self._batch([self.frames.of(record) for record in records], records)

    def _batch(self, xs: list[NDArray[np.float32]], records: Sequence[Record]) -> FrameBatch:
        labels = [self.corpus.ids(transcript_of(record), self.recipe.unit) for record in records]
        return collate_frames(xs, labels, labelled="transcript")

    def scorable(self, record: Record) -> bool:
        return bool((self.corpus.ids(transcript_of(record), self.recipe.unit) > 0).all())

    def as_model(self, network: TranscribeNetwork) -> TranscribeModel:
        """The network as the runtime sees it, so that every score of training is the shipped model's own."""
        return TranscribeModel(self.stored(network))

    @property
    def score_name(self) -> str:
        """Errors by unit: words or characters."""
        return "wer" if self.recipe.unit == "word" else "cer"

    def dev_score(self, network: TranscribeNetwork) -> float:
        return -float(self.as_model(network).evaluate(self.parts.dev)[self.score_name])

    def scores(self, network: TranscribeNetwork) -> dict[str, Any]:
        model = self.as_model(network)
        result: dict[str, Any] = {"dev": model.evaluate(self.parts.dev)}
        if self.parts.test:
            result["test"] = model.evaluate(self.parts.test)
        return result | {"train_recordings": len(self.parts.train), "train_steps": self.train_steps, "split": self.parts.split}

    @property
    def _column(self) -> str:
        """Where the transcripts stood."""
        columns = self.parts.columns
        return (columns.text if isinstance(columns, RecordingColumns) else "") or columns.label or "text"

    def score_rows(self, metrics: Mapping[str, Any]) -> Iterator[ScoreRow]:
        for part in ("dev", "test"):
            for key in (self.score_name, "exact_match"):
                if key in metrics.get(part, {}):
                    yield ScoreRow(part, self._column, key, metrics[part][key], None)

    def plan(self) -> list[tuple[str, str]]:
        units = self.corpus.units
        shown = ", ".join(units[:12]) + (", …" if len(units) > 12 else "")
        return [
            *self.reading(),
            ("units", f"{len(units)} {self.recipe.unit}s ({shown})"),
            ("training", f"{len(self.parts.train):,} recordings, {self.tokens:,} steps an epoch"),
            ("development", f"{len(self.parts.dev):,} recordings; {self.parts.split}"),
            ("test", f"{len(self.parts.test):,} recordings"),
        ]

    def example(self) -> str:
        return self.parts.dev[0].name

    def vocabulary_json(self) -> dict[str, Any]:
        said = {"column": self._column, "labels": list(self.corpus.units), "unit": self.recipe.unit}
        return said | super().vocabulary_json()

    def fingerprint(self) -> Iterator[bytes]:
        yield from super().fingerprint()
        for record in self.parts.train:
            yield transcript_of(record).encode("utf-8", "surrogatepass")

    def card(self, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
        return card_text(
            config,
            metrics,
            what="transcriber",
            does="It writes down what is said in a recording",
            rows=self.score_rows(metrics),
            baseline=self.baseline_name,
            size=f"{metrics['train_recordings']:,} recordings",
            labels={},
            limits="it writes only units that its training transcripts held",
            file="recording.wav",
            given="recording.wav",
        )
