"""The progress line of a sweep: on a terminal it is redrawn, elsewhere printed now and then."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from greedy_core.progress import Progress
from search.cli.measures import measure
from search.cli.streams import drawn_again
from search.config.settings import SweepConfig
from search.session.tally import Tally
from search.session.watch import Watch
from spaces.values import inert

PLAIN_SECONDS = 60.0
"""Seconds between two lines where the output is not a terminal; the last comes at the end."""


class ProgressLine(Watch):
    """Done, running, pruned, failed, the best composite with its settings, and the time left.

    Args:
        console: where it is written.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._searched: tuple[str, ...] = ()
        """Keys of the settings that are searched."""
        self._shown = ExitStack()
        self._live: Live | None = None
        self._started: float | None = None
        self._printed = time.monotonic()
        self._line = ""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the line inside, from the start of the work on, and leave its last state."""
        with self._shown:
            yield

    def starting(self, config: SweepConfig) -> None:
        """Begin to draw, or have the last line printed at the end."""
        self._searched = tuple(config.search_space().distributions)
        if self._console.is_terminal:
            line = drawn_again(Text("preparing"), self._console, refresh_per_second=4)
            self._live = self._shown.enter_context(line)
        else:
            self._shown.callback(self._print)

    def preparing(self, progress: Progress) -> None:
        """Draw how far the preparation is."""
        self._draw(f"preparing: {progress}")

    def running(self, tally: Tally, total: int) -> None:
        """Draw what is known."""
        if self._started is None:
            self._started = time.monotonic()  # preparing says nothing about how long trials take
        seconds = time.monotonic() - self._started
        self._draw(progress_line(tally, total, seconds, self._searched))

    def confirming(self, progress: Progress, running: int, failed: int) -> None:
        """Draw how far a confirmation is."""
        if self._started is None:
            self._started = time.monotonic()
        seconds = time.monotonic() - self._started
        self._draw(" · ".join([*_walks(progress, running, failed), *_left(progress, seconds)]))

    def _draw(self, line: str) -> None:
        self._line = line
        if self._live is not None:
            self._live.update(Text(line))
        elif time.monotonic() - self._printed >= PLAIN_SECONDS:
            self._printed = time.monotonic()
            self._print()

    def _print(self) -> None:
        if self._line:
            self._console.print(Text(self._line), soft_wrap=True)


def progress_line(tally: Tally, total: int, seconds: float, searched: tuple[str, ...]) -> str:
    """The line as text."""
    counts = tally.counts
    done = counts.total()
    parts = [
        f"{done}/{total} done" + (f" ({tally.earlier} before)" if tally.earlier else ""),
        f"{len(tally.running)} running",
        f"{counts['pruned']} pruned",
        f"{counts['failed']} failed",
    ]
    if tally.best is not None:
        config: Mapping[str, Any] = tally.best["config"]
        settings = " ".join(f"{key}={_short(config[key])}" for key in searched)
        parts.append(f"best {measure(tally.best['composite'])} ({settings})")
    if tally.waiting is not None:
        parts.append(f"waiting: {inert(tally.waiting)}")
    return " · ".join([*parts, *_left(Progress("trials", done, total), seconds)])


def _walks(progress: Progress, running: int, failed: int) -> list[str]:
    return [f"confirming: {progress}", f"{running} running", f"{failed} failed"]


def _left(progress: Progress, seconds: float) -> list[str]:
    """The time left, where something says how long the rest takes."""
    done, total = progress.done, progress.total
    return [f"{_duration(seconds / done * (total - done))} left"] if 0 < done < total else []


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else inert(str(value))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min"
        if hours
        else f"{minutes} min {rest} s"
        if minutes
        else f"{rest} s"
    )
