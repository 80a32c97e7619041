"""What Ratchet needs of Ray beyond its public names, each name on its own."""

from __future__ import annotations

import inspect
import json
import os
import re
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import ray
from ray._private import worker
from ray.tune.experiment import Trial

from search import HOME
from search.cluster import ray_internals
from search.cluster.lost_nodes import SparedTrial
from search.cluster.ray_internals import (
    can_grow,
    forget,
    keep_in,
    note,
    noted,
    place_of,
    sigterm_left_alone,
    variables_of_job,
)
from tests.search.sweeps import ROOT

PRIVATE = re.compile(
    r"\bray(\.\w+)*\._|from ray(\.\w+)*\.?_\w* import|ray\.experimental|import _int"
)


def test_they_are_named_in_one_file() -> None:
    files = sorted((ROOT / "search").rglob("*.py"))
    naming = [each.name for each in files if PRIVATE.search(each.read_text(encoding="utf-8"))]
    assert naming == [Path(ray_internals.__file__).name]


def test_workers_import_from_our_folder_and_from_no_folder_of_the_driver(ray_here: None) -> None:
    (told,) = ray.get([ray.remote(lambda: sys.path).remote()])
    assert HOME in told
    assert str(Path(sys.argv[0]).parent) not in told


def test_ray_listens_on_loopback_alone(ray_here: None) -> None:
    assert [node["NodeManagerAddress"] for node in ray.nodes()] == ["127.0.0.1"]
    loopback = socket.inet_aton("127.0.0.1")[::-1].hex().upper()  # little endian
    hosts = listening(descendants(os.getpid()))
    assert hosts and hosts <= {loopback, f"0000000000000000FFFF0000{loopback}"}


def descendants(pid: int) -> set[int]:
    """A process, those that it has started, and so on."""
    found = {pid}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # processes come and go
            for child in (task / "children").read_text().split():
                found |= descendants(int(child))
    return found


def listening(pids: set[int]) -> set[str]:
    """Addresses, as the kernel writes them, at which these processes listen for TCP."""
    inodes = set()
    for pid in pids:
        with suppress(FileNotFoundError):  # processes come and go
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(FileNotFoundError):
                    inodes.add(str(link.readlink()))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                found.add(fields[1].partition(":")[0])
    return found


def test_its_processes_have_groups_of_their_own(ray_here: None) -> None:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    names = {int(pid): Path(f"/proc/{pid}/comm").read_text().strip() for pid in children}
    ours = [pid for pid, name in names.items() if name in ("raylet", "gcs_server")]
    assert ours
    assert all(os.getpgid(pid) == pid for pid in ours)


def test_it_would_take_sigterm_by_the_name_that_is_replaced() -> None:
    assert "ray._private.utils.set_sigterm_handler(" in inspect.getsource(worker)
    before = signal.getsignal(signal.SIGTERM)
    with sigterm_left_alone():
        ray._private.utils.set_sigterm_handler(lambda *received: None)
        assert signal.getsignal(signal.SIGTERM) is before


def test_the_place_of_a_cluster_is_its_host_and_port() -> None:
    assert place_of("127.0.0.2:10001") == ("127.0.0.2", 10001)


def test_a_rays_own_cluster_does_not_grow(ray_here: None) -> None:
    assert not can_grow()


@pytest.mark.parametrize(
    ("job", "variables"),
    [
        (None, {}),
        ({}, {}),
        ({"runtime_env": None}, {}),
        ({"runtime_env": {"env_vars": {"A": "b"}}}, {"A": "b"}),
    ],
)
def test_a_submitted_job_says_which_variables_it_sets(
    monkeypatch: pytest.MonkeyPatch, job: Any, variables: dict[str, str]
) -> None:
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    if job is not None:
        monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(job))
    assert variables_of_job() == variables


def test_what_a_worker_notes_the_driver_finds(ray_here: None) -> None:
    assert noted("a test's key") is None
    ray.get(ray.remote(note).remote("a test's key", "a value"))
    assert noted("a test's key") == b"a value"
    forget("a test's key")
    assert noted("a test's key") is None


def test_two_trials_can_have_one_folder(tmp_path: Path) -> None:
    storage = ray.train._internal.storage.StorageContext(str(tmp_path), "sweep")
    paths = set()
    for _ in range(2):
        trial = Trial("no such trainable", stub=True, storage=storage)
        keep_in("trials", trial)
        paths.add(trial.local_path)
    assert len(paths) == 1


def test_tune_lets_a_trials_class_be_replaced() -> None:
    trial = Trial("no such trainable", stub=True)
    trial.__class__ = SparedTrial
    assert isinstance(trial, SparedTrial)
