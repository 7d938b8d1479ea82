"""What mkdocs asks while it builds the site: pages made from the code and from files elsewhere in the repository, and links between them.

`commands.md` is read off the command line's own parser and `python.md` off the docstrings, so that neither can be behind the code.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))
from commands import commands_page
from python_interface import python_page

ROOT = Path(__file__).parent.parent.parent
# Files outside docs/ that are pages of the site.
ELSEWHERE = {"bench/RESULTS.md": "results.md", "CHANGELOG.md": "changes.md", "README.md": "index.md"}
# What `make docs` puts here is shown in the page on explaining; without it the page says how to make one.
GATES = ROOT / "build" / "gates.html"

_BLOCK = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made here."""
    made = {"commands.md": commands_page(), "python.md": python_page()}
    made |= {page: (ROOT / path).read_text(encoding="utf-8") for path, page in ELSEWHERE.items() if page not in ("index.md",)}
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    if GATES.exists():
        files.append(File.generated(config, "gates.html", abs_src_path=str(GATES)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links to files of the repository lead to their pages, or are left out where these are no pages; the gates stand where they belong."""
    here = page.file.src_uri
    source = next((path for path, name in ELSEWHERE.items() if name == here and name != "index.md"), f"docs/{here}")
    markdown = re.sub(r"<!-- example.*?-->\n?", "", markdown, flags=re.DOTALL)
    if "<!-- gates -->" in markdown:
        markdown = markdown.replace("<!-- gates -->", _gates(here))
    if here == "decisions/README.md":
        markdown += "\n" + "".join(f"- [{title}]({name})\n" for name, title in _decisions())
    parts = _BLOCK.split(markdown)  # every second one is a block of code
    return "".join(part if place % 2 else _LINK.sub(lambda found: _link(found, source, here), part) for place, part in enumerate(parts))


def _decisions() -> list[tuple[str, str]]:
    """File and title of each decision, by number."""
    paths = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    return [(path.name, path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")) for path in paths]


def _link(found: re.Match[str], source: str, here: str) -> str:
    """A link of `source`, a path in the repository, as it stands on the page `here`."""
    mark, text, target = found.groups()
    path, _, place = target.partition("#")
    if not path or re.match(r"[a-z]+:", path):
        return found[0]
    named = os.path.normpath(os.path.join(os.path.dirname(source), path))
    if named == "docs/decisions":
        named += "/README.md"
    page = ELSEWHERE.get(named, named.removeprefix("docs/") if named.startswith("docs/") else None)
    if page is None:
        if not (ROOT / named).exists():
            raise PluginError(f"{source}: the link to {target} leads nowhere")
        return text
    relative = os.path.relpath(page, os.path.dirname(here) or ".")
    return f"{mark}[{text}]({relative}{'#' + place if place else ''})"


def _gates(here: str) -> str:
    if not GATES.exists():
        return "*`make docs` shows the gates of the demo's Bi-GRU here; this copy of the site was built without them.*"
    path = os.path.relpath("gates.html", os.path.dirname(here) or ".")
    frame = f'<iframe src="{path}" title="The gates of a Bi-GRU, word by word" loading="lazy" width="100%" height="640"></iframe>'
    return f'{frame}\n\n<a href="{path}">The same view on a page of its own</a>.'


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Nothing on a page may be fetched from elsewhere."""
    fetched = re.findall(r'<(?:script|link|img|iframe)\b[^>]*?(?:src|href)="((?:https?:)?//[^"]+)"', output)
    if fetched:
        raise PluginError(f"{page.file.src_uri} would fetch {', '.join(fetched)}")
    return output
