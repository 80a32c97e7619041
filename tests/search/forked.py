"""Commands in processes of their own that need no imports: forked from one that has done them.

A new interpreter takes seconds of a processor's time to import torch, transformers and Ratchet; a
copy of one that has them takes none. The copy is a process like any other: it has a session of its
own, can be killed, and ends with an exit code or a signal. What depends on how a command starts is
tested with a new interpreter.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

PRELOADED = ["tests.search.preloaded"]


class Command:
    """The command `ratchet`, running; as `subprocess.Popen` is.

    Args:
        arguments: what stands behind `ratchet`.
        cwd: its working directory.
    """

    def __init__(self, arguments: Sequence[str], cwd: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        self._said = tempfile.TemporaryDirectory(prefix="command-")
        files = [Path(self._said.name, name) for name in ("out", "err")]
        for each in files:
            each.touch()
        self._files = files
        self._process: ForkServerProcess = context.Process(
            target=_run, args=([*arguments], str(cwd), dict(os.environ), [*map(str, files)])
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: it has not ended by then.
        """
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("ratchet", timeout or 0.0)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; what it has printed, and what it has said on standard error."""
        self.wait(timeout)
        out, err = (each.read_text() for each in self._files)
        return out, err

    @property
    def err(self) -> str:
        """What it has said on standard error so far."""
        return self._files[1].read_text()

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)


def _run(arguments: list[str], cwd: str, environment: dict[str, str], files: list[str]) -> None:
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for number, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND), number)
    sys.argv = ["ratchet", *arguments]
    from search.cli.app import main

    main()
