"""A real Chromium without a window, for looking at reports."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

PATH = shutil.which("chromium")

_OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


@dataclass
class Watched:
    """A page, and what went on in it."""

    page: Page
    """The page, with all figures drawn."""
    messages: list[str] = field(default_factory=list)
    """Errors and warnings of the console, and exceptions."""
    requests: list[str] = field(default_factory=list)
    """Addresses that were asked for."""

    def heard(self, message: ConsoleMessage) -> None:
        """Keep what is wrong; plotly also says how long it took to fit long names."""
        if message.type in ("error", "warning"):
            self.messages.append(message.text)

    def ask(self, expression: str) -> Any:
        """What an expression is in the page."""
        return self.page.evaluate(expression)


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium, ended with the block."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=PATH, args=[*_OPTIONS])
        yield running
        running.close()


@contextmanager
def opened(running: Browser, file: Path, **context: Any) -> Iterator[Watched]:
    """A report in a window of its own, once its figures are drawn."""
    window = running.new_context(**context)
    page = window.new_page()
    watched = Watched(page)
    page.on("console", watched.heard)
    page.on("pageerror", lambda error: watched.messages.append(str(error)))
    page.on("dialog", lambda dialog: (watched.messages.append("dialog"), dialog.dismiss()))
    page.on("request", lambda request: watched.requests.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-drawn]", state="attached")
    yield watched
    window.close()
