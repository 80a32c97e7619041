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

from search import HOME
from search.cluster.environment import environment
from search.cluster.private_folder import private_folder
from search.cluster.ray_internals import (
    JobPaths,
    in_own_groups,
    loopback_alone,
    read_authentication_again,
)
from search.errors import RayNotStarted
from search.worker.import_places import python_path

logger = logging.getLogger(__name__)

LONGEST_FOLDER = 107 - len("/r/session_2026-11-25_22-43-53_767436_4194304/sockets/plasma_store.1")
"""Bytes that a folder's path may have so that the paths of Ray's sockets are not too long."""
LEAVE_SECONDS = 3.0
"""How long Ray may take to end after a signal."""
ATTEMPTS = 2


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
        """Start Ray, and try once more if it was perhaps only slow.

        Args:
            options: of `ray.init`.

        Raises:
            RayNotStarted: with what Ray says.
        """
        paths = {"PYTHONPATH": python_path()}
        for attempt in range(ATTEMPTS):
            try:
                with loopback_alone(), in_own_groups(self._groups), environment(paths):
                    ray.init(
                        # Without an address Ray joins whatever cluster happens to run here.
                        address="local",
                        include_dashboard=False,
                        # Ray makes this one world-writable, but nobody gets there.
                        _temp_dir=str(self._folder / "r"),
                        object_spilling_directory=str(self._large),
                        job_config=JobPaths([HOME]),
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
    """Disconnect from Ray, or go on without waiting for that.

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
    """Set up what a Ray of our own needs, for the time inside; it is not started or ended here.

    Raises:
        NoTemporaryFolder: if there is no place for its files.
    """
    with private_folder(LONGEST_FOLDER) as folder, private_folder() as large, _own_token(folder):
        yield PrivateRay(folder, large)


@contextmanager
def _own_token(folder: Path) -> Iterator[None]:
    """Have Ray's processes identify each other by a secret that is in no other file or variable.

    Ray's own would be in the user's home folder, if there is one, where everybody may read it.
    """
    token = folder / "token"
    token.touch(0o600)
    token.write_text(secrets.token_hex(32))
    chosen = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "RAY_AUTH_TOKEN": None}
    try:
        with environment(chosen):
            read_authentication_again()
            yield
    finally:
        read_authentication_again()


def _time_may_cure(error: Exception) -> bool:
    """Whether Ray was perhaps only slow; a machine that lacks something lacks it again."""
    return isinstance(error, ConnectionError) or not isinstance(error, OSError | ValueError)


def in_one_line(error: Exception) -> str:
    """What Ray says, which often has many lines."""
    return " ".join(str(error).split()) or type(error).__name__
