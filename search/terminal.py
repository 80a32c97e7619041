"""The progress line of a sweep: on a terminal it is redrawn, elsewhere printed now and then."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from search.recorder import Recorder
from spaces.values import inert

PLAIN_SECONDS = 60.0
"""Elsewhere than on a terminal, a line this often and at the end."""


class ProgressLine:
    """Done, running, pruned, failed, the best composite with its settings, and the time left.

    Args:
        console: where it is written.
        searched: keys of the settings that are searched.
    """

    def __init__(self, console: Console, searched: tuple[str, ...]) -> None:
        self._console = console
        self._searched = searched
        self._live: Live | None = None
        self._started: float | None = None
        self._printed = time.monotonic()
        self._line = ""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the line inside, and leave its last state."""
        if self._console.is_terminal:
            with Live(Text("preparing"), console=self._console, refresh_per_second=4) as live:
                self._live = live
                yield
            return
        try:
            yield
        finally:
            if self._line:
                self._console.print(Text(self._line), soft_wrap=True)

    def update(self, recorder: Recorder, total: int) -> None:
        """Draw what the recorder knows; called often."""
        if self._started is None:
            self._started = time.monotonic()  # preparing says nothing about how long trials take
        seconds = time.monotonic() - self._started
        self._line = progress_line(recorder, total, seconds, self._searched)
        if self._live is not None:
            self._live.update(Text(self._line))
        elif time.monotonic() - self._printed >= PLAIN_SECONDS:
            self._printed = time.monotonic()
            self._console.print(Text(self._line), soft_wrap=True)


def progress_line(recorder: Recorder, total: int, seconds: float, searched: tuple[str, ...]) -> str:
    """The line as text."""
    statuses = [row["status"] for row in recorder.ended]
    done = len(statuses)
    parts = [
        f"{done}/{total} done",
        f"{len(recorder.running)} running",
        f"{statuses.count('pruned')} pruned",
        f"{statuses.count('failed')} failed",
    ]
    if recorder.best is not None:
        config: Mapping[str, Any] = recorder.best["config"]
        settings = " ".join(f"{key}={_short(config[key])}" for key in searched)
        parts.append(f"best {recorder.best['composite']:.3f} ({settings})")
    if 0 < done < total:
        parts.append(f"{_duration(seconds / done * (total - done))} left")
    return " · ".join(parts)


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
