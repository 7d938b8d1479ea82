"""Running text of a comparison of language models, cut by position."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from tidegate.comparison.materials.material import Portion, UncutMaterial, shown_input, timed
from tidegate.data.streams import Stream, encode_files
from tidegate.runtime import GenerateModel
from tidegate.scoring.outcomes import Counts, Examples, Outcomes
from tidegate.training.files import RunFiles
from tidegate.training.generation.corpus import corpus_of
from tidegate.training.generation.recipe import GenerateRecipe
from tidegate.training.generation.task import GenerateTask
from tidegate.training.recipe import Recipe

# Units of a block.
_BLOCK = 200
# Units whose steps are timed at most.
_TIMED = 20_000


@dataclass(frozen=True, slots=True)
class Block:
    """Units `begin` to `end` of a text."""

    stream: Stream
    begin: int
    end: int


class RunningTextMaterial(UncutMaterial[Block]):
    """A training text, a development text and perhaps a test text; an example is a block of units one after another, so that what
    differs from place to place differs from example to example. All architectures read one way, or all of them both."""

    recipe: GenerateRecipe

    def __init__(self, files: RunFiles, recipe: GenerateRecipe) -> None:
        streams = encode_files(files.train, files.dev, files.test, **recipe.reading())
        self._corpus = corpus_of(streams, recipe)
        super().__init__([], _blocks(streams.dev), _blocks(streams.test) if streams.test is not None else [], recipe)
        self.notes = list(self._corpus.notes)
        self._task: GenerateTask | None = None

    def task(self, portion: Portion[Block], recipe: Recipe) -> GenerateTask:
        assert isinstance(recipe, GenerateRecipe)
        if self._task is None:
            self._task = GenerateTask(recipe, self._corpus)
        return self._task.with_seed(recipe.seed)

    def fingerprint(self) -> str:
        sha = hashlib.sha256(repr(self._corpus.units.texts).encode("utf-8", "surrogatepass"))
        for part in (self._corpus.train, self._corpus.dev, self._corpus.test):
            sha.update(np.ascontiguousarray(part.ids).tobytes() if part is not None else b"")
            sha.update(b"|")
        return sha.hexdigest()

    def examples(self, portion: Portion[Block]) -> Examples:
        decode = self._corpus.units.decode
        return Examples(
            inputs=tuple(shown_input(decode(block.stream.ids[block.begin : block.end].tolist())) for block in portion.scored),
            right=("",) * len(portion.scored),
            lengths=tuple(block.end - block.begin for block in portion.scored),
            length_name=self._corpus.noun,
        )

    def outcomes(self, task: GenerateTask, model: GenerateModel, portion: Portion[Block]) -> Outcomes:
        return block_outcomes(model.unit_nats(portion.scored[0].stream), portion, task)

    def answer_all(self, model: GenerateModel, portion: Portion[Block]) -> int:
        model.evaluate_stream(portion.scored[0].stream)
        return len(portion.scored)

    def step_seconds(self, model: GenerateModel, portion: Portion[Block], *, most_seconds: float) -> list[float] | None:
        if model.is_two_way:
            return None
        return timed(self._steps(model, portion.scored[0].stream), most_seconds=most_seconds)

    def _steps(self, model: GenerateModel, stream: Stream) -> Iterator[Callable[[], object]]:
        """What feeds a session with the text, a character at a time or a word."""
        text = model.units.decode([unit for unit in stream.ids[:_TIMED].tolist() if unit])
        session = model.session()
        return (partial(session.feed, piece) for piece in (text if model.units.kind == "char" else text.split()))


def block_outcomes(nats: Counts, portion: Portion[Block], task: GenerateTask) -> Outcomes:
    """Of the nats [N] of each unit of the text that the blocks lie in."""
    begins = [block.begin for block in portion.scored]
    lengths = np.array([block.end - block.begin for block in portion.scored], dtype=np.float64)
    counts = np.stack([np.add.reduceat(nats, begins), lengths], axis=1)
    return Outcomes(
        score_name=task.score_name,
        rule="share",
        lower_is_better=True,
        counts=counts,
        given=tuple(f"{value:.3f} nats each" for value in (counts[:, 0] / lengths).tolist()),
    )


def _blocks(stream: Stream) -> list[Block]:
    return [Block(stream, begin, min(begin + _BLOCK, len(stream))) for begin in range(0, len(stream), _BLOCK)]
