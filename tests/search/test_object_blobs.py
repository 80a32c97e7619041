"""The state store on an object store: conditional PUTs decide races, and leases hold."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from greedy_core.store.artefacts import Artefact, computed_once
from greedy_core.store.blob_store import BlobStore
from greedy_core.store.blobs import LEASES, SECRET
from greedy_core.store.key import KEY_BYTES
from search.worker.object_blobs import ObjectBlobs

KEY = "targets-0123456789"


@pytest.fixture
def address(bucket: str) -> str:
    return f"{bucket}/{uuid.uuid4().hex}"


def of(value: int) -> Artefact:
    return {"x": np.array(value)}


def test_of_creators_that_race_one_succeeds(address: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        created = list(
            pool.map(lambda n: ObjectBlobs(address).create("name", bytes([n])), range(8))
        )
    assert created.count(True) == 1
    assert ObjectBlobs(address).read("name") == bytes([created.index(True)])


def test_artefacts_are_read_back_and_the_first_one_stays(address: str) -> None:
    store, other = (BlobStore(ObjectBlobs(address)) for _ in range(2))
    assert store.get(KEY) is None
    assert int(store.put(KEY, of(1))["x"]) == 1
    assert int(other.put(KEY, of(2))["x"]) == 1
    found = other.get(KEY)
    assert found is not None and int(found["x"]) == 1


def test_a_damaged_object_is_removed_and_computed_again(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    blobs = ObjectBlobs(address)
    store = BlobStore(blobs)
    store.put(KEY, of(1))
    name = f"01/{KEY}.artefact"
    content = blobs.read(name)
    assert content is not None
    blobs.replace(name, content[:-1])
    assert store.get(KEY) is None
    assert "is damaged; it is computed again" in caplog.text
    assert int(store.put(KEY, of(2))["x"]) == 2


def test_what_is_dear_is_computed_once_and_its_lease_given_back(address: str) -> None:
    calls: list[int] = []

    def want(number: int) -> int:
        def compute() -> Artefact:
            calls.append(number)
            return of(number)

        return int(computed_once(BlobStore(ObjectBlobs(address)), KEY, compute)["x"])

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(want, range(4)))
    assert len(calls) == 1
    assert found == set(calls)
    assert ObjectBlobs(address).read(f"{LEASES}/{KEY}") is None
    secret = ObjectBlobs(address).read(SECRET)
    assert secret is not None and len(secret) == KEY_BYTES


def test_a_store_that_fails_is_switched_off_and_the_work_goes_on(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    gone = address.replace("s3://", "s3://no-such-")
    store = BlobStore(ObjectBlobs(gone))
    for value in (1, 2):
        assert int(computed_once(store, KEY, lambda value=value: of(value))["x"]) == value  # type: ignore[misc]
    assert caplog.text.count("state store: switched off") == 1
    assert "there is no such bucket" in caplog.text
