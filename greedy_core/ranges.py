"""Conditions that a setting's value has to meet, as its declaration has them, and what breaks them.

Bounds of numbers are those of the library annotated-types; its `Interval` gives both in one.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from annotated_types import Ge, Gt, Interval, Le, Lt


@dataclass(frozen=True)
class Rising:
    """Layers, from low to high, each once."""


@dataclass(frozen=True)
class Text:
    """A text of some form."""

    form: re.Pattern[str]
    """What the whole of it must match."""
    must: str
    """The same for people, as it stands behind the setting's name: "must be ..."."""
    most: int | None = None
    """Characters at most."""


Range = Ge | Gt | Le | Lt | Interval | Rising | Text
End = Ge | Gt | Le | Lt
NOT_EMPTY = re.compile(r"(?s).+")
_SIGNS: dict[type, str] = {Ge: ">=", Gt: ">", Le: "<=", Lt: "<"}


def fault(name: str, value: Any, condition: Range) -> str | None:
    """What is wrong with a setting's value, or None if it keeps the condition."""
    if isinstance(condition, Text):
        return _text_fault(name, value, condition)
    if isinstance(condition, Rising):
        if rises(value):
            return None
        return f"{name} must rise from 0 or above without repeats, but got ({name}={value})"
    if all(_holds(value, end) for end in ends_of(condition)):
        return None
    return f"`{_as_condition(name, condition)}` must hold, but got ({name}={value})"


def rises(layers: tuple[int, ...]) -> bool:
    """Whether there is a layer, none is negative, and each is above the one before."""
    return bool(layers) and layers[0] >= 0 and list(layers) == sorted(set(layers))


def ends_of(condition: Range) -> tuple[End, ...]:
    """The bounds that a condition sets for a number, the lower one first; () if it sets none."""
    if isinstance(condition, Interval):
        return tuple(end for end in condition if isinstance(end, End))
    return (condition,) if isinstance(condition, End) else ()


def number(end: End) -> Any:
    """The number that a bound is at."""
    return getattr(end, type(end).__name__.lower())


def plain(value: float) -> str:
    """A number as people write it: 256, 0.5, 1e9."""
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e8):
        return str(int(value))
    return f"{value:g}".replace("e+0", "e").replace("e+", "e")


def in_words(condition: Range, below: float = math.inf) -> str:
    """The bounds of a range in words, "at least 1 and at most 8"; only those below `below`."""
    words = {Ge: "at least", Gt: "above", Le: "at most", Lt: "below"}
    told = [end for end in ends_of(condition) if number(end) < below]
    return " and ".join(f"{words[type(end)]} {plain(number(end))}" for end in told)


def _text_fault(name: str, value: str, condition: Text) -> str | None:
    if not condition.form.fullmatch(value):
        return f"{name} {condition.must}, but got ({name}={value!r})"
    if condition.most is not None and len(value) > condition.most:
        return f"{name} must have {condition.most} characters at most, but got {len(value)}"
    return None


def _holds(value: float, end: End) -> bool:
    at = number(end)
    kept = {Ge: value >= at, Gt: value > at, Le: value <= at, Lt: value < at}
    return bool(kept[type(end)])


def _as_condition(name: str, condition: Range) -> str:
    """`0 <= name < 1`, or with one end `name >= 0`."""
    *lower, last = ends_of(condition)
    text = f"{name} {_SIGNS[type(last)]} {plain(number(last))}"
    for end in lower:
        text = f"{plain(number(end))} {'<=' if isinstance(end, Ge) else '<'} {text}"
    return text
