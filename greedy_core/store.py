"""Where computed artefacts are kept, under keys made of exactly their inputs.

An artefact is a few named arrays. A store may forget, never change: `put` returns what is stored
afterwards, which is another process's artefact if that one was first.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

Artefact = Mapping[str, np.ndarray]


class Store(Protocol):
    """What keeps artefacts."""

    def get(self, key: str) -> Artefact | None:
        """The artefact of a key, or None."""
        ...

    def put(self, key: str, artefact: Artefact) -> Artefact:
        """Keep an artefact; returns the one that is kept under the key."""
        ...


def artefact_key(kind: str, **inputs: object) -> str:
    """Digest of an artefact's kind and of all of its inputs, which must be plain JSON values."""
    text = json.dumps([kind, inputs], sort_keys=True, allow_nan=False)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def remembered(store: Store, key: str, compute: Callable[[], Artefact]) -> tuple[Artefact, bool]:
    """Read an artefact, or compute and keep it; the flag says whether it was read."""
    artefact = store.get(key)
    if artefact is not None:
        return artefact, True
    return store.put(key, compute()), False


class MemoryStore:
    """Keeps artefacts in this process, up to a number of bytes, forgetting the least used first."""

    def __init__(self, limit_bytes: int = 256 * 2**20) -> None:
        self._limit = limit_bytes
        self._held = 0
        self._artefacts: OrderedDict[str, Artefact] = OrderedDict()

    @property
    def artefacts(self) -> dict[str, Artefact]:
        """Everything that is kept now."""
        return dict(self._artefacts)

    def get(self, key: str) -> Artefact | None:
        artefact = self._artefacts.get(key)
        if artefact is not None:
            self._artefacts.move_to_end(key)
        return artefact

    def put(self, key: str, artefact: Artefact) -> Artefact:
        if key in self._artefacts:
            return self._artefacts[key]
        self._artefacts[key] = artefact
        self._held += _size(artefact)
        # One artefact above the limit is still kept: it is in use.
        while self._held > self._limit and len(self._artefacts) > 1:
            _, forgotten = self._artefacts.popitem(last=False)
            self._held -= _size(forgotten)
        return artefact


class LayeredStore:
    """A quick store in front of slower ones; what is found further back moves to the front."""

    def __init__(self, front: Store, *behind: Store) -> None:
        self._front = front
        self._behind = behind

    def get(self, key: str) -> Artefact | None:
        artefact = self._front.get(key)
        if artefact is not None:
            return artefact
        for store in self._behind:
            artefact = store.get(key)
            if artefact is not None:
                return self._front.put(key, artefact)
        return None

    def put(self, key: str, artefact: Artefact) -> Artefact:
        for store in self._behind:
            artefact = store.put(key, artefact)
        return self._front.put(key, artefact)


class PreparedStore:
    """Artefacts that were computed before and handed over; nothing is added."""

    def __init__(self, artefacts: Mapping[str, Artefact]) -> None:
        self._artefacts = artefacts

    def get(self, key: str) -> Artefact | None:
        return self._artefacts.get(key)

    def put(self, key: str, artefact: Artefact) -> Artefact:
        return self._artefacts.get(key, artefact)


def _size(artefact: Artefact) -> int:
    return sum(array.nbytes for array in artefact.values())
