"""Named bytes in a place that processes and machines may share: what stores and leases rest on.

A blob appears whole or not at all, and under one name only one writer succeeds in creating it.
"""

from __future__ import annotations

from typing import Protocol

LEASES = "leases"
"""First part of the names of leases."""

SECRET = "store.key"
"""Name of the blob that a store's digests are keyed with; on a disk only its owner may read it."""

KEEPSAKES = (LEASES, SECRET)
"""First parts of the names that are never evicted."""


class Blobs(Protocol):
    """Bytes by name; names are one or more plain parts between slashes.

    Every method raises OSError where the place refuses.
    """

    def read(self, name: str) -> bytes | None:
        """The blob's content, or None if it is absent."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Create a blob; False, and nothing is written, if it is there already."""
        ...

    def replace(self, name: str, content: bytes) -> None:
        """Create a blob or give it another content."""
        ...

    def remove(self, name: str) -> None:
        """Remove a blob, if it is there."""
        ...
