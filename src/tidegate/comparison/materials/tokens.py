"""Sentences of a comparison, a label a token."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from tidegate.comparison.materials.label_outcomes import tag_outcomes
from tidegate.comparison.materials.material import CutMaterial, Portion, shown_answer, shown_input, timed
from tidegate.data import TextRecord, TokenRecord, split_off
from tidegate.runtime import TagModel
from tidegate.scoring.outcomes import Examples, Outcomes
from tidegate.training.files import RunFiles
from tidegate.training.recipe import Recipe
from tidegate.training.tagging.corpus import build_corpus, read_parts
from tidegate.training.tagging.recipe import TagRecipe
from tidegate.training.tagging.task import TagTask

POSITIONS = "word of the sentence"


class TokenMaterial(CutMaterial[TokenRecord]):
    """Sentences with labelled tokens; an example is a sentence, and the first label column is what is compared."""

    recipe: TagRecipe

    def __init__(self, files: RunFiles, recipe: TagRecipe) -> None:
        train, dev, test = read_parts(files, recipe)
        super().__init__([record for record in train if record.tokens], dev, test, recipe)
        self._column = next(iter(self.train[0].labels), "") if self.train else ""

    def held_out(self, records: list[TokenRecord]) -> tuple[list[TokenRecord], list[TokenRecord]]:
        return split_off(records, share=self.recipe.dev_share, seed=self.recipe.seed)

    def as_texts(self, records: Sequence[TokenRecord]) -> list[TextRecord]:
        return [TextRecord("\n".join(record.tokens), record.source) for record in records]

    def content(self, record: TokenRecord) -> bytes:
        return repr((record.tokens, sorted(record.labels.items()))).encode("utf-8", "surrogatepass")

    def task(self, portion: Portion[TokenRecord], recipe: Recipe) -> TagTask:
        assert isinstance(recipe, TagRecipe)
        return TagTask(recipe, build_corpus(portion.train, portion.dev, portion.test, recipe))

    def examples(self, portion: Portion[TokenRecord]) -> Examples:
        records = portion.scored
        return Examples(
            inputs=tuple(shown_input(record.text or " ".join(record.tokens)) for record in records),
            right=tuple(shown_answer(" ".join(record.labels[self._column])) for record in records),
            lengths=tuple(len(record) for record in records),
            length_name="words",
        )

    def outcomes(self, task: TagTask, model: TagModel, portion: Portion[TokenRecord]) -> Outcomes:
        column = task.corpus.vocabulary.columns[0]
        answers = list(model.answers(portion.scored))
        return tag_outcomes(
            [record.labels[column.name] for record in portion.scored],
            [[str(label) for label in answer.columns[column.name]] for answer in answers],
            [answer.probabilities[column.name] for answer in answers],
            scheme=column.scheme,
            position_name=POSITIONS,
        )

    def answer_all(self, model: TagModel, portion: Portion[TokenRecord]) -> int:
        deque(model.answers(portion.scored), maxlen=0)
        return len(portion.scored)

    def step_seconds(self, model: TagModel, portion: Portion[TokenRecord], *, most_seconds: float) -> list[float] | None:
        return None if model.network.stack.is_whole else timed(_steps(model, portion.scored), most_seconds=most_seconds)


def _steps(model: TagModel, records: Sequence[TokenRecord]) -> Iterator[Callable[[], object]]:
    """What feeds sessions with the sentences, a token at a time."""
    for record in records:
        session = model.session()
        for token in record.tokens:
            yield partial(session.feed, token)
