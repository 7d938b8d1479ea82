"""`tidegate.explain`: one input of one trained model, explained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tidegate.decoding.sampling import is_whole
from tidegate.errors import RecipeError
from tidegate.explanation.explanation import Explanation
from tidegate.explanation.gradients.integrated import integrated_gradients
from tidegate.explanation.influence import influence_of
from tidegate.explanation.subjects import subject_of
from tidegate.explanation.trace import traced
from tidegate.kernels import architecture
from tidegate.runtime import load

# Fewer draws by chance say little.
LEAST_DRAWS = 50


def explain(
    model: Any,
    input: Any,
    *,
    at: int | None = None,
    label: str | None = None,
    series: str | None = None,
    target: str | None = None,
    future: Any = None,
    influence: bool = True,
    gradients: bool = False,
    draws: int = LEAST_DRAWS,
    seed: int = 1,
    told: Callable[[int, int], None] | None = None,
) -> Explanation:
    """What the model did with one input: gates of every layer and direction at every step, and what its answer hangs on. No torch,
    but for gradients.

    Args:
        model: what `tidegate.load` gave, a model directory's path, or a fitted estimator.
        input: one input as the model's `predict` takes them in a list.
        at: explains the answer at that unit, counted from 0, where every unit has one; of a forecaster at that step ahead, of a translator
            at that unit of the target, of a filler in the gap with that step. None for the answer to the whole.
        label: whose score is explained, of a classifier; None for the label answered.
        series, target: of several series the one that is explained.
        future: of a forecaster that reads covariates known ahead, files or a frame of the rows that come after.
        influence: False leaves out what the answer hangs on, which asks the model anew for every unit; gates are then all there is.
        gradients: whether integrated gradients of the score are there too, beside what is measured by taking units away; of a forecast or
            a filling those of the number told. Needs the extra 'train'.
        draws: sets of units drawn by chance, against which those called important are checked; 50 or more.
        seed: of these.
        told: is told while influence is looked for how many units of the input were read and how many will be, as far as that is known.

    Raises:
        ModelError: the path holds no model.
        NotFittedError: an estimator that was not fitted.
        DataError: an input that the model cannot read, or an empty one.
        RecipeError: an option out of its range, or one that means nothing for such a model.
        MissingExtraError: gradients without PyTorch and captum.
    """
    if gradients and not influence:
        raise RecipeError("gradients were asked for with influence=False, which leaves them out. Leave influence out.")
    if not is_whole(draws, least=LEAST_DRAWS):
        raise RecipeError(f"draws is {draws}; expected how many sets of units are drawn by chance, {LEAST_DRAWS} or more.")
    runtime = _runtime_model(model)
    subject = subject_of(runtime, input, at=at, label=label, series=series, target=target, future=future)
    traces = traced(subject.stacks, lambda: subject.said)
    arch = architecture(subject.config["network"]["arch"])
    if arch.cell == "rnn":
        subject.notes.append(f"an {arch.name} has no gates: its states are shown, and how long it keeps the past cannot be read off them.")
    found = influence_of(subject, draws=int(draws), seed=seed, told=told) if influence else None
    if found is not None and gradients:
        attributed = integrated_gradients(subject)
        found = replace(found, gradient=attributed.units, gradient_of=attributed.of, channel_gradient=attributed.channels)
    return Explanation(
        task=subject.config["task"],
        arch=arch.name,
        title=arch.title,
        source=subject.source,
        answer=subject.said.answer,
        panels=subject.panels(traces),
        influence=found,
        attention=subject.attention(),
        notes=tuple(subject.notes),
    )


def _runtime_model(model: Any) -> Any:
    if isinstance(model, str | Path):
        return load(model)
    fitted = getattr(model, "_fitted", None)  # of an estimator, which says so where it is not
    return model if fitted is None else fitted()
