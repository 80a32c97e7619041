"""A bounded memory of what was used most recently."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class LruCache(Generic[Key, Value]):
    """Keeps values up to a limit, forgetting the least recently used first.

    Args:
        limit: how much is kept, in the units of `size`.
        size: how much a value takes; by default each counts as one.
    """

    def __init__(self, limit: float, size: Callable[[Value], float] = lambda value: 1) -> None:
        self._limit = limit
        self._size = size
        self._held = 0.0
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        """The value of a key, or None."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> Value:
        """Keep a value, unless the key has one already; returns the one that is kept."""
        if key in self._values:
            return self._values[key]
        self._values[key] = value
        self._held += self._size(value)
        # One value above the limit is still kept: it is in use.
        while self._held > self._limit and len(self._values) > 1:
            _, forgotten = self._values.popitem(last=False)
            self._held -= self._size(forgotten)
        return value

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._held = 0.0

    def items(self) -> dict[Key, Value]:
        """Everything that is kept now."""
        return dict(self._values)
