"""Values as Optuna stores them, and as a terminal can show them."""

from __future__ import annotations

import json
from typing import Any, get_origin

from greedy_core.typed_values import alternatives


def inert(text: str) -> str:
    """A name or path as a message shows it: whole, but without what a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def lists(annotation: Any) -> bool:
    """Whether some values of the annotation are lists, which Optuna stores as their text."""
    return any(get_origin(kind) is tuple for kind in alternatives(annotation))


def as_choice(value: object) -> bool | int | float | str | None:
    """`value` as a categorical choice: Optuna takes scalars only, so a list becomes its text."""
    if isinstance(value, list | tuple):
        return json.dumps(list(value))
    assert value is None or isinstance(value, bool | int | float | str)
    return value


def from_choice(choice: object, annotation: Any) -> Any:
    """The value that `as_choice` was given."""
    if lists(annotation) and isinstance(choice, str):
        return tuple(json.loads(choice))
    return choice
