"""JSON Lines with spans or labels: one JSON object a line, four forms.

- `{"text": "…", "spans": [{"start": 0, "end": 5, "label": "LOC"}]}`: characters, end exclusive. `entities` may stand for `spans`,
  `slot` or `type` for `label`, `[0, 5, "LOC"]` for the object, and doccano's `label` or `labels` for `spans`.
- `{"tokens": ["…"], "labels": ["…"]}`: a label per token; any list of strings as long as `tokens` is a label column under its key.
- `{"tokens": ["…"], "spans": [{"start": 0, "end": 2, "label": "LOC"}]}`: tokens counted from 0, end exclusive.
- `{"chunks": [{"text": "add "}, {"text": "Diamonds", "slot": "entity_name"}]}`: the chunks joined are the text (Snips).

Spans become IOB2 labels. Text is cut into words between the boundaries of spans, so that every span is whole words.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tidegate.data.opening import excerpt, open_lines
from tidegate.data.records import Source, TokenRecord
from tidegate.data.words import locate, tokenise
from tidegate.decoding.schemes import Span, labels_of
from tidegate.errors import DataError

_SPAN_KEYS = ("spans", "entities")
_DOCCANO_KEYS = ("label", "labels")
_KIND_KEYS = ("label", "slot", "type")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_FORMS = "'text' with 'spans', 'tokens' with 'labels' or 'spans', or 'chunks'"


def read_span_lines(path: str | os.PathLike[str], *, label: Sequence[str], is_labelled: bool = True) -> Iterator[TokenRecord]:
    """The records of a JSON Lines file, plain or gzip, one a line; empty lines are passed over."""
    return read_span_lines_from(open_lines(path), os.fspath(path), label=label, is_labelled=is_labelled)


def read_span_lines_from(
    lines: Iterable[tuple[int, str]], file: str, *, label: Sequence[str], is_labelled: bool = True
) -> Iterator[TokenRecord]:
    """The records of numbered lines of JSON; `file` is what messages call their source.

    Args:
        is_labelled: whether objects without labels are refused; False takes `{"text"}` and `{"tokens"}` alone as well.
        label: what to name the column that spans give, one name at most; none: 'label', or 'slot' for chunks.
            Lists of labels keep the names of their keys.

    Raises:
        DataError: a line that is not JSON or none of the four forms; spans that lie outside, are empty or overlap.
        EncodingError: bytes that are not UTF-8.
    """
    for number, line in lines:
        if line and not line.isspace():
            yield _record(_parsed(line, Source(file, number)), Source(file, number), label, is_labelled)


def _parsed(line: str, where: Source) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except json.JSONDecodeError as error:
        hint = "Write each object on one line"
        if line.strip() in ("[", "{"):
            hint = "The JSON seems to run over several lines: put each object on one line, for instance with `jq -c '.[]'`"
        raise DataError(
            f"{where}: broken JSON at character {error.pos + 1} ({error.msg}): {excerpt(line)}. One JSON object a line was expected. "
            f"{hint}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: JSON that cannot be read ({error}): {excerpt(line)}. One JSON object a line was expected.") from error
    if not isinstance(content, dict):
        raise DataError(
            f"{where}: {_kind(content)} found where one JSON object a line was expected: {excerpt(line)}. A list of objects becomes "
            "lines with `jq -c '.[]'`."
        )
    if "\\u" in line and _HALF_PAIR.search(json.dumps(content, ensure_ascii=False)):
        raise DataError(
            f"{where}: half of a surrogate pair (\\ud800 to \\udfff alone), which is no character. Write the whole character in UTF-8."
        )
    return content


def _record(content: dict[str, Any], where: Source, label: Sequence[str], is_labelled: bool) -> TokenRecord:
    if "chunks" in content:
        return _from_chunks(content["chunks"], where, _column(label, "slot", where))
    key = next((key for key in _SPAN_KEYS if key in content), None)
    if "tokens" in content and not ("text" in content and key and _holds_objects(content["tokens"])):
        return _from_tokens(content, key, where, label, is_labelled)
    if key is None:
        key = next((key for key in _DOCCANO_KEYS if isinstance(content.get(key), list)), None)
    if "text" not in content or (key is None and is_labelled):
        seen = ", ".join(f"'{key}'" for key in content) or "none"
        raise DataError(f"{where}: no labels found; keys here: {seen}. Expected {_FORMS}.")
    text = content["text"]
    if not isinstance(text, str):
        raise DataError(f"{where}: 'text' is {_kind(text)}; a string was expected.")
    if key is None:
        words = tokenise(text)
        return TokenRecord(tuple(text[a:b] for a, b in words), where, text=text, offsets=tuple(words))
    spans = _spans(content[key], len(text), "characters", where)
    return _cut_by_spans(text, spans, where, _column(label, "label", where))


def _holds_objects(tokens: object) -> bool:
    # Prodigy writes its tokens as objects beside a text with spans in characters; the text says all that is needed.
    return isinstance(tokens, list) and any(isinstance(token, dict) for token in tokens)


def _column(label: Sequence[str], default: str, where: Source) -> str:
    if len(label) > 1:
        raise DataError(f"{where}: spans give one label column, but {len(label)} were asked for ({', '.join(label)}). Ask for one name.")
    return label[0] if label else default


def _from_chunks(chunks: object, where: Source, column: str) -> TokenRecord:
    if not isinstance(chunks, list):
        raise DataError(f"{where}: 'chunks' is {_kind(chunks)}; a list of objects with 'text' was expected.")
    text = ""
    edges: list[tuple[int, int, str]] = []
    for number, chunk in enumerate(chunks, 1):
        if not isinstance(chunk, dict) or not isinstance(chunk.get("text"), str):
            raise DataError(f"{where}: chunk {number} is {_shown(chunk)}; an object with a string 'text' was expected.")
        kind = next((chunk[key] for key in ("slot", "label", "type") if chunk.get(key) is not None), None)
        if kind is not None and (not isinstance(kind, str) or not kind):
            raise DataError(
                f"{where}: the slot of chunk {number} is {_shown(kind)}; a name was expected. Leave 'slot' out where there is none."
            )
        edges.append((len(text), len(text) + len(chunk["text"]), kind or ""))
        text += chunk["text"]
    return _cut_by_spans(text, edges, where, column)


def _cut_by_spans(text: str, spans: Iterable[Span], where: Source, column: str) -> TokenRecord:
    """Cuts the text into words between the edges of spans (in order, over characters); one without a kind only cuts."""
    offsets: list[tuple[int, int]] = []
    found: list[Span] = []
    end = 0
    for start, stop, kind in spans:
        offsets.extend((end + a, end + b) for a, b in tokenise(text[end:start]))
        first = len(offsets)
        offsets.extend((start + a, start + b) for a, b in tokenise(text[start:stop]))
        if kind:
            if first == len(offsets):
                raise DataError(
                    f"{where}: the span {start} to {stop} ('{kind}') holds no word, only {excerpt(text[start:stop])}. Correct its "
                    "borders or remove it."
                )
            found.append((first, len(offsets), kind))
        end = stop
    offsets.extend((end + a, end + b) for a, b in tokenise(text[end:]))
    labels = {column: tuple(labels_of(found, len(offsets)))}
    return TokenRecord(tuple(text[a:b] for a, b in offsets), where, labels, text=text, offsets=tuple(offsets))


def _from_tokens(content: Mapping[str, Any], key: str | None, where: Source, label: Sequence[str], is_labelled: bool) -> TokenRecord:
    tokens = content["tokens"]
    if not _is_strings(tokens):
        raise DataError(f"{where}: 'tokens' is {_kind(tokens)}; a list of strings was expected.")
    if "" in tokens:
        raise DataError(f"{where}: token {tokens.index('')} (counted from 0) is empty. Every token needs a form; remove it with its label.")
    labels: dict[str, tuple[str, ...]] = {}
    for name, values in content.items():
        if name in ("tokens", *_SPAN_KEYS) or not isinstance(values, list):
            continue
        wanted = name in ("labels", "tags", "ner_tags") or name in label
        if wanted and not _is_strings(values):
            raise DataError(f"{where}: '{name}' is {_kind(values)}; a list of strings was expected. Write the names of the labels.")
        if wanted and len(values) != len(tokens):
            raise DataError(f"{where}: {len(values)} labels in '{name}' for {len(tokens)} tokens. Give one label for each token.")
        if _is_strings(values) and len(values) == len(tokens):
            labels[name] = tuple(values)
    if key is not None and not (label and set(label) <= labels.keys()):
        column = _column([name for name in label if name not in labels], "label", where)
        labels[column] = tuple(labels_of(_spans(content[key], len(tokens), "tokens", where), len(tokens)))
    if not labels and is_labelled:
        seen = ", ".join(f"'{key}'" for key in content)
        raise DataError(f"{where}: no labels found; keys here: {seen}. Expected {_FORMS}.")
    text = content.get("text")
    offsets = locate(tokens, text) if isinstance(text, str) else ()
    return TokenRecord(tuple(tokens), where, labels, text=text if offsets else None, offsets=offsets)


def _spans(given: object, length: int, unit: str, where: Source) -> list[Span]:
    """The spans in order, checked: inside 0 to `length`, not empty, none over another."""
    if not isinstance(given, list):
        raise DataError(f"{where}: the spans are {_kind(given)}; a list was expected.")
    spans = sorted(_span(item, number, where) for number, item in enumerate(given, 1))
    for place, (start, end, kind) in enumerate(spans):
        if not 0 <= start < end <= length:
            fault = "is empty" if start == end else "ends before it starts" if end < start else "lies outside"
            raise DataError(
                f"{where}: the span {start} to {end} ('{kind}') {fault}; expected 0 <= start < end <= {length}, counted in {unit}, end "
                "exclusive."
            )
        if place and start < spans[place - 1][1]:
            before = spans[place - 1]
            raise DataError(
                f"{where}: the spans {before[0]} to {before[1]} ('{before[2]}') and {start} to {end} ('{kind}') overlap. "
                "A token has one label here: keep one of them, or write nested spans to a second file."
            )
    return spans


def _span(item: object, number: int, where: Source) -> Span:
    start: object = None
    end: object = None
    kind: object = None
    if isinstance(item, dict):
        start, end = item.get("start"), item.get("end")
        kind = next((item[key] for key in _KIND_KEYS if key in item), None)
    elif isinstance(item, list) and len(item) == 3:
        start, end, kind = item
    # JSON's true is an int to Python.
    if type(start) is int and type(end) is int and isinstance(kind, str) and kind:
        return start, end, kind
    raise DataError(
        f"{where}: span {number} is {_shown(item)}; expected whole numbers 'start' and 'end' and a string 'label' (or 'slot', 'type'), "
        "or [start, end, label]."
    )


def _is_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _shown(value: object) -> str:
    return excerpt(json.dumps(value, ensure_ascii=False))


def _kind(value: object) -> str:
    if isinstance(value, list):
        others = [item for item in value if not isinstance(item, str)]
        return f"a list with {_kind(others[0])} in it" if others else "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return "an object" if isinstance(value, dict) else "a string" if isinstance(value, str) else f"the number {value}"
