"""Wrong arguments to a function that people call: refused together, before it does anything.

A function names its arguments, and a table says of each name what is taken under it. An argument
without a place in the table is an error at import, so that none is forgotten.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

from greedy_core.errors import SettingsError
from greedy_core.typed_values import shown

Kind = Callable[[object], str | None]
"""What a value must be, to follow the argument's name in a sentence; None if it is that."""
P = ParamSpec("P")
Result = TypeVar("Result")


def checked(kinds: Mapping[str, Kind]) -> Callable[[Callable[P, Result]], Callable[P, Result]]:
    """Refuse arguments of a function that are not what they must be, all of them together.

    Args:
        kinds: what is taken under each argument's name.

    Raises:
        KeyError: the function has an argument that is not among them.
    """

    def decorated(function: Callable[P, Result]) -> Callable[P, Result]:
        signature = inspect.signature(function)
        own = {name: kinds[name] for name in signature.parameters}

        @wraps(function)
        def call(*args: P.args, **named: P.kwargs) -> Result:
            try:
                given = signature.bind(*args, **named).arguments
            except TypeError:  # one too many or too few, which Python says best
                return function(*args, **named)
            said = {name: own[name](value) for name, value in given.items()}
            if faults := [f"{name} {fault}" for name, fault in said.items() if fault]:
                raise SettingsError(faults)
            return function(*args, **named)

        return call

    return decorated


def but_got(wanted: str, value: object) -> str:
    """The fault of a value that is something else than what is wanted, in Python's words."""
    plain = value is None or isinstance(value, bool)
    return f"must be {wanted}, but got {value if plain else shown(value)}"


def flag(value: object) -> str | None:
    """True or False; whatever else Python takes for true is more likely a mistake."""
    return None if isinstance(value, bool) else but_got("True or False", value)


def address(value: object) -> str | None:
    """A folder or an address as text or as a path; what the text names is checked elsewhere."""
    return None if _is_path(value) else but_got("a path, or an address as text", value)


def addresses(value: object) -> str | None:
    """One address or several."""
    if _is_path(value):
        return None
    several = isinstance(value, Sequence) and len(value) > 0 and all(map(_is_path, value))
    return None if several else but_got("an address, or a list of some", value)


def some_of(names: Collection[str]) -> Kind:
    """A list of names, each among those that there are."""

    def kind(value: object) -> str | None:
        if (
            isinstance(value, Collection)
            and not isinstance(value, str)
            and all(isinstance(each, str) and each in names for each in value)
        ):
            return None
        return but_got(f"among {', '.join(names)}", value)

    return kind


def _is_path(value: object) -> bool:
    # A path of bytes cannot be written to sweep.yaml, nor be an address.
    return isinstance(value, str) or (
        isinstance(value, os.PathLike) and isinstance(os.fspath(value), str)
    )
