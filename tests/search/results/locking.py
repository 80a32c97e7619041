"""Locks as tests take them and change them, and time that passes when they say so."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from greedy_core.process import ProcessName
from search.results.claim import LOCK
from search.results.lock import SweepLock
from search.results.parts import LocalFolder, ResultsFolder
from tests.search.results.files import read

ROOT = Path(__file__).parents[3]

ELSEWHERE = {"host": "node3", "space": "another boot"}
"""What a lock of another machine says."""


class Time:
    """The clocks of a machine; they go on when it pauses."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.meanwhile: Callable[[], object] = lambda: None
        """What happens in every pause."""

    def clock(self) -> float:
        return self.now

    def steady(self) -> float:
        return self.now - 1_700_000_000

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()

    def lock(self, folder: ResultsFolder, wait: float = 0.0) -> SweepLock:
        """The lock as a driver on this machine takes it."""
        return SweepLock(folder, wait, clock=self.clock, steady=self.steady, pause=self.pause)


def said(folder: ResultsFolder) -> dict[str, object]:
    return dict(json.loads(read(folder, LOCK)))


def rewrite(folder: ResultsFolder, **changes: object) -> None:
    """Change what a lock says, in place."""
    overwrite(folder, json.dumps({**said(folder), **changes}).encode())


def overwrite(folder: ResultsFolder, text: bytes) -> None:
    if isinstance(folder, LocalFolder):
        (folder.path / LOCK).write_bytes(text)
    else:
        folder.put(LOCK, text)


def leave_lock(folder: ResultsFolder, **changes: object) -> None:
    """A lock as a killed driver leaves it, with some of what it says changed."""
    process = dataclasses.asdict(ended_process())
    content = {**process, "token": "0123456789abcdef", "heartbeat": "1800000000.000000", **changes}
    overwrite(folder, json.dumps(content).encode())


def ended_process() -> ProcessName:
    """A process that has run and was reaped."""
    global _ended
    if _ended is None:
        code = (
            "import json, dataclasses; from greedy_core.process import this_process as t;"
            "print(json.dumps(dataclasses.asdict(t())))"
        )
        run = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, cwd=ROOT
        )
        _ended = ProcessName(**json.loads(run.stdout))
    return _ended


_ended: ProcessName | None = None


def child(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that runs some code and is spoken with line by line."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def tell(process: subprocess.Popen[str], line: str = "") -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
