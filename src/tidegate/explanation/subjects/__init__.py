"""What can be explained: a module for each family of models, each with its `Subject`."""

from __future__ import annotations

from typing import Any

from tidegate.errors import RecipeError
from tidegate.explanation.subjects.classify import ClassifySubject
from tidegate.explanation.subjects.fill import FillSubject
from tidegate.explanation.subjects.forecast import ForecastSubject
from tidegate.explanation.subjects.generate import GenerateSubject
from tidegate.explanation.subjects.sequences import SequenceClassifySubject, SequenceTagSubject, TranscribeSubject
from tidegate.explanation.subjects.subject import Subject
from tidegate.explanation.subjects.tag import TagSubject
from tidegate.explanation.subjects.translate import TranslateSubject
from tidegate.runtime import (
    ClassifyModel,
    FillModel,
    ForecastModel,
    GenerateModel,
    SequenceClassifyModel,
    SequenceTagModel,
    TagModel,
    TranscribeModel,
    TranslateModel,
)

__all__ = ["Subject", "subject_of"]

_SUBJECTS: dict[type, type[Any]] = {
    ClassifyModel: ClassifySubject,
    FillModel: FillSubject,
    ForecastModel: ForecastSubject,
    GenerateModel: GenerateSubject,
    SequenceClassifyModel: SequenceClassifySubject,
    SequenceTagModel: SequenceTagSubject,
    TagModel: TagSubject,
    TranscribeModel: TranscribeSubject,
    TranslateModel: TranslateSubject,
}


def subject_of(model: Any, given: Any, **options: Any) -> Subject:
    """The subject of a runtime model and one input; options that are None are left out.

    Raises:
        RecipeError: nothing that can be explained, or an option that such a model has no use for.
        DataError: an input that the model cannot read.
    """
    kind = _SUBJECTS.get(type(model))
    if kind is None:
        known = ", ".join(known.__name__ for known in _SUBJECTS)
        raise RecipeError(f"a {type(model).__name__} was given to be explained; expected a model directory or one of {known}.")
    chosen = {name: value for name, value in options.items() if value is not None}
    for name in chosen:
        if name not in kind.OPTIONS:
            takes = f"it takes {', '.join(kind.OPTIONS)}" if kind.OPTIONS else "it takes no such option"
            raise RecipeError(f"{name} was given, which means nothing for a {type(model).__name__}; {takes}. Leave it out.")
    subject: Subject = kind.of_model(model, given, **chosen)
    return subject
