"""The page on the names of the package, read off their docstrings."""

from __future__ import annotations

import inspect
import re
from typing import Any

# Beside what `tidegate` itself offers.
MORE = ("tidegate.nn:RNN", "tidegate.nn:LSTM", "tidegate.nn:GRU", "tidegate.kernels.engine:Layer")
_SECTION = re.compile(r"^(Args|Arguments|Returns|Raises|Attributes|Example|Examples|Source):\s*(.*)$")


def python_page() -> str:
    """Every public name with its signature and its docstring, as Markdown."""
    import importlib

    import tidegate

    lines = [
        "# Python",
        "",
        "Read off the docstrings when this site was built. Names are imported when they are first used: `import tidegate` costs nothing, "
        "and what only answers never loads torch.",
        "",
    ]
    names = [(f"tidegate.{name}", getattr(tidegate, name)) for name in tidegate.__all__ if not name.startswith("__")]
    for named in MORE:
        module, _, name = named.partition(":")
        names.append((f"{module}.{name}", getattr(importlib.import_module(module), name)))
    for name, found in names:
        lines += [f"## {name}", "", *_entry(name.rpartition(".")[2], found)]
        if inspect.isclass(found):
            for method in _methods(found):
                lines += [f"### {name.rpartition('.')[2]}.{method.__name__}", "", *_entry(method.__name__, method)]
    return "\n".join(lines)


def _methods(found: type[Any]) -> list[Any]:
    """Its public methods that are ours and say what they do."""
    members = [getattr(found, name) for name in dir(found) if not name.startswith("_")]
    return [member for member in members if inspect.isfunction(member) and member.__module__.startswith("tidegate.") and member.__doc__]


def _entry(name: str, found: Any) -> list[str]:
    return ["```text", f"{name}{_signature(found)}", "```", "", *_docstring(inspect.getdoc(found) or ""), ""]


def _signature(found: Any) -> str:
    """With the types as they stand in the source, without `self` and without a constructor's None."""
    try:
        signature = inspect.signature(found)
    except ValueError:  # of the engine's own classes
        return "(…)"
    parts = [part for part in signature.parameters.values() if part.name != "self"]
    signature = signature.replace(
        parameters=parts, return_annotation=inspect.Signature.empty if inspect.isclass(found) else signature.return_annotation
    )
    text = _plain(str(signature))
    if len(text) <= 72:
        return text
    return "(\n    " + ",\n    ".join(_plain(str(part)) for part in _with_star(parts)) + ",\n)" + text[text.rindex(")") + 1 :]


def _plain(text: str) -> str:
    """Types without the quotes that annotations put off have."""
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)


def _with_star(parts: list[inspect.Parameter]) -> list[Any]:
    """The parameters, and a star before the first that has to be named."""
    shown: list[Any] = []
    for part in parts:
        is_bare = not any(p.kind is p.VAR_POSITIONAL for p in parts)
        if part.kind is part.KEYWORD_ONLY and is_bare and "*" not in shown:
            shown.append("*")
        shown.append(part)
    return shown


def _docstring(text: str) -> list[str]:
    """Our docstrings as Markdown: what is listed under Args, Raises and the like becomes a list, an example a block."""
    lines: list[str] = []
    section = ""
    for line in text.splitlines():
        found = _SECTION.match(line)
        if found:
            if section.startswith("Example"):
                lines += ["```"]
            section = found[1]
            lines += [
                "",
                f"**{section}**" + (f" {_safe(found[2])}" if found[2] else ""),
                "",
                *(["```text"] if section.startswith("Example") else []),
            ]
        elif section.startswith("Example"):
            if line and not line.startswith(" "):
                lines, section = [*lines, "```", "", _safe(line)], ""
            else:
                lines.append(line.removeprefix("    "))
        elif section and re.match(r"^    \S", line):
            name, colon, rest = line.strip().partition(":")
            lines.append(f"- `{name}`: {_safe(rest.strip())}" if colon and not name.startswith("`") else f"- {_safe(line.strip())}")
        elif section and line.startswith("     "):
            lines.append(f"  {_safe(line.strip())}")
        else:
            section = section if not line.strip() else ""
            lines.append(_safe(line))
    return [*lines, "```"] if section.startswith("Example") else lines


def _safe(text: str) -> str:
    return text.replace("<", "&lt;").replace("[", "\\[") if "`" not in text else text
