"""What the tests of search share: a cache of their own, and one finished sweep that many read."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import analysis
from analysis.tables import storage
from search.cluster.private_ray import private_ray
from search.cluster.ray_session import QUIET
from search.results import objects
from search.results.parts import ResultsFolder
from search.results.places import results_folder
from tests.faulty_proxy import Faults, faulty_store
from tests.made_once import made_once
from tests.search.sweeps import SECRETS, sweep


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """States are stored here, never in the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def ray_here(cache_folder: Path) -> Iterator[None]:
    """One Ray for all sweeps of this process; those that are commands start their own.

    Its workers see the secrets that `finished` runs with.
    """
    with pytest.MonkeyPatch.context() as patch, private_ray() as ours:
        for name, value in QUIET.items():
            patch.setenv(name, value)
        with pytest.MonkeyPatch.context() as meanwhile:
            for name, value in SECRETS.items():
                meanwhile.setenv(name, value)
            ours.start(num_cpus=2, log_to_driver=False)
        yield
        ours.leave(None)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Path:
    """The folder of a finished sweep with ASHA: three baselines and six search trials.

    Its store is beside it. Other processes read both, too.
    """
    return made_once(tmp_path_factory, "search", run_to_the_end) / "finished"


def run_to_the_end(folder: Path) -> None:
    """Run the finished sweep."""
    changes = {
        "search.trials": 6,
        "search.concurrency": 2,
        "search.audit": 1,
        "seed": 1,
        "cache.dir": folder / "cache",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, secret in SECRETS.items():
            patch.setenv(name, secret)
        assert sweep(folder / "finished", changes, in_process=True).trials == 6


@pytest.fixture(scope="session")
def tables(finished: Path) -> analysis.Sweep:
    """Its tables."""
    return analysis.load(finished)


@pytest.fixture(scope="module")
def failing_store() -> Iterator[tuple[str, Faults]]:
    """The address of a bucket, and what makes its store fail."""
    with faulty_store() as found:
        yield found


@pytest.fixture
def faults(failing_store: tuple[str, Faults], monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """The store's switch; its clients do not try again by themselves."""
    for module in (objects, storage):
        monkeypatch.setattr(module, "ATTEMPTS", 1)
    yield failing_store[1]
    failing_store[1].nothing()
    failing_store[1].seen.clear()


@pytest.fixture
def far_folder(failing_store: tuple[str, Faults], faults: Faults) -> ResultsFolder:
    """A new folder in that bucket."""
    return results_folder(f"{failing_store[0]}/{uuid.uuid4().hex}/tiny")
