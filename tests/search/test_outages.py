"""What may pass is told from what cannot, and is waited for with growing pauses, up to a limit."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.errors import StorageError
from greedy_core.errors import InputError
from search.cluster.interrupts import Interrupts
from search.cluster.retrying import Retrying
from search.errors import LockLost
from search.results import objects
from search.results.lock import SweepLock
from search.results.parts import LocalFolder, ResultsFolder
from search.results.places import results_folder
from tests.faulty_proxy import (
    BAD_GATEWAY,
    DENIED,
    INTERNAL,
    NO_BUCKET,
    SLOW_DOWN,
    Answer,
    Faults,
)
from tests.search.outages import Time, retrying

ANSWERS = [
    pytest.param(SLOW_DOWN, True, id="503 SlowDown"),
    pytest.param(INTERNAL, True, id="500"),
    pytest.param(BAD_GATEWAY, True, id="a proxy's 502"),
    pytest.param((429, b""), True, id="429"),
    pytest.param(None, True, id="cut off"),
    pytest.param(DENIED, False, id="access denied"),
    pytest.param(NO_BUCKET, False, id="no such bucket"),
    pytest.param((501, b""), False, id="501, not implemented"),
    pytest.param((507, b""), False, id="507, the store is full"),
]
REQUESTS: dict[str, Callable[[ResultsFolder], object]] = {
    "put": lambda folder: folder.put("x", b"1"),
    "remove": lambda folder: folder.remove(["x"]),
    "put_new": lambda folder: folder.put_new("x", b"1"),
    "show": lambda folder: folder.show(["trials/x"]),
    "claim": lambda folder: SweepLock(folder),
    "list": lambda folder: folder.reading.entries(),
    "read": lambda folder: folder.reading.text("x"),
}


@pytest.mark.parametrize(("answer", "may_pass"), ANSWERS)
def test_what_time_may_cure_is_told_from_what_it_cannot(
    far_folder: ResultsFolder, faults: Faults, answer: Answer, may_pass: bool
) -> None:
    faults.everything(answer)
    for name, request in REQUESTS.items():
        if name in ("list", "read") and answer == NO_BUCKET:
            continue  # what is missing reads like an empty far_folder
        with pytest.raises(StorageError) as caught:
            request(far_folder)
        assert (name, caught.value.may_pass) == (name, may_pass), caught.value


@pytest.mark.parametrize("answers", [False, True], ids=["nobody listens", "nobody answers"])
def test_no_answer_may_pass(
    failing_store: tuple[str, Faults],
    faults: Faults,
    monkeypatch: pytest.MonkeyPatch,
    answers: bool,
) -> None:
    import socket

    monkeypatch.setattr(objects, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        if not answers:
            silent.close()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        with pytest.raises(StorageError, match=f"no answer from 127.0.0.1:{port}") as caught:
            results_folder(f"{failing_store[0]}/x").put("x", b"1")
    assert caught.value.may_pass


@pytest.mark.parametrize(
    ("number", "may_pass"),
    [
        (errno.EIO, True),
        (errno.ESTALE, True),
        (errno.ETIMEDOUT, True),
        (errno.EHOSTDOWN, True),
        (errno.ENOTCONN, True),
        (errno.ENOSPC, False),
        (errno.EDQUOT, False),
        (errno.EROFS, False),
        (errno.EACCES, False),
    ],
    ids=lambda value: errno.errorcode.get(value, value) if value > 1 else str(bool(value)),
)
def test_of_a_disk_a_file_server_that_is_away_may_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, may_pass: bool
) -> None:
    folder = LocalFolder(tmp_path)
    with SweepLock(folder) as lock:
        reason = os.strerror(number)

        def refuse(*arguments: Any, **options: Any) -> None:
            raise OSError(number, reason)

        with monkeypatch.context() as broken:
            broken.setattr(os, "replace", refuse)
            with pytest.raises(StorageError, match=f"cannot be written: {reason}") as caught:
                folder.put("x", b"1")
            assert caught.value.may_pass == may_pass
            broken.setattr(os, "fstat", refuse)
            if number == errno.ESTALE:  # so a file server says that a file was replaced
                with pytest.raises(LockLost):
                    lock.check()
                return
            with pytest.raises(StorageError, match=f"cannot be read: {reason}") as unknown:
                lock.check()
    assert unknown.value.may_pass == may_pass


def failing(times: int, may_pass: bool = True) -> Callable[[], str]:
    """Refused so many times, then done."""
    left = iter(range(times))

    def do() -> str:
        if next(left, None) is not None:
            raise StorageError("s3://b: no answer", may_pass)
        return "done"

    return do


def test_pauses_grow_up_to_a_minute_and_the_outage_is_told_twice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    time, tried = Time(), []
    do = failing(9)
    with caplog.at_level(logging.WARNING):
        assert retrying(time).insist(lambda: (tried.append(round(time.now)), do())[1]) == "done"
    assert tried == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]
    assert caplog.messages == [
        "s3://b: no answer; retrying for up to 10 min",
        "s3://b: no answer: over after 4 min",
    ]


def test_after_the_limit_it_is_given_up_and_not_much_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    time = Time()
    waiting = retrying(time, give_up_after=100)
    with pytest.raises(StorageError, match=r"^s3://b: no answer; given up after 100 s$"):
        waiting.insist(failing(1000))
    assert time.now == pytest.approx(100)
    with pytest.raises(StorageError):
        waiting.insist(failing(1000))
    assert time.now == pytest.approx(100), "what comes after is tried once"
    assert len(caplog.messages) == 1


def test_what_cannot_pass_and_no_waiting_raise_at_once(caplog: pytest.LogCaptureFixture) -> None:
    time = Time()
    for given, error in ((600, failing(1, may_pass=False)), (0, failing(1))):
        with pytest.raises(StorageError, match=r"^s3://b: no answer$"):
            retrying(time, given).insist(error)
    assert (time.now, caplog.messages) == (0, [])


def test_a_signal_ends_the_waiting_after_one_attempt() -> None:
    time, interrupts = Time(), Interrupts()
    waiting = retrying(time, interrupts=interrupts)
    time.at[20] = lambda: setattr(interrupts, "received", 15)
    with pytest.raises(KeyboardInterrupt):
        waiting.insist(failing(1000))
    assert 20 <= time.now < 21
    assert waiting.insist(failing(0)) == "done"


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_giving_up_must_be_a_time(seconds: float) -> None:
    with pytest.raises(InputError, match=r"`--give-up-after >= 0` must hold, but got"):
        Retrying(seconds, Interrupts())
