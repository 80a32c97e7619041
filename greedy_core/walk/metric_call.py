"""Calls a user's function; whatever it raises becomes one line that is safe to send and show.

The exception itself never leaves the process: where it arrives, its class may not be importable,
and a text that cannot be encoded would end the worker that sends it.
"""

from __future__ import annotations

import os
import sysconfig
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

from greedy_core.errors import MetricError, RatchetError
from greedy_core.model.answer_check import others_code_runs
from greedy_core.walk.held_output import output_held

Answer = TypeVar("Answer")

LONGEST = 500
"""Characters of a text that are shown."""

_PLACES = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
_OURS = os.path.dirname(os.path.dirname(__file__))
_NOT_THEIRS = tuple(os.path.join(place, "") for place in {*_PLACES, _OURS})
"""The folders of Python's own modules, of installed packages and of ours."""


def answer(name: str, doing: str, call: Callable[[], Answer]) -> Answer:
    """Call a user's code, and return what it returns.

    Args:
        name: of the metric function.
        doing: what raises, if it does: "it", "importing it".
        call: the call.

    Raises:
        MetricError: with the type and text of what it raised, and the user's own line.
        KeyboardInterrupt: which comes from the user, and is no error of the function.
    """
    others_code_runs()
    try:
        with output_held(), _exit_refused():
            return call()
    except (RatchetError, KeyboardInterrupt):
        raise
    except BaseException as error:  # whatever it is, it must not end the process
        cause = _told(error)
    # Raised here, it has no context whose text would travel with it.
    raise MetricError(f"greedy.metric {name!r}: {doing} raised {cause}")


@contextmanager
def _exit_refused() -> Iterator[None]:
    """Make `os._exit` raise: it would end the command silently, possibly with exit code 0.

    In a child process that the function forks it still works.
    """
    leave: Any = os._exit
    caller = os.getpid(), threading.get_ident()

    def refused(status: int) -> NoReturn:
        if (os.getpid(), threading.get_ident()) != caller:
            leave(status)
        raise SystemExit(f"os._exit({status})")

    os._exit = refused
    try:
        yield
    finally:
        os._exit = leave


def safe_line(text: str) -> str:
    """A text in one line of characters that any encoding takes and no terminal obeys."""
    line = " ".join(text.split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 3]}..."


def shown(value: object, longest: int = 80) -> str:
    """A value from a user's code as text, although its `repr` may do anything."""
    try:
        return safe_line(repr(value))[:longest]
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return f"a {type(value).__name__} whose repr raises {type(error).__name__}"


def _is_users(file: str) -> bool:
    """Whether a file is neither ours nor Python's nor an installed package's."""
    return not file.startswith((*_NOT_THEIRS, "<"))


def _told(error: BaseException) -> str:
    try:
        text = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:
        text = ""
    cause = f"{type(error).__name__}: {text}" if text else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    places = [frame for frame in frames if _is_users(frame.filename)]
    if not places:
        return safe_line(cause)
    file = os.path.basename(places[-1].filename)
    return f"{safe_line(cause)} ({safe_line(file)}, line {places[-1].lineno})"
