"""Sources and targets of a comparison of translators."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from tidegate.comparison.materials.material import CutMaterial, Portion, shown_answer, shown_input, timed
from tidegate.data import Source, TextRecord
from tidegate.data.pairs import Entry, read_pairs, split_entries
from tidegate.data.units import WordUnits
from tidegate.runtime import TranslateModel
from tidegate.scoring.outcomes import Examples, Outcomes
from tidegate.scoring.translation import bleu_counts
from tidegate.training.files import RunFiles
from tidegate.training.recipe import Recipe
from tidegate.training.translation.corpus import corpus_of, kind_of
from tidegate.training.translation.recipe import TranslateRecipe
from tidegate.training.translation.task import TranslateTask

# How far behind the source a session answers that is timed.
_WAIT = 3


class PairMaterial(CutMaterial[Entry]):
    """Entries; an example is a source with all its targets."""

    recipe: TranslateRecipe

    def __init__(self, files: RunFiles, recipe: TranslateRecipe) -> None:
        parts = [
            read_pairs(part, source=recipe.source, target=recipe.target, stress=recipe.stress) if part else None
            for part in (files.train, files.dev, files.test)
        ]
        train, dev, test = (list(part.entries) if part else [] for part in parts)
        if not test and recipe.test_share:
            train, test, _ = split_entries(train, dev_share=recipe.test_share, test_share=0.0, seed=recipe.seed)
        super().__init__(train, dev, test, recipe.model_copy(update={"test_share": 0.0}))
        self._is_lexicon = bool(parts[0] and parts[0].is_lexicon)
        self.notes = list(dict.fromkeys(note for part in parts if part for note in part.notes))
        unit = recipe.source_unit if recipe.source_unit != "auto" else "char" if self._is_lexicon else kind_of([e.source for e in train])
        self._has_words = unit != "char"

    def held_out(self, records: list[Entry]) -> tuple[list[Entry], list[Entry]]:
        train, dev, _ = split_entries(records, dev_share=self.recipe.dev_share, test_share=0.0, seed=self.recipe.seed)
        return train, dev

    def as_texts(self, records: Sequence[Entry]) -> list[TextRecord]:
        # As it stands: sources that differ in capitals alone are other sources here.
        return [TextRecord(entry.source.encode("utf-8", "surrogatepass").hex(), Source(entry.place, 0)) for entry in records]

    def content(self, record: Entry) -> bytes:
        return repr((record.source, record.targets)).encode("utf-8", "surrogatepass")

    def task(self, portion: Portion[Entry], recipe: Recipe) -> TranslateTask:
        assert isinstance(recipe, TranslateRecipe)
        return TranslateTask(recipe, corpus_of(portion.train, portion.dev, portion.test, recipe, is_lexicon=self._is_lexicon))

    def examples(self, portion: Portion[Entry]) -> Examples:
        return Examples(
            inputs=tuple(shown_input(entry.source) for entry in portion.scored),
            right=tuple(shown_answer(" | ".join(entry.targets)) for entry in portion.scored),
            lengths=tuple(len(entry.source.split() if self._has_words else entry.source) for entry in portion.scored),
            length_name="words" if self._has_words else "characters",
        )

    def outcomes(self, task: TranslateTask, model: TranslateModel, portion: Portion[Entry]) -> Outcomes:
        return pair_outcomes(model.predict([entry.source for entry in portion.scored]), portion, task)

    def answer_all(self, model: TranslateModel, portion: Portion[Entry]) -> int:
        deque(model.translate_all([entry.source for entry in portion.scored]), maxlen=0)
        return len(portion.scored)

    def step_seconds(self, model: TranslateModel, portion: Portion[Entry], *, most_seconds: float) -> list[float] | None:
        if not model.is_simultaneous:
            return None
        return timed(_steps(model, portion.scored), most_seconds=most_seconds)


def pair_outcomes(given: Sequence[str], portion: Portion[Entry], task: TranslateTask) -> Outcomes:
    """Of a target for each source, by the task's score: BLEU, or how many are one of the right targets."""
    units = task.corpus.target_units
    answers, rights = list(given), [entry.targets for entry in portion.scored]
    if isinstance(units, WordUnits) and units.lowercase:
        answers, rights = [text.lower() for text in answers], [tuple(text.lower() for text in each) for each in rights]
    if task.score_name == "bleu":
        counts = bleu_counts(answers, rights)
    else:
        if units.kind == "token":
            answers, rights = [_tokens(text) for text in answers], [tuple(map(_tokens, each)) for each in rights]
        counts = np.array([(answer in right, 1) for answer, right in zip(answers, rights, strict=True)], dtype=np.float64)
    return Outcomes(
        score_name=task.score_name,
        rule="bleu" if task.score_name == "bleu" else "share",
        lower_is_better=False,
        counts=counts,
        given=tuple(map(shown_answer, given)),
    )


def _tokens(text: str) -> str:
    return " ".join(text.split())


def _steps(model: TranslateModel, entries: Sequence[Entry]) -> Iterator[Callable[[], object]]:
    """What feeds sessions with the sources, a unit at a time."""
    for entry in entries:
        session = model.session(_WAIT)
        pieces = entry.source if model.source_units.kind == "char" else [f"{word} " for word in entry.source.split()]
        for piece in pieces:
            yield partial(session.feed, piece)
