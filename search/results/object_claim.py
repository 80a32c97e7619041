"""A sweep's lock on an object store: lock.json, written only under conditions.

Creating is exclusive (`If-None-Match: *`). Whoever takes over, renews or deletes a lock names the
version that it has seen (`If-Match`), so of two that take over the same stale lock the second is
refused, and a driver that slept while its lock was taken cannot write into its successor's.

A write may reach the store although its answer does not reach us; repeated, it is then refused.
The token says whose the lock is in the end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from search.results.claim import Claim, Judge, Owner
from search.results.objects import Objects, StoredObject


class ObjectClaim(Claim):
    """A lock object; see the module."""

    def __init__(
        self,
        objects: Objects,
        key: str,
        owner: Callable[[], Owner],
        judge: Judge,
    ) -> None:
        self._objects = objects
        self._key = key
        self._owner = owner
        self._token = owner().token
        self._one_write = threading.Lock()
        self._tag = self._acquire(judge)

    def present(self) -> Owner | None:
        found = self._objects.get(self._key)
        return None if found is None else _owner(found)

    def held(self) -> bool:
        present = self.present()
        return present is not None and present.token == self._token

    def beat(self) -> None:
        with self._one_write:
            tag = self._objects.replace(self._key, self._owner().to_json(), self._tag)
            self._tag = tag or self._own_tag() or self._tag

    def release(self) -> None:
        with self._one_write:
            if tag := self._own_tag():
                self._objects.delete_version(self._key, tag)

    def _acquire(self, judge: Judge) -> str:
        while True:
            if tag := self._objects.create(self._key, self._owner().to_json()):
                return tag
            found = self._objects.get(self._key)
            if found is None:
                continue  # released between the two lines above
            present = _owner(found)
            if present.token == self._token:
                return found.tag
            if judge(present) and (
                tag := self._objects.replace(self._key, self._owner().to_json(), found.tag)
            ):
                return tag

    def _own_tag(self) -> str | None:
        """The lock's version if it is ours."""
        found = self._objects.get(self._key)
        return found.tag if found and _owner(found).token == self._token else None


def _owner(found: StoredObject) -> Owner:
    return Owner.parse(found.content, found.changed)
