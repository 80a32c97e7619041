"""The right to compute something costly: one process has it, the others wait for its result.

A lease is a blob that its holder rewrites every few seconds. Whoever waits looks for a change, by
its own clock; a lease that does not change for a while belongs to a dead process, and lapses. Two
processes may then both believe that they hold it, which costs time and nothing else: what they
compute is the same, and a store keeps the first.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable

from greedy_core.process import ProcessName, this_process
from greedy_core.store.blobs import LEASES, Blobs

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 2.0
"""How often a holder rewrites its lease."""

LAPSE_SECONDS = 20.0
"""How long a lease may stay as it is before it counts as abandoned."""

_POLL_SECONDS = 0.1

_FRUITLESS = 5
"""How many times in a row something unreadable is in the way before it counts as no lease."""


class Lease:
    """One attempt to hold what is named by a key; acquired once, released once.

    Args:
        blobs: where the lease is visible to everybody who shares the result.
        key: what is to be computed.
        waiting: called again and again while another process holds it.
        heartbeat_seconds: how often it is rewritten.
        lapse_seconds: how long another one's may stay as it is.
    """

    def __init__(
        self,
        blobs: Blobs,
        key: str,
        waiting: Callable[[], None] = lambda: None,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        lapse_seconds: float = LAPSE_SECONDS,
    ) -> None:
        self._blobs = blobs
        self._name = f"{LEASES}/{key}"
        self._waiting = waiting
        self._heartbeat_seconds = heartbeat_seconds
        self._lapse_seconds = lapse_seconds
        self._holder = f"{_text(this_process())} {uuid.uuid4().hex}"
        self._released = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True)

    def acquire(self) -> None:
        """Wait until nobody else holds it, and take it; where that is impossible, go on without it.

        Raises:
            OSError: if the place refuses.
        """
        fruitless = 0
        while not self._blobs.create(self._name, self._content(0)):
            fruitless = 0 if self._wait() else fruitless + 1
            if fruitless == _FRUITLESS:
                logger.warning(
                    "lease %s: something that is not a lease is in its place; going on without it",
                    self._name,
                )
                return
        self._heart.start()

    def release(self) -> None:
        """Give it back, unless it has lapsed and belongs to somebody else."""
        self._released.set()
        if self._heart.ident is not None:
            self._heart.join()
        try:
            if self._is_ours():
                self._blobs.remove(self._name)
        except OSError as failure:
            logger.warning("lease %s: not given back, it will lapse: %s", self._name, failure)

    def _wait(self) -> bool:
        """Return once the lease is free, or lapsed and removed; False if none was ever seen."""
        seen, since = None, time.monotonic()
        while True:
            content = self._blobs.read(self._name)
            if content is None:
                return seen is not None
            if content != seen:
                seen, since = content, time.monotonic()
            if time.monotonic() - since >= self._lapse_seconds or _is_dead(content):
                logger.info("lease %s: its holder is gone", self._name)
                self._blobs.remove(self._name)
                return True
            self._waiting()
            time.sleep(_POLL_SECONDS)

    def _beat(self) -> None:
        beats = 0
        while not self._released.wait(self._heartbeat_seconds):
            beats += 1
            try:
                if not self._is_ours():
                    return  # it lapsed, and somebody else computes as well
                self._blobs.replace(self._name, self._content(beats))
            except OSError as failure:
                logger.warning("lease %s: no heartbeat: %s", self._name, failure)

    def _is_ours(self) -> bool:
        content = self._blobs.read(self._name)
        return content is not None and content.startswith(self._holder.encode())

    def _content(self, beats: int) -> bytes:
        return f"{self._holder} {beats}".encode()


def _text(process: ProcessName) -> str:
    """A process's name as four words; what the content of its lease begins with."""
    space = process.space.replace(" ", "/")
    return f"{process.host} {space} {process.pid} {process.started}"


def _is_dead(content: bytes) -> bool:
    """Whether the holder was a process that is gone, as far as that can be known from here."""
    words = content.decode(errors="replace").split(" ")
    if len(words) != 6 or not words[2].isdecimal() or len(words[2]) > 10:
        return False  # not a lease of ours: it lapses
    host, space, pid, started = words[:4]
    return ProcessName(host, space.replace("/", " "), int(pid), started).is_gone
