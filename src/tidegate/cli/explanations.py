"""What `tidegate explain` reads and writes: one input by text or out of a file, and its explanation printed or as a file."""

from __future__ import annotations

import json
import sys
import tempfile
import webbrowser
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.artefact import write_atomically
from tidegate.cli.inputs import Inputs, Sources, plain_lines
from tidegate.cli.progress import steps_shown
from tidegate.cli.standard_input import named_files
from tidegate.data.words import tokenise
from tidegate.errors import DataError, OutputError, RecipeError, listed, nearest
from tidegate.explanation.equation import equation_of
from tidegate.explanation.explain import explain
from tidegate.explanation.explanation import Explanation
from tidegate.explanation.panel import LayerView
from tidegate.explanation.subjects.subject import PlaceError, spoken_range
from tidegate.explanation.views.choice import checked_step, checked_unit, chosen
from tidegate.explanation.views.sentences import Content, seen
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

_SUFFIXES = (".html", ".svg", ".json")
# Units to read that take some seconds.
_LONG = 300_000


def check_out(out: Path | None, *, is_opened: bool, is_survey: bool) -> None:
    """Refuses a place whose name says no form, before anything is computed.

    Raises:
        OutputError: not .html, .svg or .json; a picture of a survey; something other than a page that is to be opened.
    """
    if out is None:
        return
    suffix = out.suffix.lower()
    if suffix not in _SUFFIXES:
        raise OutputError(f"--out {out}: the name says no form. End it in {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}.")
    if is_survey and suffix == ".svg":
        raise OutputError(f"--out {out}: a survey is no picture. End it in .html or .json.")
    if is_opened and suffix != ".html":
        raise OutputError(f"--open opens a page, and --out {out} is none. End it in .html, or leave --open out.")


def given_to(model: Any, words: Sequence[str], file: Path | None, record: int | None, *, quiet: bool) -> Any:
    """The one input, as `tidegate.explain` takes it.

    Args:
        words: of the text on the command line; "-" alone is standard input.
        record: which of the file's records, from 1; None for the first.

    Raises:
        DataError: nothing was given, a file cannot be read, or has no such record.
        RecipeError: both a text and a file, or a text for a model of numbers or sound.
    """
    if words and file is not None:
        raise RecipeError(f"both a text and --file {file} were given. Give one of them.")
    if not words and file is None:
        reads = "--file FILE" if _reads_files(model) else "a text, or --file FILE"
        raise DataError(f"nothing to explain was given. Give {reads}.")
    if record is not None and file is None:
        raise RecipeError("--record is for --file FILE, which may hold several. Leave it out.")
    if _reads_files(model):
        names = [str(file)] if file is not None else list(words)
        return _of_files(model, names, record, quiet=quiet)
    if file is None and words != ["-"]:
        text = " ".join(words)
        if not quiet and _is_file(text):
            print(f"{text} is read as a text; a file is read with --file {text}", file=sys.stderr)
        return text
    return _one_of(_records(model, str(file) if file is not None else "-", quiet=quiet), record, file, quiet=quiet)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a character that none can have
        return False


def _reads_files(model: Any) -> bool:
    """Whether a model reads tables or sound, which no one writes on a command line."""
    return isinstance(model, ForecastModel | FillModel | SequenceClassifyModel | SequenceTagModel | TranscribeModel)


def _of_files(model: Any, names: list[str], record: int | None, *, quiet: bool) -> Any:
    if isinstance(model, ForecastModel | FillModel):
        if record is not None:
            raise RecipeError("--record is for files of records, and this model reads series. --series NAME names one.")
        if "-" not in names:
            return names
        with named_files(names) as paths:
            return model.panel(paths) if isinstance(model, FillModel) else model.read(paths)
    with named_files(names) as paths:
        return _one_of(iter(model.read(paths)), record, Path(names[0]), quiet=quiet)


def _records(model: Any, name: str, *, quiet: bool) -> Iterable[Any]:
    if isinstance(model, TagModel):
        return (
            record.text if record.text is not None else list(record.tokens) for record in Inputs(model, "auto", "", quiet).of_files([name])
        )
    if isinstance(model, ClassifyModel):
        return (record.text for record in Inputs(model, "auto", "", quiet).of_files([name]))
    if isinstance(model, TranslateModel):
        return (record.text for record in Sources(model, "", quiet).of_files([name]))
    assert isinstance(model, GenerateModel)
    return (record.text for record in plain_lines([name]))


def _one_of(records: Iterable[Any], record: int | None, file: Path | None, *, quiet: bool) -> Any:
    wanted = record or 1
    where = "standard input" if file is None or str(file) == "-" else str(file)
    seen_so_far = 0
    found = None
    for given in islice(records, wanted + 1):
        seen_so_far += 1
        if seen_so_far == wanted:
            found = given
    if found is None:
        has = f"has {seen_so_far} records" if seen_so_far != 1 else "has 1 record"
        raise DataError(
            f"{where} is empty; one record to explain was expected." if not seen_so_far else f"--record {wanted}: {where} {has}."
        )
    if record is None and seen_so_far > 1 and not quiet:
        print(f"{where} has more than one record; the first is explained. --record N names another.", file=sys.stderr)
    return found


def answer_at(model: Any, given: Any, at: str | None) -> int | None:
    """The place from 0 of --at, a number from 1 or a word that occurs once.

    Raises:
        RecipeError: no such word, several, or a word where only a number can be meant.
    """
    if at is None:
        return None
    if at.lstrip("-").isdecimal():
        if int(at) < 1:
            raise RecipeError(f"--at {at}: words are counted from 1.")
        return int(at) - 1
    if isinstance(model, GenerateModel) and isinstance(given, str):
        units = list(given) if model.config["recipe"].get("unit") == "char" else given.split()
    elif isinstance(model, TagModel):
        units = list(given) if not isinstance(given, str) else [given[begin:end] for begin, end in tokenise(given)]
    else:
        raise RecipeError(f"--at {at}: a number from 1 was expected, of the place in the input whose answer is explained.")
    places = [place for place, unit in enumerate(units) if unit == at]
    if not places:
        raise RecipeError(f"--at {at}: no such word stands in the input: {listed(map(seen, units), most=12)}.{nearest(at, units)}")
    if len(places) > 1:
        raise RecipeError(f"--at {at} stands there {len(places)} times. Give its number: {', '.join(str(p + 1) for p in places)}.")
    return places[0]


def explained(model: Any, given: Any, options: Mapping[str, Any], *, gradients: bool, quiet: bool) -> Explanation:
    """The explanation of one input; `options` are those of `tidegate.explain` that were given. Where it takes long a bar is shown.

    Raises:
        what `tidegate.explain` raises; of places and options by their names and numbers on the command line.
    """
    asked = {**options, "gradients": True} if gradients else dict(options)
    try:
        with steps_shown("taking words away", is_shown=not quiet, least=_LONG) as told:
            return explain(model, given, told=told, **asked)
    except PlaceError as error:
        first, last = (place + 1 for place in error.places)
        raise RecipeError(f"--at {options['at'] + 1}: {error.expected}, {spoken_range(first, last)} was expected.") from error


def shown_content(
    found: Explanation, *, layer: int | None, direction: str | None, gate: str | None, step: int | None, unit: int | None, with_units: bool
) -> tuple[dict[str, Any], int | None]:
    """The JSON of what was asked for, and the step from 0 that was asked for or chosen; None for no step.

    With a step or a unit the JSON has `equations` of it and says where it is `shown`. A step alone takes the unit whose state moves most
    there, a unit alone the step at which its state departs most from its mean.

    Raises:
        RecipeError: no such layer, direction, gate, step or unit.
    """
    content = chosen(found.to_json(with_units=with_units), layer=layer, direction=direction, gate=gate)
    if step is None and unit is None:
        return content, None
    place = None if step is None else checked_step(content, step)
    own = None if unit is None else checked_unit(content, unit)
    equations, first = [], None
    for number, (panel, shown) in enumerate(zip(found.panels, content["panels"], strict=True)):
        views = {(view.trace.stack, view.trace.number, view.trace.direction): view for view in panel.layers}
        for index, shown_layer in enumerate(shown["layers"]):
            view = views[shown_layer["stack"], shown_layer["layer"], shown_layer["direction"]]
            if place is not None and place >= len(panel.units):
                continue
            at, of = _moment(view, place, own)
            key = {name: shown_layer[name] for name in ("stack", "layer", "direction", "title")}
            equation = equation_of(view.trace, at, of)
            equations.append({**key, "panel": panel.name, "word": panel.units[at], **equation.to_json(), "text": equation.text})
            if first is None:
                first = {"panel": number, "layer": index, "step": at, "unit": of}
    return {**content, "equations": equations, "shown": first}, first["step"] if first else place


def _moment(view: LayerView, step: int | None, unit: int | None) -> tuple[int, int]:
    """The step and unit that were asked for; what was not is chosen where the state moves most."""
    states = view.trace.states
    if step is None:
        assert unit is not None
        own = states[:, unit]
        return int(np.abs(own - own.mean()).argmax()), unit
    if unit is None:
        return step, int(np.abs(states[step] - view.trace.before[step]).argmax())
    return step, unit


def numbered(content: Content) -> list[str]:
    """The equations as lines for the terminal."""
    lines: list[str] = []
    for equation in content.get("equations", ()):
        head = f"{equation['title']}, unit {equation['unit'] + 1}, step {equation['step'] + 1} ({seen(equation['word'])}):"
        lines += ["", head, *(f"  {line}" for line in equation["text"].splitlines())]
    return lines


def write_out(out: Path | None, content: Mapping[str, Any], *, step: int | None = None) -> Path:
    """Writes a page, a picture or JSON, by the name's suffix; without a name a page in a temporary folder. Gives its place.

    Raises:
        OutputError: the place cannot be written.
    """
    path = out if out is not None else Path(tempfile.mkdtemp(prefix="tidegate-")) / "gates.html"
    form = path.suffix.lower()
    if form == ".json":
        text = json.dumps(content, ensure_ascii=False) + "\n"
    elif form == ".svg":
        from tidegate.explanation.views.svg import svg_of

        text = svg_of(content, step=step)
    elif content["format"] == "tidegate-gate-survey":
        from tidegate.explanation.views.survey_page import survey_page_of

        text = survey_page_of(content)
    else:
        from tidegate.explanation.views.page import page_of

        text = page_of(content)
    with write_atomically(path) as file:
        file.write(text.encode("utf-8", "surrogatepass" if form == ".json" else "replace"))
    return path


def opened(path: Path, *, is_opened: bool, quiet: bool) -> None:
    """Says where the file is, and opens it if asked to."""
    if not quiet:
        print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
    if is_opened and not webbrowser.open(path.resolve().as_uri()):
        print(f"no browser could be opened; {path} can be opened by hand.", file=sys.stderr)
