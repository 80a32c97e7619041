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
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread

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
        pipes = [context.Pipe(duplex=False) for _ in ("output", "errors")]
        self._streams = [_Stream(ours) for ours, _ in pipes]
        its = [its for _, its in pipes]
        self._process = context.Process(
            target=_run, args=([*arguments], str(cwd), dict(os.environ), its)
        )
        self._process.start()
        for each in its:
            each.close()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it runs."""
        return self._process.exitcode

    @property
    def err(self) -> str:
        """What it has said on standard error so far."""
        return self._streams[1].text

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
        """Wait for its end and for that of whoever holds its output; what both have said.

        Raises:
            subprocess.TimeoutExpired: they have not ended by then.
        """
        end = None if timeout is None else time.monotonic() + timeout
        for each in self._streams:
            each.join(None if end is None else max(end - time.monotonic(), 0.0))
            if each.is_alive():
                raise subprocess.TimeoutExpired("ratchet", timeout or 0.0)
        self.wait(timeout)
        out, err = self._streams
        return out.text, err.text

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)


class _Stream(Thread):
    """Reads all that comes out of a pipe."""

    def __init__(self, source: Connection) -> None:
        super().__init__(daemon=True)
        self._source = source
        self._read = b""
        self.start()

    def run(self) -> None:
        while piece := os.read(self._source.fileno(), 65536):
            self._read += piece
        self._source.close()

    @property
    def text(self) -> str:
        return self._read.decode()


def _run(
    arguments: list[str], cwd: str, environment: dict[str, str], streams: list[Connection]
) -> None:
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for number, stream in enumerate(streams, start=1):
        os.dup2(stream.fileno(), number)
        stream.close()
    sys.argv = ["ratchet", *arguments]
    from search.cli.app import main

    main()
