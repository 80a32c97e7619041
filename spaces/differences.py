"""What differs between two search spaces, a line for each setting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from greedy_core.typed_values import shown
from spaces.definitions import is_definition
from spaces.document import flatten

ABSENT = "not there"


def differences(was: object, now: object) -> Iterator[tuple[str, str, str]]:
    """Dotted key within the space, what it was and what it is; "" for a preset, which has no keys.

    Args:
        was: a space: a preset's name, a file's name, or a mapping.
        now: another one.
    """
    if not isinstance(was, Mapping) or not isinstance(now, Mapping):
        if was != now:
            yield "", shown(was), shown(now)
        return
    before, after = _flat(was), _flat(now)
    for key in {**before, **after}:
        if key not in before or key not in after or before[key] != after[key]:
            yield key, _told(before, key), _told(after, key)


def _flat(space: Mapping[str, object]) -> dict[str, object]:
    return dict(flatten(space, lambda _, value: is_definition(value)))


def _told(space: Mapping[str, object], key: str) -> str:
    return shown(space[key]) if key in space else ABSENT
