"""The secret of a store: digests of its blobs are made with it, so nobody else can make one."""

from __future__ import annotations

import hashlib
import logging
import os

from greedy_core.store.blobs import SECRET, Blobs

logger = logging.getLogger(__name__)

KEY_BYTES = 32
DIGEST_BYTES = 32
_ATTEMPTS = 5


class StoreKey:
    """Makes the digests of a store's blobs; the secret is created by whoever needs it first.

    Args:
        blobs: where the secret lies, beside the blobs.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._secret: bytes | None = None

    def digest(self, name: str, content: bytes) -> bytes:
        """The digest of what is stored under a name.

        Raises:
            OSError: if the secret can be neither read nor created.
        """
        if self._secret is None:
            self._secret = self._found()
        keyed = hashlib.blake2b(key=self._secret, digest_size=DIGEST_BYTES)
        keyed.update(len(name).to_bytes(8, "little") + name.encode())
        keyed.update(content)
        return keyed.digest()

    def _found(self) -> bytes:
        """The stored secret; if several processes create one, the first one's counts."""
        for _ in range(_ATTEMPTS):
            secret = self._blobs.read(SECRET)
            if secret is None:
                self._blobs.create(SECRET, os.urandom(KEY_BYTES))
            elif len(secret) == KEY_BYTES:
                return secret
            else:
                logger.warning("state store: %s is damaged; all that is stored is lost", SECRET)
                self._blobs.remove(SECRET)
        raise OSError(f"{SECRET} can be neither read nor created")
