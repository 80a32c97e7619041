"""Has Ray running quietly, on this machine or on a cluster."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import ray

from greedy_core.errors import require
from search import HOME
from search.cluster.environment import environment
from search.cluster.interrupts import GRACE_SECONDS, Interrupts
from search.cluster.private_ray import LEAVE_SECONDS, in_one_line, leave, private_ray
from search.cluster.ray_internals import (
    JobPaths,
    can_grow,
    place_of,
    sigterm_left_alone,
    variables_of_job,
)
from search.config.settings import SweepConfig
from search.errors import NoCluster

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 10.0

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
        NoCluster: if nothing listens at the address, or it does not let us in.
        RayNotStarted, NoTemporaryFolder: if this machine has no room for a Ray of its own.
        SettingsError: if a trial needs more than any machine has that is there or can be added.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if ray.is_initialized():
        running: AbstractContextManager[None] = nullcontext()
    elif config.ray.address is None:
        running = _private(config, verbose, interrupts)
    else:
        running = _joined(config.ray.address, config, verbose, interrupts)
    with running:
        if not verbose:
            for name in ("ray", "ray.tune", "ray.train", "ray.data"):
                logging.getLogger(name).setLevel(logging.ERROR)
        _require_room(config)
        yield


@contextmanager
def _private(config: SweepConfig, verbose: bool, interrupts: Interrupts) -> Iterator[None]:
    with private_ray() as started:
        try:
            # Workers inherit what they need; those that Ray has started ahead could not be used
            # with an environment of the job's own.
            with _start_held(interrupts), environment(_variables(config)):
                started.start(**_saying(verbose))
            interrupts.check()
            yield
        finally:
            started.leave(None if interrupts.received is None else LEAVE_SECONDS)


@contextmanager
def _joined(
    address: str, config: SweepConfig, verbose: bool, interrupts: Interrupts
) -> Iterator[None]:
    _require_answer(address)
    try:
        with _start_held(interrupts):
            _join(address, config, verbose)
        interrupts.check()
        yield
    finally:
        leave(None if interrupts.received is None else LEAVE_SECONDS)


def _join(address: str, config: SweepConfig, verbose: bool) -> None:
    try:
        ray.init(
            address=address,
            runtime_env={"env_vars": unclaimed(_variables(config))},
            job_config=JobPaths([HOME]),
            **_saying(verbose),
        )
    except Exception as error:  # Ray raises plain ones, too
        raise NoCluster(address, in_one_line(error)) from error


def _variables(config: SweepConfig) -> dict[str, str]:
    """What workers are to have in their environment."""
    threads = {name: str(config.edit.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    quiet = {name: value for name, value in os.environ.items() if name in QUIET}
    return {**quiet, **threads}


def unclaimed(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables that the job which this process runs in (`ray job submit`) does not set itself.

    Ray refuses a variable that both set; whoever submits a job knows what it should be.
    """
    claimed = variables_of_job()
    return {name: value for name, value in variables.items() if name not in claimed}


def _saying(verbose: bool) -> dict[str, Any]:
    return {
        "log_to_driver": verbose,
        "logging_level": logging.INFO if verbose else logging.ERROR,
    }


@contextmanager
def _start_held(interrupts: Interrupts) -> Iterator[None]:
    """Hold back what would interrupt Ray halfway through its start, and leave processes behind."""
    with interrupts.held(GRACE_SECONDS), sigterm_left_alone():
        yield


def _require_answer(address: str) -> None:
    """Look whether anything listens, because Ray goes on trying for minutes."""
    try:
        socket.create_connection(place_of(address), ANSWER_SECONDS).close()
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
    if not can_grow():
        require(*faults)
    for holds, text in faults:
        if not holds:
            logger.warning("%s; waiting for the cluster to add such a machine", text)
