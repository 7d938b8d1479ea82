"""Pages in a real browser: what tests of the report and of the views share. No page of ours may ask the network for anything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
# Of what guards against waiting for ever.
_MOST_MS = 120_000
DESKTOP, PHONE = (1280, 900), (360, 740)


@dataclass(slots=True)
class Visit:
    """A page that is open, and what it did meanwhile.

    Attributes:
        complaints: errors and warnings of its console, and exceptions that nobody caught.
        requests: addresses that it asked for besides itself.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def findings(self) -> list[str]:
        """What axe calls serious or critical, with the elements it means. Everything that can be opened is opened first."""
        from axe_playwright_python.sync_playwright import Axe

        self.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        violations: list[dict[str, Any]] = Axe().run(self.page).response["violations"]
        return [
            f"{found['id']} ({found['impact']}): {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
            for found in violations
            if found["impact"] in ("serious", "critical")
            for node in found["nodes"]
        ]

    def overhang(self) -> int:
        """By how many pixels the page is wider than its window; 0 where nothing scrolls sideways."""
        wide: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return wide

    def wait_until(self, condition: str, *given: Any) -> None:
        """Waits for an expression of JavaScript to hold, or a function of what is given; the page draws when it comes to it."""
        self.page.wait_for_function(condition, arg=list(given))

    def wait_for_text(self, selector: str, text: str) -> None:
        """Waits for the first such element to show a text."""
        self.wait_until("([selector, text]) => document.querySelector(selector)?.innerText.includes(text)", selector, text)


@contextmanager
def started_browser() -> Iterator[Browser]:
    """Chromium without a window; a test that asks for it is skipped where it or playwright is not there."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None)
    if chromium is None:
        pytest.skip("no Chromium is installed (apt install chromium)")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=chromium, args=_QUIET, timeout=_MOST_MS)
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def visited(
    browser: Browser, path: Path, *, theme: Literal["light", "dark"] = "light", size: tuple[int, int] = DESKTOP, fragment: str = ""
) -> Iterator[Visit]:
    """Opens a file as a fresh visitor would, cut off from the network, and listens to it from the first moment on.

    Args:
        theme: what the visitor's system prefers.
        size: of the window in pixels; `PHONE` is a narrow phone, touched instead of clicked.
    """
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, reduced_motion="reduce", offline=True, has_touch=size == PHONE
    )
    context.set_default_timeout(_MOST_MS)
    try:
        own = path.resolve().as_uri()
        visit = Visit(context.new_page())
        visit.page.on("console", lambda said: visit.complaints.append(said.text) if said.type in ("error", "warning") else None)
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.on("request", lambda asked: visit.requests.append(asked.url) if _is_foreign(asked.url, own) else None)
        visit.page.goto(own + fragment)
        yield visit
    finally:
        context.close()


def _is_foreign(url: str, own: str) -> bool:
    return not url.startswith("data:") and url.partition("#")[0] != own
