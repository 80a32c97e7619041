"""Keeps what a process computes to itself until the model that it was computed on is verified."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from greedy_core.store.artefacts import Artefact, Layout, Store, size_of

CHECKED_SHARE = 0.01
"""Share of a walk's time that goes to checks: one that takes 1 ms of processor time is made every
100 ms."""

_STAGED_BYTES = 64 * 2**20
"""Memory for what is not published yet; if there is more, the model is verified early."""


class StagedStore:
    """Publishes what was computed to a store that others read, once the model is verified.

    Args:
        shared: what others read.
        verify: raises if the model is not what it was.
    """

    def __init__(self, shared: Store, verify: Callable[[], None]) -> None:
        self._shared = shared
        self._verify = verify
        self._staged: dict[str, Artefact] = {}
        self._bytes = 0
        self._checked = time.monotonic()
        self._cost = 0.0
        self._refused: Exception | None = None

    def get(self, key: str, layout: Layout | None = None) -> Artefact | None:
        """What is staged, else what is published."""
        return self._staged.get(key) or self._shared.get(key, layout)

    def put(self, key: str, artefact: Artefact) -> Artefact:
        """Stage an artefact; verify and publish, if it is time."""
        kept = self._staged.setdefault(key, artefact)
        self._bytes += size_of(artefact)
        if self._bytes > _STAGED_BYTES:
            self.publish()
        self.publish_if_due()
        return kept

    @contextmanager
    def lease(self, key: str) -> Iterator[None]:
        """As the shared store's; what was computed inside is published before it is given back."""
        with self._shared.lease(key):
            yield
            self.publish()

    def publish_if_due(self) -> None:
        """Publish, if checks have not yet had their share of the time.

        Raises:
            BaseModelChanged: from `verify`, now and ever after.
        """
        if (time.monotonic() - self._checked) * CHECKED_SHARE >= self._cost:
            self.publish()

    def publish(self, even_if_nothing_waits: bool = False) -> None:
        """Verify the model, and let others see what was computed on it.

        What was computed on a model that has changed is dropped, and so is all that comes later.

        Args:
            even_if_nothing_waits: verify the model all the same.

        Raises:
            BaseModelChanged: from `verify`, now and ever after.
        """
        if not (self._staged or even_if_nothing_waits or self._refused):
            return
        self._require_verified()
        for key, artefact in self._staged.items():
            self._shared.put(key, artefact)
        self.drop()

    def _require_verified(self) -> None:
        if self._refused is not None:
            raise self._refused
        started = time.thread_time()
        try:
            self._verify()
        except Exception as refusal:
            self._refused = refusal
            self.drop()
            raise
        self._checked = time.monotonic()
        self._cost = time.thread_time() - started

    def drop(self) -> None:
        """Forget what is not published."""
        self._staged.clear()
        self._bytes = 0
