"""Starts Ray quietly, on this machine or on a cluster, and ends what it started."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from greedy_core.errors import require
from search.config import SweepConfig
from search.interrupts import PATIENCE, Interrupts

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
    """Have Ray running inside: a private one bound to loopback, or the cluster that is named.

    A process that is connected to Ray already, such as a notebook's, stays connected to that.

    Raises:
        SettingsError: if a trial needs more than this machine has.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    ours = not ray.is_initialized()
    try:
        if ours:
            _connect(config, verbose, interrupts)
        if not verbose:
            for name in ("ray", "ray.tune", "ray.train", "ray.data"):
                logging.getLogger(name).setLevel(logging.ERROR)
        if config.ray.address is None:
            _require_room(config)
        yield
    finally:
        if ours:
            ray.shutdown()


def _connect(config: SweepConfig, verbose: bool, interrupts: Interrupts) -> None:
    # What interrupts Ray halfway through its start makes it abort, or leave processes behind.
    with interrupts.held(PATIENCE), _sigterm_left_alone():
        _start(config, verbose)
    interrupts.check()


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
    threads = {name: str(config.edit.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = {name: value for name, value in os.environ.items() if name in QUIET}
    local = config.ray.address is None
    ray.init(
        # Without an address Ray joins whatever cluster happens to run here.
        address="local" if local else config.ray.address,
        include_dashboard=False if local else None,
        log_to_driver=verbose,
        logging_level=logging.INFO if verbose else logging.ERROR,
        runtime_env={"env_vars": {**environment, **threads}},
        _node_ip_address="127.0.0.1" if local else None,
    )


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
    """Refuse trials that would wait for ever."""
    resources = ray.cluster_resources()
    cpus, gpus = config.ray.cpus_per_trial, config.ray.gpus_per_trial
    room, devices = resources.get("CPU", 0), resources.get("GPU", 0)
    require(
        (
            cpus <= room,
            "`ray.cpus_per_trial <= CPUs of this machine` must hold, but got "
            f"(ray.cpus_per_trial={cpus:g}, CPUs={room:g})",
        ),
        (
            gpus <= devices,
            "`ray.gpus_per_trial <= GPUs of this machine` must hold, but got "
            f"(ray.gpus_per_trial={gpus:g}, GPUs={devices:g})",
        ),
    )
