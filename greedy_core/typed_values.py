"""Values as a type annotation wants them, and as a fault message can show them.

Files, command lines and callers each have other types than the settings: a tuple arrives as a list,
a float as an int. `conform` is the one place where that is put right, and where everything else is
refused: a bool is not an int, 4.0 is not an int, nan is not a number, and text is never a number,
whatever it reads like.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin

SHOWN_CHARACTERS = 60
LARGEST_INT = 2**63 - 1
"""The largest whole number that Parquet and Arrow hold."""


def shown(value: object) -> str:
    """`value` as a message shows it: on one line, short, nothing in it that a terminal obeys."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and abs(value) > LARGEST_INT:
        return "a whole number beyond 64 bits"  # repr() refuses ints of thousands of digits
    if isinstance(value, list | tuple) and len(value) <= SHOWN_CHARACTERS:
        text = f"[{', '.join(map(shown, value))}]"
    else:
        text = repr(value)  # escapes whatever is not printable
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 3]}..."


def conform(value: object, annotation: Any) -> Any:
    """`value` in the type of `annotation`.

    Raises:
        ValueError: It cannot be; the message follows on from the setting's name ("must be ...").
    """
    for kind in alternatives(annotation):
        try:
            return _as_kind(value, kind)
        except TypeError:
            continue
    raise ValueError(f"must be {wanted(annotation)}, but got {shown(value)}")


def wanted(annotation: Any) -> str:
    """The annotation in words."""
    return " or ".join(_in_words(kind) for kind in alternatives(annotation))


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The kinds of values that an annotation admits."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _as_kind(value: object, kind: Any) -> Any:
    """`value` as one kind, or TypeError."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        value = cast(Any, value).item()  # whoever loops over an array gets numpy's own numbers
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return _as_float(value)
    if origin is Literal and isinstance(value, str) and value in arguments:
        return value
    if origin is tuple and isinstance(value, list | tuple):
        each = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        if len(each) == len(value):
            return tuple(_as_kind(item, of) for item, of in zip(value, each, strict=True))
    if kind is int and type(value) is int and abs(value) <= LARGEST_INT:
        return value
    if kind in (bool, str, NoneType) and type(value) is kind:
        return value
    if origin is Mapping and isinstance(value, Mapping):
        return value
    raise TypeError


def _as_float(value: float) -> float:
    if (isinstance(value, int) and abs(value) > LARGEST_INT) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _in_words(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return f"one of {', '.join(arguments)}"
    if origin is tuple:
        size = "" if arguments[-1] is Ellipsis else f"{len(arguments)} "
        return f"a list of {size}{_in_words(arguments[0]).removeprefix('a ')}s"
    if origin is Mapping:
        return "a mapping"
    return {int: "a whole number", float: "a number", str: "text", bool: "true or false"}.get(
        kind, "null"
    )
