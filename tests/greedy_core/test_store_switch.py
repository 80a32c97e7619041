"""A state store that fails is left alone for a while, and used again once it is back."""

from __future__ import annotations

import errno
import logging

import pytest

from greedy_core.store.blob_store import BlobStore
from greedy_core.store.switch import FIRST_PAUSE, LONGEST_PAUSE, StoreSwitch
from tests.greedy_core.test_blob_store import KEY, first, of

GONE = OSError(errno.ETIMEDOUT, "Connection timed out")
FULL = OSError(errno.ENOSPC, "No space left on device")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Place:
    """Blobs in memory, which refuse while `error` is set."""

    def __init__(self) -> None:
        self.error: OSError | None = None
        self.asked = 0
        self.blobs: dict[str, bytes] = {}

    def __str__(self) -> str:
        return "a store"

    def _answer(self) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error

    def read(self, name: str) -> bytes | None:
        self._answer()
        return self.blobs.get(name)

    def create(self, name: str, content: bytes) -> bool:
        self._answer()
        return self.blobs.setdefault(name, content) is content

    def replace(self, name: str, content: bytes) -> None:
        self._answer()
        self.blobs[name] = content

    def remove(self, name: str) -> None:
        self._answer()
        self.blobs.pop(name, None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def store(place: Place, clock: Clock) -> BlobStore:
    store = BlobStore(place)
    store._switch = StoreSwitch("a store", clock=clock, chance=lambda: 1.0)
    return store


def test_after_a_pause_it_is_written_again_and_that_is_told(
    store: BlobStore, place: Place, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    place.error = FULL
    with caplog.at_level(logging.WARNING):
        store.put(KEY, of(1.0))
        asked = place.asked
        store.put(KEY, of(1.0))
        assert place.asked == asked, "it is left alone"
        assert store.refusal == "state store: switched off, a store: No space left on device"
        place.error, clock.now = None, FIRST_PAUSE
        store.put(KEY, of(1.0))
    assert store.refusal is None
    assert first(store.get(KEY)) == 1.0
    assert caplog.messages == [
        "state store: switched off, a store: No space left on device",
        "state store: a store is used again",
    ]


def test_after_a_pause_it_is_read_again(store: BlobStore, place: Place, clock: Clock) -> None:
    store.put(KEY, of(1.0))
    place.error = GONE
    for _ in range(3):
        assert store.get(KEY) is None
    place.error, asked = None, place.asked
    assert store.get(KEY) is None
    assert place.asked == asked, "it is left alone"
    clock.now = FIRST_PAUSE
    assert first(store.get(KEY)) == 1.0
    assert store.refusal is None


def test_pauses_grow_and_the_outage_is_told_once(
    store: BlobStore, place: Place, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    place.error = FULL
    with caplog.at_level(logging.WARNING):
        for second in range(24 * 3600):
            clock.now = float(second)
            store.put(KEY, of(1.0))
    assert 24 * 6 <= place.asked <= 24 * 6 + 10
    assert len(caplog.messages) == 1


def test_a_place_that_can_only_be_read_goes_on_being_read(
    store: BlobStore, place: Place, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(KEY, of(1.0))
    store._switch.write_failed(OSError(errno.EROFS, "Read-only file system"))
    for _ in range(5):
        assert first(store.get(KEY)) == 1.0
    assert store.refusal is not None, "reading does not tell that it can be written"
    assert len(caplog.messages) == 1


def test_one_that_fails_again_soon_is_not_told_ever_more_often(
    store: BlobStore, place: Place, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Room for one more, again and again."""
    switch = store._switch
    with caplog.at_level(logging.WARNING):
        for second in range(3600):
            clock.now = float(second)
            if switch.writing:
                switch.written()
                switch.write_failed(FULL)
    assert len(caplog.messages) < 2 * (3600 / LONGEST_PAUSE + 8)
