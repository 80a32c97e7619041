from __future__ import annotations

import hashlib
import logging
import multiprocessing
import os
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest

from greedy_core.store.artefacts import Artefact, Layout, artefact_key, computed_once, remembered
from greedy_core.store.blob_store import BlobStore
from greedy_core.store.blobs import SECRET, Blobs
from greedy_core.store.folder_blobs import FolderBlobs

LIMIT = 2**30
KEY = artefact_key("scores", state="root", rows=3)


def opened(folder: Path, limit: int = LIMIT) -> BlobStore:
    return BlobStore(FolderBlobs(folder, limit))


def of(value: float, size: int = 8) -> Artefact:
    return {"rows": np.full(size, value), "count": np.array([size])}


def first(artefact: Artefact | None) -> float | None:
    return None if artefact is None else float(artefact["rows"][0])


def only_file(folder: Path) -> Path:
    (file,) = folder.rglob("*.artefact")
    return file


def test_what_was_stored_is_read_back_with_its_types(tmp_path: Path) -> None:
    artefact = {"a": np.arange(6, dtype=np.float32).reshape(2, 3).T, "b": np.array(7)}
    opened(tmp_path).put(KEY, artefact)
    read = opened(tmp_path).get(KEY)
    assert read is not None
    assert set(read) == {"a", "b"}
    for name, array in artefact.items():
        assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(read[name], array)


def test_the_first_to_write_wins(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert first(store.put(KEY, of(1.0))) == 1.0
    assert first(opened(tmp_path).put(KEY, of(2.0))) == 1.0
    assert first(store.get(KEY)) == 1.0


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[: len(content) // 2], id="truncated"),
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: content[:40] + b"?" + content[41:], id="one byte wrong"),
        pytest.param(lambda content: b"\x80\x04." * 50, id="foreign"),
    ],
)
def test_a_damaged_file_is_computed_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: object
) -> None:
    store = opened(tmp_path)
    store.put(KEY, of(1.0))
    file = only_file(tmp_path)
    assert callable(damage)
    file.write_bytes(damage(file.read_bytes()))
    assert first(remembered(store, KEY, lambda: of(2.0))[0]) == 2.0
    assert "is damaged; it is computed again" in caplog.text
    assert first(opened(tmp_path).get(KEY)) == 2.0


def test_an_artefact_under_another_ones_name_is_not_believed(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.put(KEY, of(1.0))
    other = artefact_key("scores", state="root", rows=4)
    target = tmp_path / other.rpartition("-")[2][:2] / only_file(tmp_path).name.replace(KEY, other)
    target.parent.mkdir(exist_ok=True)
    os.link(only_file(tmp_path), target)
    assert store.get(other) is None


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"rows": np.zeros(7), "count": np.array([7])}, id="another shape"),
        pytest.param({"rows": np.zeros(8, np.float32), "count": np.array([8])}, id="another type"),
        pytest.param({"rows": np.zeros(8)}, id="one too few"),
        pytest.param({**of(0.0), "more": np.zeros(1)}, id="one too many"),
        pytest.param({"row": np.zeros(8), "count": np.array([8])}, id="another name"),
    ],
)
def test_wrong_arrays_under_a_key_are_computed_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wrong: Artefact
) -> None:
    opened(tmp_path).put(KEY, wrong)
    store = opened(tmp_path)
    assert first(remembered(store, KEY, lambda: of(2.0), Layout.of(of(2.0)))[0]) == 2.0
    assert "is damaged; it is computed again" in caplog.text
    assert first(opened(tmp_path).get(KEY, Layout.of(of(2.0)))) == 2.0


def test_who_writes_second_does_not_take_wrong_arrays_for_the_first_ones(tmp_path: Path) -> None:
    opened(tmp_path).put(KEY, {"other": np.zeros(1)})
    assert first(opened(tmp_path).put(KEY, of(2.0))) == 2.0


def test_a_blob_of_another_store_is_not_believed(tmp_path: Path) -> None:
    for name, value in (("here", 1.0), ("there", 2.0)):
        opened(tmp_path / name).put(KEY, of(value))
    only_file(tmp_path / "here").write_bytes(only_file(tmp_path / "there").read_bytes())
    assert opened(tmp_path / "here").get(KEY) is None


def test_a_blob_that_says_nothing_of_the_secret_is_not_believed(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.put(KEY, of(1.0))
    payload = only_file(tmp_path).read_bytes()[32:]
    only_file(tmp_path).write_bytes(hashlib.sha256(KEY.encode() + payload).digest() + payload)
    assert store.get(KEY) is None


@pytest.mark.parametrize("damage", [bytes(31), b"", bytes(33)])
def test_a_damaged_secret_loses_the_store_and_nothing_else(tmp_path: Path, damage: bytes) -> None:
    opened(tmp_path).put(KEY, of(1.0))
    (tmp_path / SECRET).write_bytes(damage)
    assert opened(tmp_path).get(KEY) is None
    opened(tmp_path).put(KEY, of(2.0))
    assert first(opened(tmp_path).get(KEY)) == 2.0


def test_a_secret_that_is_no_file_is_made_anew(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / SECRET)
    opened(tmp_path).put(KEY, of(1.0))
    assert first(opened(tmp_path).get(KEY)) == 1.0


def put_at_once(folder: Path, value: float, barrier: Barrier) -> None:
    """In a process of its own: write when the others do; exit with what is stored then."""
    store = opened(folder)
    barrier.wait()
    kept = first(store.put(KEY, of(value, size=100_000)))
    assert kept is not None
    os._exit(int(kept))


def test_of_writers_that_race_all_return_what_one_of_them_wrote(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    racers = [
        context.Process(target=put_at_once, args=(tmp_path, value, barrier))
        for value in (1.0, 2.0, 3.0, 4.0)
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    stored = first(opened(tmp_path).get(KEY))
    assert stored in (1.0, 2.0, 3.0, 4.0)
    assert [racer.exitcode for racer in racers] == [stored] * 4
    assert only_file(tmp_path).name.startswith(KEY)


def test_beyond_the_limit_what_was_not_used_for_longest_goes(tmp_path: Path) -> None:
    limit = 20_000
    store = opened(tmp_path, limit)
    keys = [artefact_key("scores", number=number) for number in range(30)]
    for age, key in enumerate(keys):
        store.put(key, of(1.0, size=200))
        for path in tmp_path.rglob(f"{keys[0]}*"):
            os.utime(path)  # in constant use
        for path in tmp_path.rglob(f"{key}*"):
            os.utime(path, (age, age) if age else None)
    held = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert 0 < held <= limit
    assert store.get(keys[0]) is not None
    assert store.get(keys[1]) is None
    assert store.get(keys[-1]) is not None


def test_a_folder_that_cannot_be_written_switches_the_store_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "a file, not a folder"
    blocked.write_text("")
    store = opened(blocked / "cache")
    with caplog.at_level(logging.WARNING):
        for value in (1.0, 2.0):
            assert first(store.put(KEY, of(value))) == value
    assert caplog.text.count("state store: switched off") == 1


class Failing(Blobs):
    """Reads fail as a list says, one after the other; nothing is there."""

    def __init__(self, *fails: bool) -> None:
        self.left = [*fails]

    def __str__(self) -> str:
        return "a store"

    def read(self, name: str) -> bytes | None:
        if self.left.pop(0):
            raise OSError("no answer")
        return None

    def create(self, name: str, content: bytes) -> bool:
        raise AssertionError("it is switched off")


def test_reads_that_fail_again_and_again_switch_the_store_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    blobs = Failing(True, True, True, True)
    store = BlobStore(blobs)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            assert store.get(KEY) is None
    assert len(blobs.left) == 1, "the third failure is the last read"
    assert store.refusal == "state store: switched off, a store: no answer"
    assert caplog.text.count(store.refusal) == 1
    assert first(computed_once(store, KEY, lambda: of(1.0))) == 1.0


def test_reads_that_fail_now_and_then_do_not(caplog: pytest.LogCaptureFixture) -> None:
    blobs = Failing(True, True, False, True, True, False)
    store = BlobStore(blobs)
    for _ in range(6):
        store.get(KEY)
    assert blobs.left == [] and store.refusal is None
