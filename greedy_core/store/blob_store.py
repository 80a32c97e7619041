"""Artefacts as blobs that processes and machines may share.

A blob is a digest of its key and content, made with the store's secret, then the content as
safetensors. A torn or foreign one does not match its digest, and one with other arrays than its
reader expects is of no use: it is removed and computed anew. That is also why nothing is synced to
the disk here: what a power cut tears is found on reading.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from greedy_core.store.artefacts import Artefact, Layout
from greedy_core.store.blobs import Blobs
from greedy_core.store.key import DIGEST_BYTES, StoreKey
from greedy_core.store.lease import Lease
from greedy_core.store.switch import StoreSwitch

logger = logging.getLogger(__name__)


class BlobStore:
    """Keeps artefacts as blobs; a place that refuses is reported once, and left alone for a while.

    Args:
        blobs: where they are kept.
        waiting: called again and again while another process computes what is wanted.
    """

    def __init__(self, blobs: Blobs, waiting: Callable[[], None] = lambda: None) -> None:
        self._blobs = blobs
        self._key = StoreKey(blobs)
        self._waiting = waiting
        self._switch = StoreSwitch(str(blobs))

    @property
    def refusal(self) -> str | None:
        """Why it is switched off, in one line; None while it is not."""
        return self._switch.refusal

    def get(self, key: str, layout: Layout | None = None) -> Artefact | None:
        """Read an artefact; None if it is absent, torn, or not what its name or layout says."""
        if not self._switch.reading:
            return None
        name = _name(key)
        try:
            content = self._blobs.read(name)
            artefact = None if content is None else self._parse(key, content, layout)
        except OSError as error:
            logger.warning("state store: %s cannot be read: %s", name, error.strerror or error)
            self._switch.read_failed(error)
            return None
        self._switch.read()
        if content is None:
            return None
        if artefact is None:
            logger.warning("state store: %s is damaged; it is computed again", name)
            self._remove(name)
        return artefact

    def put(self, key: str, artefact: Artefact) -> Artefact:
        """Publish an artefact, unless somebody else was first: then theirs is returned."""
        if not self._switch.writing:
            return artefact
        payload = save({name: np.asarray(array, order="C") for name, array in artefact.items()})
        try:
            first = self._blobs.create(_name(key), self._key.digest(key, payload) + payload)
        except OSError as error:
            self._switch.write_failed(error)
            return artefact
        self._switch.written()
        return artefact if first else self.get(key, Layout.of(artefact)) or artefact

    @contextmanager
    def lease(self, key: str) -> Iterator[None]:
        """The right to compute an artefact, which one process has at a time."""
        lease = Lease(self._blobs, key, self._waiting) if self._switch.writing else None
        try:
            if lease is not None:
                lease.acquire()
        except OSError as error:
            self._switch.write_failed(error)
            lease = None
        try:
            yield
        finally:
            if lease is not None:
                lease.release()

    def _parse(self, key: str, content: bytes, layout: Layout | None) -> Artefact | None:
        digest, payload = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        if not hmac.compare_digest(digest, self._key.digest(key, payload)):
            return None
        try:
            artefact = load(payload)
        except SafetensorError:
            return None
        return artefact if layout in (None, Layout.of(artefact)) else None

    def _remove(self, name: str) -> None:
        try:
            self._blobs.remove(name)
        except OSError as error:
            self._switch.write_failed(error)


def _name(key: str) -> str:
    digest = key.rpartition("-")[2]
    return f"{digest[:2]}/{key}.artefact"
