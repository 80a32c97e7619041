"""Folders for the log and the lock, on every kind of place where results may lie."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from search.results.parts import LocalFolder, ResultsFolder
from search.results.places import results_folder


@pytest.fixture
def remote(bucket: str) -> ResultsFolder:
    """A new folder on an object store."""
    return results_folder(f"{bucket}/{uuid.uuid4().hex}/tiny")


@pytest.fixture(params=["local", "s3"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> ResultsFolder:
    """A new folder, local in one run of the test, on an object store in the other."""
    if request.param == "local":
        local = LocalFolder(tmp_path / "tiny")
        local.create()
        return local
    found: ResultsFolder = request.getfixturevalue("remote")
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's first rule is tried on both places; on an object store the others are nightly.

    A request takes the store's double ten milliseconds, and a sweep needs hundreds of them. Whole
    sweeps, locks and cuts on an object store are tried by day as well, in files of their own.
    """
    tried: set[Path] = set()
    for item in items:
        case = getattr(item, "callspec", None)
        if case is not None and case.params.get("folder") == "s3":
            if item.path in tried:
                item.add_marker(pytest.mark.nightly)
            tried.add(item.path)
