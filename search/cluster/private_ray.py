"""A Ray of this process's own: on 127.0.0.1, in a folder that nobody else can look into."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants, services
from ray._private.utils import detect_fate_sharing_support
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

from search.cluster.environment import environment
from search.cluster.private_folder import private_folder
from search.cluster.ray_job import OwnPaths
from search.errors import RayNotStarted
from search.worker.import_places import python_path

logger = logging.getLogger(__name__)

LONGEST_FOLDER = 107 - len("/r/session_2026-11-25_22-43-53_767436_4194304/sockets/plasma_store.1")
"""Bytes of a folder's name with which Ray's sockets still have names that Linux takes."""
LEAVE_SECONDS = 3.0
"""How long Ray may take to end after a signal."""
ATTEMPTS = 2

_JOINABLE = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR


class PrivateRay:
    """Starts a Ray, and ends every process of it.

    Args:
        folder: for its sockets, logs and secrets; nobody else can look into it.
        large: for objects that memory has no room for.
    """

    def __init__(self, folder: Path, large: Path) -> None:
        self._folder = folder
        self._large = large
        self._groups: list[int] = []
        """Process groups that were started here."""

    def start(self, **options: Any) -> None:
        """Start it, and once more where it was perhaps only slow.

        Args:
            options: of `ray.init`.

        Raises:
            RayNotStarted: with what Ray says.
        """
        paths = {"PYTHONPATH": python_path()}
        for attempt in range(ATTEMPTS):
            try:
                with loopback_alone(), _out_of_reach(self._groups), environment(paths):
                    ray.init(
                        # Without an address Ray joins whatever cluster happens to run here.
                        address="local",
                        include_dashboard=False,
                        # Ray makes this one world-writable, but nobody gets there.
                        _temp_dir=str(self._folder / "r"),
                        object_spilling_directory=str(self._large),
                        job_config=OwnPaths(),
                        **options,
                    )
                return
            except Exception as error:  # Ray raises plain ones, too
                why = in_one_line(error)
                self.leave(LEAVE_SECONDS)
                if attempt + 1 == ATTEMPTS or not _time_may_cure(error):
                    raise RayNotStarted(why) from error
                logger.warning("Ray could not be started: %s; trying again", why)

    def leave(self, seconds: float | None) -> None:
        """End Ray, and every process that was started.

        Args:
            seconds: how long to wait for Ray, which itself waits long for processes of its own
                that a signal to all has ended; None as long as it takes.
        """
        leave(seconds)
        for group in self._groups:
            # What had not quite started would outlive Ray, by a minute and more.
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        self._groups.clear()


def leave(seconds: float | None) -> None:
    """Be connected to Ray no longer, or go on without waiting for that.

    Args:
        seconds: how long to wait; None as long as it takes.
    """
    if seconds is None:
        ray.shutdown()
    else:
        leaving = threading.Thread(target=ray.shutdown, daemon=True)
        leaving.start()
        leaving.join(seconds)


@contextmanager
def private_ray() -> Iterator[PrivateRay]:
    """What a Ray of one's own needs, for the time inside; it is neither started nor ended here.

    Raises:
        NoTemporaryFolder: if there is no place for its files.
    """
    with private_folder(LONGEST_FOLDER) as folder, private_folder() as large, _own_token(folder):
        yield PrivateRay(folder, large)


@contextmanager
def _own_token(folder: Path) -> Iterator[None]:
    """Have Ray's processes know each other by a secret that is in no other file and no variable.

    Ray's own would be in the user's home folder, if there is one, where everybody may read it.
    """
    token = folder / "token"
    token.touch(0o600)
    token.write_text(secrets.token_hex(32))
    chosen = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "RAY_AUTH_TOKEN": None}
    try:
        with environment(chosen):
            _notice_authentication()
            yield
    finally:
        _notice_authentication()


def _notice_authentication() -> None:
    """Have Ray read its variables again, which it does once only."""
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


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


def _time_may_cure(error: Exception) -> bool:
    """Whether Ray was perhaps only slow; a machine that lacks something lacks it again."""
    return isinstance(error, ConnectionError) or not isinstance(error, OSError | ValueError)


def in_one_line(error: Exception) -> str:
    """What Ray says, which often has many lines."""
    return " ".join(str(error).split()) or type(error).__name__
