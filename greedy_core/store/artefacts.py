"""Where computed artefacts are kept, under keys made of exactly their inputs.

An artefact is a few named arrays. A store may forget one but never changes it: `put` returns what
is stored afterwards, which is another process's artefact if that was there first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from greedy_core.store.lru_cache import LruCache

Artefact = Mapping[str, np.ndarray]

_OBJECT_BYTES = 1000
"""What an artefact's key, mapping and array objects take beside its values; measured."""


@dataclass(frozen=True)
class Layout:
    """What the arrays of an artefact look like: a reader states which ones it can use."""

    arrays: Mapping[str, tuple[str, tuple[int, ...]]]
    """Type and shape by name."""

    @classmethod
    def of(cls, artefact: Artefact) -> Layout:
        """The layout that an artefact has."""
        return cls({name: (array.dtype.str, array.shape) for name, array in artefact.items()})

    @classmethod
    def floats(cls, **shapes: tuple[int, ...]) -> Layout:
        """Arrays of float64 by name."""
        return cls({name: ("<f8", shape) for name, shape in shapes.items()})


class Store(Protocol):
    """What keeps artefacts."""

    def get(self, key: str, layout: Layout | None = None) -> Artefact | None:
        """The artefact of a key; None if there is none, or if its layout is another."""
        ...

    def put(self, key: str, artefact: Artefact) -> Artefact:
        """Keep an artefact; returns the one that is kept under the key."""
        ...

    def lease(self, key: str) -> AbstractContextManager[object]:
        """Inside, no other process that shares this store computes the key's artefact."""
        ...


def artefact_key(kind: str, **inputs: object) -> str:
    """Digest of an artefact's kind and of all of its inputs, which must be plain JSON values."""
    text = json.dumps([kind, inputs], sort_keys=True, allow_nan=False)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def remembered(
    store: Store, key: str, compute: Callable[[], Artefact], layout: Layout | None = None
) -> tuple[Artefact, bool]:
    """Read an artefact, or compute and keep it; the flag says whether it was read.

    Processes that want the same one at the same time may all compute it: for what is cheap.
    """
    artefact = store.get(key, layout)
    if artefact is not None:
        return artefact, True
    return store.put(key, compute()), False


def computed_once(
    store: Store, key: str, compute: Callable[[], Artefact], layout: Layout | None = None
) -> Artefact:
    """Read an artefact, wait for the process that computes it, or compute and keep it.

    For what is costly; see `greedy_core.store.lease`.
    """
    artefact = store.get(key, layout)
    if artefact is not None:
        return artefact
    with store.lease(key):
        return remembered(store, key, compute, layout)[0]


class MemoryStore:
    """Keeps artefacts in this process, up to a number of bytes, forgetting the least used first."""

    def __init__(self, limit_bytes: float = 256 * 2**20) -> None:
        self._cache: LruCache[str, Artefact] = LruCache(limit_bytes, size_of)

    @property
    def artefacts(self) -> dict[str, Artefact]:
        """Everything that is kept now."""
        return self._cache.items()

    def get(self, key: str, layout: Layout | None = None) -> Artefact | None:
        return self._cache.get(key)

    def put(self, key: str, artefact: Artefact) -> Artefact:
        return self._cache.put(key, artefact)

    def clear(self) -> None:
        """Forget everything."""
        self._cache.clear()

    def lease(self, key: str) -> AbstractContextManager[object]:
        return nullcontext()


class LayeredStore:
    """A quick store in front of a slower one; what is found behind moves to the front."""

    def __init__(self, front: Store, behind: Store) -> None:
        self._front = front
        self._behind = behind

    def get(self, key: str, layout: Layout | None = None) -> Artefact | None:
        artefact = self._front.get(key, layout)
        if artefact is not None:
            return artefact
        artefact = self._behind.get(key, layout)
        return None if artefact is None else self._front.put(key, artefact)

    def put(self, key: str, artefact: Artefact) -> Artefact:
        return self._front.put(key, self._behind.put(key, artefact))

    def lease(self, key: str) -> AbstractContextManager[object]:
        return self._behind.lease(key)


class PreparedStore:
    """Artefacts that were computed before and handed over; nothing is added."""

    def __init__(self, artefacts: Mapping[str, Artefact]) -> None:
        self._artefacts = artefacts

    def get(self, key: str, layout: Layout | None = None) -> Artefact | None:
        return self._artefacts.get(key)

    def put(self, key: str, artefact: Artefact) -> Artefact:
        return self._artefacts.get(key, artefact)

    def lease(self, key: str) -> AbstractContextManager[object]:
        return nullcontext()


def size_of(artefact: Artefact) -> int:
    """Bytes of an artefact in memory; small ones are mostly Python's own objects."""
    return _OBJECT_BYTES + sum(array.nbytes for array in artefact.values())
