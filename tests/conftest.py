"""What all tests share: where optional data lies, and an object store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.object_store import object_store

# Before torch is imported: test files run side by side, and Ray's workers beside them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SLOWEST = (
    *("test_interruptions", "test_examples", "test_in_process", "test_failures"),
    *("test_poisoned_store", "test_inspection", "test_wakes", "test_chromium", "test_waiting_rows"),
    *("test_kills", "test_exactness", "test_trainable", "test_recovery", "test_confirm_log"),
    *("test_confirm", "test_disk", "test_bad_inputs", "test_report", "test_object_store"),
)
"""Files that take longest, the longest first."""

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes, so that no process is alone with it at the end."""
    ranks = {name: rank for rank, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Finds a file of the optional data folder, or skips the test that asks for it."""

    def find(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"needs {name} of the optional data folder {SHARED_DATA}")
        return path

    return find


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """All commands run their trials in this process, as if each of them had been told to."""
    from search.executors.in_process import InProcess
    from search.session.driver import Driver

    monkeypatch.setattr(Driver, "executor", lambda self, config: InProcess(config, self.interrupts))


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """The address of a bucket on an object store that lives as long as the tests do."""
    with object_store() as address:
        yield address
