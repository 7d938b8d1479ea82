"""The gate page: one HTML file that shows an explanation, whole, offline, without a library.

The files of `page/` are put together into it. The explanation travels as JSON, the values of single units as bytes in base64, and
is drawn when it is looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from tidegate.explanation.views.sentences import influence_sentences, shortened

# In the order in which they need each other.
_SCRIPTS = ("data", "axis", "gates", "units", "equation", "influence", "attention", "main")


def page_of(content: Mapping[str, Any]) -> str:
    """The page for an explanation's JSON (`Explanation.to_json`), as text.

    What a word of the input holds, `</script>` too, stays text.
    """
    parts = {
        "title": escape(f"{shortened(content['answer'], 80)} · what the gates did · tidegate"),
        "style": page_part("style.css"),
        "json": script_json({**content, "sentences": influence_sentences(content), "answer": shortened(content["answer"], 1000)}),
        "script": "\n".join(page_part(f"{name}.js") for name in _SCRIPTS),
    }
    return put_together(page_part("page.html"), parts)


def page_part(name: str) -> str:
    """A file of `page/`."""
    return (files("tidegate.explanation.views") / "page" / name).read_text(encoding="utf-8")


def put_together(page: str, parts: Mapping[str, str]) -> str:
    """The page with a part in each place that is marked by its name; what is put in is not looked at again."""
    first, *pieces = page.split("{{")
    whole = [first]
    for piece in pieces:
        name, _, rest = piece.partition("}}")
        whole += [parts[name], rest]
    return "".join(whole)


def script_json(content: Any) -> str:
    """JSON that can stand inside a script element: nothing in it ends the element or begins a comment."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
