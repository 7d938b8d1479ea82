"""Which options and forms fit which kind of model; what does not fit is refused with one message."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from tidegate.errors import RecipeError, nearest
from tidegate.runtime import (
    ClassifyModel,
    FillModel,
    ForecastModel,
    GenerateModel,
    Model,
    SequenceClassifyModel,
    SequenceTagModel,
    TranscribeModel,
    TranslateModel,
)

Kind = Literal["tag", "classify", "write", "blanks", "translate", "forecast", "fill", "classify-sequence", "tag-sequence", "transcribe"]
Fitting = Mapping[Kind, tuple[str, ...]]

_WHOM: dict[Kind, str] = {
    "tag": "a tagger",
    "classify": "a classifier",
    "write": "a language model that writes text",
    "blanks": "a two-way language model",
    "translate": "a translator",
    "forecast": "a forecaster",
    "fill": "a filler of time series",
    "classify-sequence": "a classifier of sequences",
    "tag-sequence": "a tagger of sequences",
    "transcribe": "a transcriber",
}
# What is called one thing where it fits both.
_TOGETHER: dict[tuple[Kind, Kind], str] = {
    ("write", "blanks"): "a language model",
    ("classify", "classify-sequence"): "a classifier",
    ("tag", "tag-sequence"): "a tagger",
}
_DOES: dict[Kind, str] = {
    "tag": "this model tags tokens",
    "classify": "this model classifies texts",
    "write": "this model writes text",
    "blanks": "this model fills blanks",
    "translate": "this model translates",
    "forecast": "this model forecasts",
    "fill": "this model fills the holes of time series",
    "classify-sequence": "this model classifies sequences",
    "tag-sequence": "this model tags the steps of sequences",
    "transcribe": "this model transcribes speech",
}
_SAMPLING = ("--length", "--temperature", "--top-k", "--top-p", "--stop", "--seed")
_SEARCH = ("--beam", "--n-best", "--length-penalty", "--coverage-penalty", "--wait-k")
PREDICT: Fitting = {
    "tag": ("--abstain-below", "--input", "--with-input", "--batch-tokens"),
    "classify": ("--threshold", "--abstain-below", "--text", "--input", "--with-input", "--batch-tokens"),
    "write": ("--prompt", *_SAMPLING),
    "blanks": ("--prompt", "--n-best"),
    "translate": (*_SEARCH, "--with-attention", "--with-input", "--source"),
    "forecast": ("--future", "--horizon", "--plot"),
    "fill": ("--plot",),
    "classify-sequence": ("--abstain-below", "--lookahead", "--with-input", "--batch-tokens"),
    "tag-sequence": ("--abstain-below", "--lookahead", "--with-input", "--batch-tokens"),
    "transcribe": ("--beam", "--n-best", "--lookahead", "--with-input", "--batch-tokens"),
}
EVALUATE: Fitting = {
    "tag": ("--label", "--plot", "--batch-tokens"),
    "classify": ("--label", "--text", "--plot", "--batch-tokens"),
    "write": (),
    "blanks": (),
    "translate": ("--source", "--target", "--beam", "--wait-k"),
    "forecast": ("--last", "--every", "--scaled"),
    "fill": ("--last",),
    "classify-sequence": ("--label", "--lookahead", "--plot", "--batch-tokens"),
    "tag-sequence": ("--label", "--lookahead", "--plot", "--batch-tokens"),
    "transcribe": ("--text", "--beam", "--lookahead", "--batch-tokens"),
}
# What does nearly the same.
_INSTEAD = {
    ("classify-sequence", "--threshold"): " --abstain-below P gives only what is sure.",
    ("tag-sequence", "--threshold"): " --abstain-below P gives only what is sure.",
    ("tag", "--threshold"): " --abstain-below P gives only what is sure.",
    ("fill", "--horizon"): " What comes after the last row is told by tidegate train forecast.",
    ("fill", "--future"): " What comes after the last row is told by tidegate train forecast.",
}
_FORMS: Fitting = {
    "tag": ("jsonl", "csv", "conllu"),
    "classify": ("jsonl", "csv"),
    "write": ("text", "jsonl"),
    "blanks": ("text", "jsonl"),
    "translate": ("text", "jsonl", "csv"),
    "forecast": ("csv", "jsonl"),
    "fill": ("csv", "jsonl"),
    "classify-sequence": ("jsonl", "csv"),
    "tag-sequence": ("jsonl", "csv"),
    "transcribe": ("jsonl", "csv"),
}
FORMS = tuple(dict.fromkeys(form for forms in _FORMS.values() for form in forms))
_SUFFIXES = {".jsonl": "jsonl", ".json": "jsonl", ".csv": "csv", ".conllu": "conllu", ".txt": "text"}


def kind_of(model: Model) -> Kind:
    """What a model does; language models are of two kinds."""
    if isinstance(model, ForecastModel | FillModel):
        return "forecast" if isinstance(model, ForecastModel) else "fill"
    if isinstance(model, GenerateModel):
        return "blanks" if model.is_two_way else "write"
    if isinstance(model, TranslateModel):
        return "translate"
    if isinstance(model, SequenceClassifyModel | SequenceTagModel):
        return "classify-sequence" if isinstance(model, SequenceClassifyModel) else "tag-sequence"
    if isinstance(model, TranscribeModel):
        return "transcribe"
    return "classify" if isinstance(model, ClassifyModel) else "tag"


def refuse_misfits(kind: Kind, given: Mapping[str, Any], fitting: Fitting) -> None:
    """Refuses options that such a model has no use for.

    Args:
        kind: what the model does.
        given: what the user gave by option, None or False where nothing.
        fitting: the command's options by kind, `PREDICT` or `EVALUATE`.

    Raises:
        RecipeError: the first of them; the message names what fits.
    """
    for option, value in given.items():
        if value is None or value is False or option in fitting[kind]:
            continue
        instead = _INSTEAD.get((kind, option), "")
        fits = f"What fits it: {', '.join(fitting[kind])}." if fitting[kind] else "Leave it out."
        raise RecipeError(f"{option} is for {_those_with(option, fitting)}, and {_DOES[kind]}.{instead} {fits}")


def form_for(kind: Kind, form: str | None, output: Path | None, *, is_terminal: bool) -> str:
    """The form in which answers are written: as asked, else by the suffix of the output, else what suits where they go.

    Raises:
        RecipeError: such a model's answers have no such form.
    """
    by_suffix = _SUFFIXES.get(output.suffix) if output is not None else None
    if form is None and by_suffix == "text" and "text" not in _FORMS[kind]:
        by_suffix = None  # many things end in .txt
    usual = "csv" if kind in ("forecast", "fill") else "text" if is_terminal and "text" in _FORMS[kind] else "jsonl"
    settled = form or by_suffix or usual
    if settled not in _FORMS[kind]:
        raise RecipeError(f"--format {settled} is for {_those_with(settled, _FORMS)}, and {_DOES[kind]}. Use {' or '.join(_FORMS[kind])}.")
    return settled


def check_form(form: str | None) -> None:
    """Refuses a form that no kind of model has, before any model is read."""
    if form is not None and form not in FORMS:
        raise RecipeError(f"--format {form} is not one of {', '.join(FORMS)}.{nearest(form, FORMS)}")


def _those_with(what: str, table: Fitting) -> str:
    having = {kind for kind, entries in table.items() if what in entries}
    named = dict(_WHOM)
    for pair, either in _TOGETHER.items():
        if having.issuperset(pair):
            named |= dict.fromkeys(pair, either)
    names = list(dict.fromkeys(named[kind] for kind in _WHOM if kind in having))
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
