"""The page on the commands, read off the parser that parses them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import typer


def commands_page() -> str:
    """Every command with its arguments, its options and its examples, as Markdown."""
    from tidegate.cli.main import app

    root = typer.main.get_command(app)
    lines = [
        "# Commands",
        "",
        "Read off the command line's own parser when this site was built. Every command has `--help`, `--version` and `--quiet`. "
        "Exit codes: 0 done, 1 failed, 2 the user's mistake (one message on standard error), 130 Ctrl-C. "
        "Results go to standard output, progress and notes to standard error.",
        "",
    ]
    for words, command in _commands(root, ("tidegate",)):
        lines += _command(words, command)
    return "\n".join(lines)


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield words, command
        return
    for name, child in inner.items():
        yield from _commands(child, (*words, name))


def _command(words: tuple[str, ...], command: Any) -> list[str]:
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", f"{command.help or ''}\n\n{command.epilog or ''}") if part.strip()]
    cut = (
        paragraphs.index("Examples:")
        if "Examples:" in paragraphs
        else next((i for i, p in enumerate(paragraphs) if p.startswith("Examples")), len(paragraphs))
    )
    told, examples = paragraphs[:cut], [_example(part) for part in paragraphs[cut:] if not part.startswith("Examples")]
    lines = [f"## {' '.join(words)}", ""]
    for part in told:
        lines += [_plain(part), ""]
    if examples:
        lines += ["```text", *examples, "```", ""]
    shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    rows = [
        _row(parameter)
        for parameter in shown
        if parameter.name not in ("help", "version", "quiet", "install_completion", "show_completion")
    ]
    return [*lines, "| option | value | what it does |", "|---|---|---|", *rows, ""]


def _example(text: str) -> str:
    """A line to paste: what is said behind it becomes a comment."""
    return _bare(re.sub(r"\s{2,}\((.*)\)\s*$", r" # \1", text.strip(), flags=re.DOTALL))


def _row(parameter: Any) -> str:
    metavar = parameter.metavar or ""
    if parameter.param_type_name == "argument":
        name = f"`{metavar or parameter.name.upper()}`"
    else:
        name = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
        if parameter.is_flag:
            metavar = ""
    value = f"<code>{html.escape(metavar).replace('|', '&#124;')}</code>" if metavar and parameter.param_type_name != "argument" else ""
    told = _plain(parameter.help or "")
    if parameter.show_default and not parameter.is_flag and parameter.default not in (None, ()) and not callable(parameter.default):
        told += f" [default: {parameter.default}]"
    return f"| {name} | {value} | {_cell(told)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _plain(text: str) -> str:
    """Help as Markdown."""
    return _bare(text).replace("<", "&lt;").replace("*", "\\*")


def _bare(text: str) -> str:
    """Help without the marks of the terminal, on one line."""
    return re.sub(r"\s+", " ", text.replace("\\[", "[").replace("\b", "")).strip()
