"""Which part of an explanation is shown: layers, a direction, a gate; and of a long input which stretch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tidegate.errors import RecipeError, listed, nearest
from tidegate.explanation.views.sentences import Content, counted

# Of the stretches of an input those are as good as the best that hold so much of what it holds.
_AS_GOOD = 0.99


def chosen(content: Content, *, layer: int | None = None, direction: str | None = None, gate: str | None = None) -> dict[str, Any]:
    """An explanation's JSON with these alone; all where nothing is said.

    Args:
        layer: counted from 1, the lowest.
        direction: 'forward' or 'backward'.
        gate: by its letter; n, g and h too.

    Raises:
        RecipeError: the model has no such layer, direction or gate; the message names those that it has.
    """
    layers = [layer for panel in content["panels"] for layer in panel["layers"]]
    arch = content["arch"]
    numbers = {shown["layer"] + 1 for shown in layers}
    if layer is not None and layer not in numbers:
        raise RecipeError(f"--layer {layer}: this {arch} has {_spoken_numbers(numbers)}. Layers are counted from 1, the lowest.")
    directions = sorted({shown["direction"] for shown in layers}, reverse=True)
    if direction is not None and direction not in directions:
        if direction not in ("forward", "backward"):
            raise RecipeError(f"--direction {direction} is neither forward nor backward.{nearest(direction, ('forward', 'backward'))}")
        raise RecipeError(f"--direction {direction}: this {arch} has {' and '.join(directions)} only.")
    names = list(dict.fromkeys(name for shown in layers for name in shown["gates"]))
    if gate is not None and gate not in names:
        raise RecipeError(f"--gate {gate}: {_gates_there_are(content, names)}{nearest(gate, names)}")

    def is_shown(shown: Content) -> bool:
        return (layer is None or shown["layer"] == layer - 1) and (direction is None or shown["direction"] == direction)

    def cut(shown: Content) -> dict[str, Any]:
        return {**shown, "gates": {name: values for name, values in shown["gates"].items() if gate in (None, name)}}

    panels = [{**panel, "layers": [cut(shown) for shown in panel["layers"] if is_shown(shown)]} for panel in content["panels"]]
    return {**content, "panels": panels}


def _spoken_numbers(numbers: set[int]) -> str:
    return "1 layer" if len(numbers) == 1 else f"layers 1 to {max(numbers)}"


def _gates_there_are(content: Content, names: list[str]) -> str:
    layers = [layer for panel in content["panels"] for layer in panel["layers"]]
    roles = {name: layer["gates"][name]["role"] for layer in layers for name in layer["gates"]}
    told = listed([f"{name} ({roles[name]})" for name in names], most=9)
    if names in ([], ["h"]):
        return f"an {content['arch']} has no gates{'; its state h is what can be shown' if names else ''}."
    return f"this {content['arch']} has no such gate. It has {told}."


def checked_step(content: Content, step: int) -> int:
    """The place from 0 of a step that is counted from 1.

    Raises:
        RecipeError: no panel is so long.
    """
    longest = max((len(panel["units"]) for panel in content["panels"]), default=0)
    if not 1 <= step <= longest:
        name = content["panels"][0]["unit_name"] if content["panels"] else "step"
        raise RecipeError(f"--step {step}: the input has {counted(longest, name)}. Steps are counted from 1.")
    return step - 1


def checked_unit(content: Content, unit: int) -> int:
    """The place from 0 of a unit that is counted from 1.

    Raises:
        RecipeError: a layer that is shown has fewer.
    """
    fewest = min((layer["hidden_size"] for panel in content["panels"] for layer in panel["layers"]), default=0)
    if not 1 <= unit <= fewest:
        raise RecipeError(f"--unit {unit}: a layer has {counted(fewest, 'unit')}. They are counted from 1.")
    return unit - 1


def stretch_of(content: Content, panel: Content, most: int, around: int | None = None) -> tuple[int, int, str]:
    """Where the shown part of a panel begins and ends, and a sentence that says so; empty where all is shown.

    Of a longer input the stretch on which the answer hangs most, and of several that are as good that about the strongest unit; without
    such numbers the first `most`. `around` a step, if given.
    """
    length, name = len(panel["units"]), panel["unit_name"]
    if length <= most:
        return 0, length, ""
    influence = content["influence"]
    if around is not None:
        begin, why = around - most // 2, f"around {name} {around + 1}"
    elif influence and influence["panel"] == panel["name"] and len(influence["occlusion"]) == length:
        weights = [abs(value) for value in influence["occlusion"]]
        sums = [sum(weights[:most])]
        for step in range(most, length):
            sums.append(sums[-1] + weights[step] - weights[step - most])
        middle = max(range(length), key=weights.__getitem__) - most // 2
        good = [place for place, total in enumerate(sums) if total >= _AS_GOOD * max(sums)]
        begin, why = min(good, key=lambda place: abs(place - middle)), "on which the answer hangs most"
    else:
        begin, why = 0, "the first"
    begin = min(max(begin, 0), length - most)
    return begin, begin + most, f"{name}s {begin + 1:,} to {begin + most:,} of {length:,}, {why}; a page (--out FILE.html) has all of them"


def weights_along(content: Content, panel: Content) -> Sequence[float]:
    """How much of each unit attention read into the answer, if that is one; empty where there are several, or no attention."""
    attention = content["attention"]
    if not attention or len(attention["targets"]) != 1 or attention["sources"] != panel["units"]:
        return []
    weights: Sequence[float] = attention["weights"][0]
    return weights
