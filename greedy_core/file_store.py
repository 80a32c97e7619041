"""Artefacts as files in a folder that processes and machines may share.

A file is the SHA-256 of its key and content, then the content as safetensors. It is written under
a temporary name and linked to its own, which succeeds for one writer only; the others read what
that one wrote. A torn or foreign file does not match its digest: it is removed and computed anew.
That is also why nothing is synced to the disk here: what a power cut tears is found on reading.
"""

from __future__ import annotations

import hashlib
import logging
import os
import uuid
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from greedy_core.store import Artefact

logger = logging.getLogger(__name__)

_DIGEST_BYTES = 32
_SUFFIX = ".artefact"
_EVICTION_SHARE = 0.8
"""Eviction goes down to this share of the limit, so that it does not run for every file."""


class FileStore:
    """Keeps artefacts in a folder, at most `limit_bytes` of them, evicting the least used.

    A folder that cannot be written to switches the store to reading, with one warning.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._writes = True
        self._unchecked = limit_bytes  # what others wrote is unknown until the first check

    def get(self, key: str) -> Artefact | None:
        """Read an artefact; None if it is absent, torn, or not what its name says."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            logger.warning("state store: %s cannot be read: %s", path, error.strerror)
            return None
        artefact = _parse(key, content)
        if artefact is None:
            logger.warning("state store: %s is damaged; it is computed again", path)
            path.unlink(missing_ok=True)
            return None
        self._touch(path)
        return artefact

    def put(self, key: str, artefact: Artefact) -> Artefact:
        """Publish an artefact, unless somebody else was first: then theirs is returned."""
        if not self._writes:
            return artefact
        payload = save({name: np.ascontiguousarray(array) for name, array in artefact.items()})
        try:
            first = self._publish(key, _digest(key, payload) + payload)
        except OSError as error:
            self._writes = False
            logger.warning("state store: switched off, %s: %s", self._folder, error.strerror)
            return artefact
        if not first:
            return self.get(key) or artefact
        self._unchecked += len(payload)
        if self._unchecked >= self._limit * (1 - _EVICTION_SHARE):
            self._evict()
        return artefact

    def _publish(self, key: str, content: bytes) -> bool:
        """Create the file; False if it was there."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            temporary.write_bytes(content)
            os.link(temporary, path)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def _evict(self) -> None:
        """Remove the least recently used files until the store is well below its limit."""
        files = []
        for path in self._folder.rglob(f"*{_SUFFIX}"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # another process evicts as well
            files.append((status.st_mtime_ns, status.st_size, path))
        held = sum(size for _, size, _ in files)
        if held > self._limit:
            for _, size, path in sorted(files):
                path.unlink(missing_ok=True)
                held -= size
                if held <= self._limit * _EVICTION_SHARE:
                    break
        self._unchecked = 0

    def _path(self, key: str) -> Path:
        digest = key.rpartition("-")[2]
        return self._folder / digest[:2] / f"{key}{_SUFFIX}"

    def _touch(self, path: Path) -> None:
        """Note the use, for eviction."""
        try:
            os.utime(path)
        except OSError:
            # A folder that others own is read all the same; they evict by their own use.
            self._writes = False


def _digest(key: str, payload: bytes) -> bytes:
    return hashlib.sha256(key.encode() + payload).digest()


def _parse(key: str, content: bytes) -> Artefact | None:
    digest, payload = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if digest != _digest(key, payload):
        return None
    try:
        return load(payload)
    except SafetensorError:
        return None
