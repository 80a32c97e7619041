"""All that Ratchet takes from Ray beyond its public names, so that an upgrade has one file to try.

Each function here has a test of what it needs Ray to do. `ray[tune]~=2.60` keeps to the versions in
which these names are known to be there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ray
from ray._common.network_utils import parse_address  # type: ignore[attr-defined]
from ray._private import ray_constants, services, utils
from ray._private.runtime_env.constants import RAY_JOB_CONFIG_JSON_ENV_VAR
from ray._private.state import state
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_put
from ray.job_config import JobConfig

from search.cluster.environment import environment


class JobPaths(JobConfig):
    """A job whose workers import from some folders first, and from no other one of the driver's.

    Args:
        folders: where they import from.
    """

    def __init__(self, folders: list[str]) -> None:
        super().__init__(_py_driver_sys_path=folders)

    def _runtime_env_has_working_dir(self) -> bool:
        """Say yes, so that Ray adds no folders."""
        return True


@contextmanager
def loopback_alone() -> Iterator[None]:
    """Have a Ray that starts here listen on 127.0.0.1 and nowhere else, as it does on a laptop.

    On Linux it would replace 127.0.0.1 by the machine's own address, and listen everywhere; the
    switch says that other machines can join, and its processes inherit it.
    """
    joinable, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, False
    try:
        with environment({ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR: "0"}):
            yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = joinable


@contextmanager
def in_own_groups(groups: list[int]) -> Iterator[None]:
    """Have Ray's processes in groups of their own, where a signal to our group does not end them.

    The groups are added to the list as they are started, since Ray's start may be interrupted.

    Ray may end this process, without a word, when its own are gone. They still die with it, which
    is the kernel's doing; where the kernel cannot do it, Ray does it by the group.
    """
    starts: Any = services
    popen = starts.ConsolePopen

    def start(*arguments: Any, **options: Any) -> Any:
        process = popen(*arguments, process_group=0, **options)
        groups.append(process.pid)
        return process

    if utils.detect_fate_sharing_support():
        starts.ConsolePopen = start
    try:
        yield
    finally:
        starts.ConsolePopen = popen


@contextmanager
def sigterm_left_alone() -> Iterator[None]:
    """Keep Ray from answering SIGTERM by itself, which it does by ending this process."""
    ours: Any = utils
    taking: Callable[..., None] = ours.set_sigterm_handler
    ours.set_sigterm_handler = lambda handler: None
    try:
        yield
    finally:
        ours.set_sigterm_handler = taking


def read_authentication_again() -> None:
    """Have Ray read its variables on tokens again, which it does once only."""
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


def place_of(address: str) -> tuple[str, int]:
    """Host and port of a cluster: what an address says, or for `auto` what Ray has noted here.

    Raises:
        ConnectionError, ValueError: there is none.
    """
    host, port = parse_address(services.canonicalize_bootstrap_address(address) or "") or ("", "")
    return host, int(port)


def can_grow() -> bool:
    """Whether the cluster that this process is connected to can add machines by itself."""
    return state.get_cluster_config() is not None


def variables_of_job() -> Mapping[str, str]:
    """Variables that the job which this process runs in (`ray job submit`) sets; {} without one."""
    job = json.loads(os.environ.get(RAY_JOB_CONFIG_JSON_ENV_VAR) or "{}")
    return ((job.get("runtime_env") or {}).get("env_vars")) or {}


def note(key: str, value: str) -> None:
    """Put a value into the store of the head, where every process of this driver's job finds it."""
    _internal_kv_put(key, value, namespace=_namespace())


def noted(key: str) -> bytes | None:
    """The value of a key there, or None."""
    value: bytes | None = _internal_kv_get(key, namespace=_namespace())
    return value


def forget(key: str) -> None:
    """Delete a key there, if there is one."""
    _internal_kv_del(key, namespace=_namespace())


def _namespace() -> str:
    """Apart from other sweeps on the cluster: a driver and its workers are one job of Ray's."""
    return f"ratchet {ray.get_runtime_context().get_job_id()}"


def keep_in(folder: str, trial: Any) -> None:
    """Give one of Tune's trials a folder below the sweep's, which others may have as well."""
    trial.relative_logdir = folder
    trial.storage.trial_dir_name = folder


def call_preempted(error: Any) -> None:
    """Keep Tune from counting an error as a failure, as if the machine had been taken away."""
    error._preempted = True
