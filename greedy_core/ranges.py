"""Conditions that a setting's value has to meet, as its declaration has them, and what breaks them.

Bounds of numbers are those of the library annotated-types; its `Interval` gives both in one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from annotated_types import Ge, Gt, Interval, Le, Lt


@dataclass(frozen=True)
class Rising:
    """Layers, from low to high, each once."""


@dataclass(frozen=True)
class Weights:
    """Numbers that weigh against each other: none is negative, and not all are 0."""

    most: float
    """The largest that one may be."""


@dataclass(frozen=True)
class ZeroOr:
    """0 for nothing at all, or a number within bounds."""

    bounds: Interval
    """What every other number keeps."""


@dataclass(frozen=True)
class Text:
    """A text of some form."""

    form: re.Pattern[str]
    """What the whole of it must match."""
    must: str
    """The same for people, as it stands behind the setting's name: "must be ..."."""
    most: int | None = None
    """Maximum number of characters."""
    outline: str | None = None
    """A wider pattern for JSON schemas, where `form` would mean less in JavaScript."""


Range = Ge | Gt | Le | Lt | Interval | ZeroOr | Rising | Weights | Text
End = Ge | Gt | Le | Lt
NOT_EMPTY = re.compile(r"(?s).+")
_SIGNS: dict[type, str] = {Ge: ">=", Gt: ">", Le: "<=", Lt: "<"}


def fault(name: str, value: Any, condition: Range) -> str | None:
    """What is wrong with a setting's value, or None if it keeps the condition."""
    if isinstance(condition, Text):
        return _text_fault(name, value, condition)
    if _keeps(value, condition):
        return None
    if isinstance(condition, Rising):
        return f"{name} must rise from 0 or above without repeats, but got ({name}={value})"
    if isinstance(condition, Weights):
        return f"{name} must be {in_words(condition)}, but got ({name}={value})"
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


def in_words(condition: Range) -> str:
    """What a condition admits: "at least 1 and at most 8", "rising from 0 or above"."""
    if isinstance(condition, Rising):
        return "rising from 0 or above without repeats"
    if isinstance(condition, Weights):
        return f"from 0 to {plain(condition.most)}, and not all 0"
    if isinstance(condition, Text):
        words = condition.must.removeprefix("must be ")
        most = "" if condition.most is None else f", at most {condition.most} characters"
        return "not empty" if condition.form is NOT_EMPTY else words + most
    if isinstance(condition, ZeroOr):
        return f"0, or {in_words(condition.bounds)}"
    signs = {Ge: "at least", Gt: "above", Le: "at most", Lt: "below"}
    return " and ".join(f"{signs[type(end)]} {plain(number(end))}" for end in ends_of(condition))


def _text_fault(name: str, value: str, condition: Text) -> str | None:
    if not condition.form.fullmatch(value):
        return f"{name} {condition.must}, but got ({name}={value!r})"
    if condition.most is not None and len(value) > condition.most:
        return f"{name} must have {condition.most} characters at most, but got {len(value)}"
    return None


def _keeps(value: Any, condition: Range) -> bool:
    if isinstance(condition, Rising):
        return rises(value)
    if isinstance(condition, Weights):
        return all(0 <= each <= condition.most for each in value) and any(value)
    if isinstance(condition, ZeroOr):
        return value == 0 or _keeps(value, condition.bounds)
    return all(_holds(value, end) for end in ends_of(condition))


def _holds(value: float, end: End) -> bool:
    at = number(end)
    kept = {Ge: value >= at, Gt: value > at, Le: value <= at, Lt: value < at}
    return bool(kept[type(end)])


def _as_condition(name: str, condition: Range) -> str:
    """`0 <= name < 1`, or with one end `name >= 0`."""
    if isinstance(condition, ZeroOr):
        return f"{name} == 0 or {_as_condition(name, condition.bounds)}"
    *lower, last = ends_of(condition)
    text = f"{name} {_SIGNS[type(last)]} {plain(number(last))}"
    for end in lower:
        text = f"{plain(number(end))} {'<=' if isinstance(end, Ge) else '<'} {text}"
    return text
