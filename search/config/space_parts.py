"""Settings of a space given one by one: `search.space.greedy.steps` changes that one alone.

A dotted key means that in a file, in `key=value` and in Python. What it changes is the space given
beside it, under `search.space`; without one, the space that was there before, at first `core`.
"""

from __future__ import annotations

from collections.abc import Mapping

from spaces.definitions import is_definition
from spaces.document import flatten

SPACE = "search.space"
BELOW = f"{SPACE}."


def _with_parts(space: object, parts: Mapping[str, object]) -> object:
    """A space with some of its settings defined anew; what is no space is left as it is."""
    if isinstance(space, str):
        return {"preset": space, **parts}
    if isinstance(space, Mapping):
        return {**dict(flatten(space, lambda _, value: is_definition(value))), **parts}
    return space


def folded(values: Mapping[str, object], space: object) -> dict[str, object]:
    """Values by dotted key, those of single settings of the space put into the space.

    Args:
        values: dotted key -> value.
        space: what they change, unless the values have a space of their own.
    """
    own = {key: value for key, value in values.items() if not key.startswith(BELOW)}
    parts = {key.removeprefix(BELOW): value for key, value in values.items() if key not in own}
    if parts:
        own[SPACE] = _with_parts(own.get(SPACE, space), parts)
    return own
