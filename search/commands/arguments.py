"""What the functions of this folder take under the names of their arguments.

A name means the same in all of them. Whether there is a sweep, or a trial, of that name is found
out later; here it is checked that an argument can mean anything at all, before a file is touched or
a large library is imported.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

from analysis.tables.arguments import Kind, address, but_got, flag
from analysis.tables.paths import local_path
from greedy_core.typed_values import LARGEST_INT


def _count(value: object) -> str | None:
    whole = type(value) is int and 1 <= value <= LARGEST_INT
    return None if whole else but_got("a whole number of at least 1", value)


def _seconds(value: object) -> str | None:
    """A time to wait, which may be infinite."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    right = number and (0 <= value <= LARGEST_INT or value == math.inf)  # type: ignore[operator]
    return None if right else but_got("seconds, a number of at least 0", value)


def _choice(*choices: str) -> Kind:
    def kind(value: object) -> str | None:
        right = isinstance(value, str) and value in choices
        return None if right else but_got(f"one of {', '.join(choices)}", value)

    return kind


def _path(value: object) -> str | None:
    """A place on this machine."""
    if fault := address(value):
        return fault
    try:
        local_path(os.fspath(value))  # type: ignore[call-overload]
    except ValueError as error:
        return str(error)
    return None


def _trial(value: object) -> str | None:
    right = isinstance(value, str) or (type(value) is int and 0 <= value <= LARGEST_INT)
    return None if right else but_got("best or a trial's number", value)


def _settings(value: object) -> str | None:
    """A mapping from keys, or `key=value` as text, one or several."""
    if isinstance(value, Mapping | Sequence) and not isinstance(value, bytes | bytearray):
        wrong = [each for each in value if not isinstance(each, str)]
        return None if not wrong else but_got("given by keys that are text", wrong[0])
    return but_got("a mapping of dotted keys to values, or a list of key=value", value)


def _watch(value: object) -> str | None:
    from search.session.watch import Watch

    return None if isinstance(value, Watch) else but_got("a ratchet.Watch or None", value)


def _function(value: object) -> str | None:
    return None if callable(value) else but_got("a function or None", value)


def or_none(kind: Kind) -> Kind:
    """The same, or None."""
    return lambda value: None if value is None else kind(value)


def _told_later(value: object) -> str | None:
    """A configuration: `search.config.arguments.resolved` says what else it is."""
    return None


KINDS: Mapping[str, Kind] = {
    "config": _told_later,
    "folder": address,
    "out": _path,
    "settings": _settings,
    "trials": _count,
    "top": _count,
    "sequences": or_none(_count),
    "trial": _trial,
    "to": _choice("adapter", "merged"),
    "format": _choice("html", "md", "ipynb"),
    "watch": or_none(_watch),
    "on_step": or_none(_function),
    "wait_for_lock": _seconds,
    "give_up_after": _seconds,
    **dict.fromkeys(
        (
            *("verbose", "or_resume", "in_process", "repair"),
            *("accept_versions", "accept_differences"),
        ),
        flag,
    ),
}
"""Argument -> what is taken under its name."""
