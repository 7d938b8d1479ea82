"""Labelled texts of a comparison."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from tidegate.comparison.materials.label_outcomes import class_outcomes
from tidegate.comparison.materials.material import CutMaterial, Portion, shown_answer, shown_input, timed
from tidegate.data import TextRecord, split_off_texts
from tidegate.data.checking import check_texts
from tidegate.data.text_batches import units_of
from tidegate.runtime import ClassifyModel
from tidegate.scoring.outcomes import Examples, Outcomes
from tidegate.training.classification.corpus import build_corpus, positive_label, read_parts, without_empty
from tidegate.training.classification.recipe import ClassifyRecipe
from tidegate.training.classification.task import ClassifyTask
from tidegate.training.files import RunFiles
from tidegate.training.recipe import Recipe


class TextMaterial(CutMaterial[TextRecord]):
    """Labelled texts; an example is a text."""

    recipe: ClassifyRecipe

    def __init__(self, files: RunFiles, recipe: ClassifyRecipe) -> None:
        self.columns, train, dev, test = read_parts(files, recipe)
        train, notes = without_empty(train)
        # Settled once, so that a smaller share of the data is not scored by another label, or by accuracy where this is scored by F1.
        positive, is_rare = positive_label(recipe, Counter(label for record in train for label in record.labels))
        super().__init__(train, dev, test, recipe.model_copy(update={"positive": positive}) if is_rare else recipe)
        self.notes = [*filter(None, [self.columns.note]), *notes, check_texts({"train": train}).summary]
        if recipe.wide:
            self.notes.append(
                "All networks share the scores of one linear machine on n-grams, so they lie close together; --set wide=false compares "
                "the networks alone."
            )

    def held_out(self, records: list[TextRecord]) -> tuple[list[TextRecord], list[TextRecord]]:
        return split_off_texts(records, share=self.recipe.dev_share, seed=self.recipe.seed)

    def as_texts(self, records: Sequence[TextRecord]) -> list[TextRecord]:
        return list(records)

    def content(self, record: TextRecord) -> bytes:
        return repr((record.text, record.labels, record.group)).encode("utf-8", "surrogatepass")

    def task(self, portion: Portion[TextRecord], recipe: Recipe) -> ClassifyTask:
        assert isinstance(recipe, ClassifyRecipe)
        corpus = build_corpus(portion.train, portion.dev, portion.test, recipe, columns=replace(self.columns, note=""))
        return ClassifyTask(recipe, corpus)

    def examples(self, portion: Portion[TextRecord]) -> Examples:
        records = portion.scored
        unit, longest = self.recipe.unit, self.recipe.max_length
        return Examples(
            inputs=tuple(shown_input(record.text) for record in records),
            right=tuple(shown_answer(", ".join(sorted(record.labels))) for record in records),
            lengths=tuple(len(units_of(record.text, unit, longest)) if record.text.strip() else 0 for record in records),
            length_name="words" if unit == "word" else "characters",
            groups=tuple(record.group or f"{place}" for place, record in enumerate(records))
            if any(record.group for record in records)
            else (),
        )

    def outcomes(self, task: ClassifyTask, model: ClassifyModel, portion: Portion[TextRecord]) -> Outcomes:
        answers = list(model.answers(portion.scored))
        place = {label: number for number, label in enumerate(model.classes)}
        return class_outcomes(
            [record.labels for record in portion.scored],
            [answer.labels for answer in answers],
            [[float(answer.probabilities[place[label]]) for label in answer.labels] for answer in answers],
            score_name=task.score_name,
            positive=task.corpus.positive,
            is_multi_label=task.corpus.is_multi_label,
        )

    def answer_all(self, model: ClassifyModel, portion: Portion[TextRecord]) -> int:
        deque(model.answers(portion.scored), maxlen=0)
        return len(portion.scored)

    def step_seconds(self, model: ClassifyModel, portion: Portion[TextRecord], *, most_seconds: float) -> list[float] | None:
        return None if model.network.stack.is_whole else timed(_steps(model, portion.scored), most_seconds=most_seconds)


def _steps(model: ClassifyModel, records: Sequence[TextRecord]) -> Iterator[Callable[[], object]]:
    """What feeds sessions with the texts, a unit at a time, a decision after each."""
    for record in records:
        session = model.session()
        # Of what is cut off nothing is read, which would pass for fast steps.
        for unit in filter(None, model.cut(record)[1]):
            yield partial(session.feed, unit if model.unit == "char" else f"{unit} ")
