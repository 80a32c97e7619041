"""What a command writes: text for a terminal, with nothing in it that a terminal would obey.

While a command runs, `sys.stdout` and `sys.stderr` are inert, so that it does not matter who
prints: we, Ray, a library's warning, a traceback. Only our own consoles write past that, since they
move the cursor; all text that they are given is inert already.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live

from search.cli.inert_stream import Inert
from search.errors import OutputLost


def console(stderr: bool = False) -> Console:
    """A console on a standard stream."""
    stream: Any = sys.stderr if stderr else sys.stdout
    file: Any = stream.raw if isinstance(stream, Inert) else stream
    return Console(file=file)


@contextmanager
def drawn_again(what: RenderableType, console: Console, **options: Any) -> Iterator[Live]:
    """Something that a console draws again and again; what others print appears above it.

    Args:
        what: what is drawn first.
        console: a console on a terminal.
        options: of `Live`.
    """
    out, err = sys.stdout, sys.stderr
    live = Live(what, console=console, redirect_stdout=False, redirect_stderr=False, **options)
    with live, _above(out, console), _above(err, console):
        yield live


@contextmanager
def _above(stream: Any, console: Console) -> Iterator[None]:
    if isinstance(stream, Inert) and stream.isatty():
        with stream.above(console):
            yield
    else:
        yield


@contextmanager
def inert_streams() -> Iterator[None]:
    """Have both standard streams inert inside.

    Raises:
        OutputLost: if standard output is closed or takes no more.
    """
    _open_what_is_closed()
    before = sys.stdout, sys.stderr
    with _held(sys.stdout) as (out, number_out), _held(sys.stderr) as (err, number_err):
        ours = Inert(out, True, number_out), Inert(err, False, number_err)
        _ours.append(ours)
        try:
            sys.stdout, sys.stderr = ours
            yield
            ours[0].flush()
        finally:
            sys.stdout, sys.stderr = before
            _ours.remove(ours)


_ours: list[tuple[Inert, Inert]] = []
"""The streams of the commands that run, of which the last counts."""


def put_back() -> None:
    """Make the standard streams ours again, whatever a user's code has put in their place."""
    if _ours:
        sys.stdout, sys.stderr = _ours[-1]


@contextmanager
def _held(stream: Any) -> Iterator[tuple[Any, int | None]]:
    """The same stream on a descriptor that is ours alone, and the one that all know, if any."""
    try:
        number = stream.fileno()
        copy = os.dup(number)
    except (OSError, ValueError, AttributeError):
        yield _told_all(stream), None
        return
    encoding = stream.encoding or "utf-8"
    lines = getattr(stream, "line_buffering", False)
    held = open(  # noqa: SIM115
        copy, "w", encoding=encoding, errors="backslashreplace", buffering=1 if lines else -1
    )
    try:
        yield held, number
    finally:
        with suppress(OSError, ValueError):
            held.close()


def _open_what_is_closed() -> None:
    """Keep our own files from getting the number of a closed standard stream, which others use.

    Raises:
        OutputLost: if standard output is closed.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # gets the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        raise OutputLost("it is closed", reader_gone=False)


def _told_all(stream: Any) -> Any:
    """Have a stream escape what its encoding lacks, instead of refusing it."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream
