"""Starts Ray quietly, on this machine or on a cluster, and ends what it started."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ray
from ray._common.network_utils import parse_address
from ray._private import ray_constants, services
from ray._private.services import canonicalize_bootstrap_address
from ray._private.state import state
from ray._private.utils import detect_fate_sharing_support

from greedy_core.errors import require
from search.config import SweepConfig
from search.environment import environment
from search.errors import NoCluster
from search.interrupts import PATIENCE, Interrupts

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 10.0
LEAVE_SECONDS = 3.0
"""How long Ray may take to end after a signal."""

_JOINABLE = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR

QUIET = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # a CSV, a JSON and a TensorBoard file per trial
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # the sweep flushes and stops by itself
    "TUNE_GLOBAL_CHECKPOINT_S": "31536000",  # Parquet is the truth; Tune's snapshots cost and lie
    "TUNE_WARN_THRESHOLD_S": "60",
    "RAY_AIR_NEW_OUTPUT": "0",  # its boxes come even when nothing else does
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths mean what they mean in the shell
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}


@contextmanager
def ray_session(config: SweepConfig, verbose: bool, interrupts: Interrupts) -> Iterator[None]:
    """Have Ray running inside: a private one, or the cluster that is named.

    A process that is connected to Ray already, such as a notebook's, stays connected to that.
    After a signal Ray may still be ending when this returns.

    Raises:
        NoCluster: if nothing listens at the address.
        SettingsError: if a trial needs more than any machine has that is there or can be added.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    ours = not ray.is_initialized()
    groups: list[int] = []
    try:
        if ours:
            _connect(config, verbose, interrupts, groups)
        if not verbose:
            for name in ("ray", "ray.tune", "ray.train", "ray.data"):
                logging.getLogger(name).setLevel(logging.ERROR)
        _require_room(config)
        yield
    finally:
        if ours:
            _leave(groups, None if interrupts.received is None else LEAVE_SECONDS)


def _leave(groups: list[int], seconds: float | None) -> None:
    """End Ray, and every process of a Ray that was started here.

    Args:
        groups: process groups that were started here.
        seconds: how long to wait for Ray, which itself waits long for processes of its own that a
            signal to all has ended.
    """
    if seconds is None:
        ray.shutdown()
    else:
        leaving = threading.Thread(target=ray.shutdown, daemon=True)
        leaving.start()
        leaving.join(seconds)
    for group in groups:
        # What had not quite started would outlive Ray, by a minute and more.
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def _connect(config: SweepConfig, verbose: bool, interrupts: Interrupts, groups: list[int]) -> None:
    # What interrupts Ray halfway through its start makes it abort, or leave processes behind.
    with interrupts.held(PATIENCE), _sigterm_left_alone():
        if config.ray.address is None:
            with loopback_alone(), _out_of_reach(groups):
                _start(config, verbose)
        else:
            _start(config, verbose)
    interrupts.check()


@contextmanager
def loopback_alone() -> Iterator[None]:
    """Have a Ray that starts here listen on 127.0.0.1 and nowhere else, as it does on a laptop.

    On Linux it would replace 127.0.0.1 by the machine's own address, and listen everywhere; the
    switch says that other machines can join, and its processes inherit it.
    """
    joinable, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, False
    try:
        with environment({_JOINABLE: "0"}):
            yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = joinable


@contextmanager
def _out_of_reach(groups: list[int]) -> Iterator[None]:
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

    if detect_fate_sharing_support():
        starts.ConsolePopen = start
    try:
        yield
    finally:
        starts.ConsolePopen = popen


@contextmanager
def _sigterm_left_alone() -> Iterator[None]:
    """Keep Ray from answering SIGTERM by itself, which it does by ending this process."""
    taking = ray._private.utils.set_sigterm_handler
    ray._private.utils.set_sigterm_handler = lambda handler: None
    try:
        yield
    finally:
        ray._private.utils.set_sigterm_handler = taking


def _start(config: SweepConfig, verbose: bool) -> None:
    local = config.ray.address is None
    if config.ray.address is not None:
        _require_answer(config.ray.address)
    threads = {name: str(config.edit.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    quiet = {name: value for name, value in os.environ.items() if name in QUIET}
    with environment({**quiet, **threads} if local else {}):
        ray.init(
            # Without an address Ray joins whatever cluster happens to run here.
            address="local" if local else config.ray.address,
            include_dashboard=False if local else None,
            log_to_driver=verbose,
            logging_level=logging.INFO if verbose else logging.ERROR,
            # Workers here inherit what they need; those that Ray has started ahead could not be
            # used with an environment of the job's own.
            runtime_env=None if local else {"env_vars": {**quiet, **threads}},
        )


def _require_answer(address: str) -> None:
    """Look whether anything listens, because Ray goes on trying for minutes."""
    try:
        found = canonicalize_bootstrap_address(address)
        host, port = parse_address(found or "") or ("", "")
        socket.create_connection((host, int(port)), ANSWER_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        raise NoCluster(address, f"no Ray cluster can be reached there ({error})") from None


def trials_at_once(config: SweepConfig) -> int:
    """The configured concurrency, or as many trials as the CPUs and GPUs allow."""
    if config.search.concurrency is not None:
        return config.search.concurrency
    resources = ray.cluster_resources()
    room = [resources.get("CPU", 1) / config.ray.cpus_per_trial]
    if config.ray.gpus_per_trial > 0:
        room.append(resources.get("GPU", 0) / config.ray.gpus_per_trial)
    return max(int(min(room)), 1)


def _require_room(config: SweepConfig) -> None:
    """Refuse trials that would wait for ever: a trial runs on one machine."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cpus, gpus = config.ray.cpus_per_trial, config.ray.gpus_per_trial
    most = max(node.get("CPU", 0) for node in nodes)
    devices = max(node.get("GPU", 0) for node in nodes)
    local = config.ray.address is None
    where = "this machine" if local else "the cluster's largest machine"
    together = any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes)
    faults = (
        (
            cpus <= most,
            f"`ray.cpus_per_trial <= CPUs of {where}` must hold, but got "
            f"(ray.cpus_per_trial={cpus:g}, CPUs={most:g})",
        ),
        (
            gpus <= devices,
            f"`ray.gpus_per_trial <= GPUs of {where}` must hold, but got "
            f"(ray.gpus_per_trial={gpus:g}, GPUs={devices:g})",
        ),
        (
            together or cpus > most or gpus > devices,
            f"one machine must have all that a trial needs, but none has {cpus:g} CPUs "
            f"and {gpus:g} GPUs",
        ),
    )
    if state.get_cluster_config() is None:
        require(*faults)
    for holds, text in faults:
        if not holds:
            logger.warning("%s; waiting for the cluster to add such a machine", text)
