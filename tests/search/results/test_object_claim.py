"""A lock on an object store, where an answer can get lost although the write was done."""

from __future__ import annotations

import itertools
import json

import pytest

from analysis.tables.address import S3Address
from greedy_core.process import this_process
from search.results.claim import LOCK, Owner
from search.results.object_claim import ObjectClaim
from search.results.objects import Objects
from search.results.parts import ResultsFolder
from tests.search.results.files import content, read


class LostAnswers(Objects):
    """A store whose answers to the first conditional writes are lost, so that they are repeated."""

    def create(self, key: str, content: bytes) -> str | None:
        super().create(key, content)
        return super().create(key, content)

    def replace(self, key: str, content: bytes, tag: str) -> str | None:
        super().replace(key, content, tag)
        return super().replace(key, content, tag)


def test_a_lock_whose_writing_was_repeated_is_known_as_ours(remote: ResultsFolder) -> None:
    where = S3Address.parse(remote.reading.address)
    times = itertools.count(1_800_000_000.0)
    claim = ObjectClaim(
        LostAnswers(where.bucket, remote.reading.address),
        f"{where.prefix}/{LOCK}",
        owner=lambda: Owner(this_process(), next(times), "mine"),
        judge=lambda owner: pytest.fail(f"taken for another's: {owner}"),
    )
    for _ in range(2):
        before = json.loads(read(remote, LOCK))["heartbeat"]
        claim.beat()
        assert claim.held() and json.loads(read(remote, LOCK))["heartbeat"] != before
    claim.release()
    assert content(remote) == {}
