"""Stops the driver of one sweep after the other, wakes it when another is done, and looks.

    python -m tests.wakes --wakes 50 --seed 0

A sweep that lacks two trials is resumed by driver A, which is stopped by SIGSTOP before its n-th
writing operation in the sweep's folder, n drawn from the seed. Its lock is made to look like that
of another machine that has been silent for long, so that driver B, the same command, takes over and
finishes. Then A is woken. Ends with 1 if A changed a file that counts, or ended in any way but with
exit code 4, or with 0 where all was done.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from search.results.claim import LOCK
from search.results.parts import LocalFolder
from tests.search.results.files import content
from tests.search.results.locking import ELSEWHERE, rewrite
from tests.search.sweeps import ROOT, kill_session, overrides, ratchet, recommit

A_GLANCE = ("progress.json", LOCK)
"""Files that nothing is resumed from."""


def driver_a(folder: str, n: int) -> None:
    """Resume, but be stopped before the n-th operation that changes the folder."""
    left = [n]

    def stopping(call: Callable[..., Any], concerns: Callable[..., bool]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            if concerns(*arguments, **named):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGSTOP)
            return call(*arguments, **named)

        return counted

    def inside(path: Any, *_: Any, **named: Any) -> bool:
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(folder)

    def written(path: Any, flags: Any = 0, *_: Any, **named: Any) -> bool:
        return inside(path) and bool(flags & os.O_CREAT)

    def synced(descriptor: int) -> bool:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith(folder)

    os.open = stopping(os.open, written)
    os.fsync = stopping(os.fsync, synced)
    for name in ("replace", "unlink", "link"):
        setattr(os, name, stopping(getattr(os, name), inside))
    from search.cli.app import main as command

    sys.argv = ["ratchet", "resume", folder]
    command()


def wake(start: Path, folder: Path, n: int) -> tuple[int | None, list[str]]:
    """How A ends, None if it was never stopped, and which files differ from those that B left."""
    shutil.copytree(start, folder)
    call = f"from tests.wakes import driver_a; driver_a({str(folder)!r}, {n})"
    process = subprocess.Popen(
        [sys.executable, "-c", call],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        if not _stopped(process):
            return None, []
        results = LocalFolder(folder)
        if (folder / LOCK).exists():
            rewrite(results, **ELSEWHERE, heartbeat="1700000000.000000")
        finished = ratchet("resume", str(folder))
        assert finished.returncode == 0, finished.stderr
        before = content(results)
        process.send_signal(signal.SIGCONT)
        code = process.wait(300)
        after = content(results)
    finally:
        kill_session(process)
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    return code, sorted(changed - {*A_GLANCE})


def main() -> int:
    """Run, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wakes", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    moments = random.Random(asked.seed)
    ends: Counter[str] = Counter()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wakes-") as place:
        os.environ["XDG_CACHE_HOME"] = str(Path(place) / "cache")
        start = _lacking_two(Path(place) / "start")
        for number in range(asked.wakes):
            n = moments.randint(1, 60)
            code, changed = wake(start, Path(place) / f"{number}", n)
            end = "not stopped" if code is None else f"exit code {code}"
            ends[end] += 1
            ends["files changed"] += len(changed)
            print(f"{number + 1}: before operation {n}: {end} {changed}", file=sys.stderr)
    figures = {"stops": asked.wakes, **ends, "seconds": round(time.monotonic() - started)}
    table = Table(*figures)
    table.add_row(*map(str, figures.values()))
    Console().print(table)
    fine = {"exit code 0", "exit code 4", "not stopped", "files changed"}
    return int(bool(ends["files changed"]) or not {*ends} <= fine)


def _lacking_two(start: Path) -> Path:
    changes = {"edits": 4, "search.trials": 1}
    done = ratchet("run", *overrides(changes), "--results", str(start.parent), "--name", start.name)
    assert done.returncode == 0, done.stderr
    recommit(start, lambda content: content["config"]["search"].update(trials=3))
    return start


def _stopped(process: subprocess.Popen[bytes]) -> bool:
    """Wait until the process is stopped; False if it ends instead."""
    while True:
        pid, status = os.waitpid(process.pid, os.WUNTRACED | os.WNOHANG)
        if pid and os.WIFSTOPPED(status):
            return True
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return False
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
