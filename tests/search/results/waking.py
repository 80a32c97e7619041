"""Runs a scenario again and again in processes that are stopped, and woken after another is done.

    python -m tests.search.results.waking SCENARIO PLACE OUT STRIDE

For n = 1, 1 + STRIDE, ... driver A works on a new sweep, PLACE/<n>, and is stopped by SIGSTOP
before its n-th writing operation on a file or an object. Driver B then takes over, runs what is
missing and more, and closes. A is woken and goes on; when it looks at its lock, the lock is gone.
OUT gets a line of JSON for each n: how A ended, and which files differ from those that B left. The
last n is the one at which A was not stopped any more.
"""

from __future__ import annotations

import builtins
import itertools
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
from botocore.client import BaseClient

from analysis.tables.confirm_schema import confirm_schemas
from search.errors import LockLost
from search.results.confirm_log import ConfirmLog
from search.results.log import SweepLog
from search.results.parts import ResultsFolder
from search.results.places import results_folder
from search.results.recovery import FolderState
from tests.search.results.files import content
from tests.search.results.rows import CONFIG, confirmed_walk, end_trial, fill, run_trial, schemas

SUPERSEDED = 4
WRITES = ("PutObject", "CopyObject", "DeleteObject", "DeleteObjects")


Check = Callable[[], None]


def flush(folder: ResultsFolder, check: Check) -> None:
    """Two flushes: trial 100 starts in the first and ends in the second."""
    log = SweepLog(folder, schemas(), before_write=check)
    log.propose(100, "search", 0, CONFIG)
    run_trial(log, 102)
    log.flush()
    end_trial(log, 100)
    log.flush()


def close(folder: ResultsFolder, check: Check) -> None:
    """The last flush and the compaction at the end of a session, and its mark."""
    log = SweepLog(folder, schemas(), before_write=check)
    run_trial(log, 100, checked=False)
    log.mark(checked=True)
    log.close()


def extend(folder: ResultsFolder, check: Check) -> None:
    """Another sweep.yaml, as at the beginning of a new generation."""
    log = SweepLog(folder, schemas(), before_write=check)
    log.commits.rewrite("sweep_id: a1\ngeneration: 1\n")


def confirm(folder: ResultsFolder, check: Check) -> None:
    """Two walks of a confirmation, and the second one again."""
    columns = confirm_schemas(sweep_id="a1", sweep_name="tiny", facts={})
    log = ConfirmLog(folder, columns, before_write=check)
    log.open()
    for sequence in (0, 1, 1):
        log.write(*confirmed_walk(1, sequence))


SCENARIOS = {each.__name__: each for each in (flush, close, extend, confirm)}


def start(folder: ResultsFolder) -> None:
    """What A finds."""
    folder.create()
    folder.put("sweep.yaml", b"sweep_id: a1\n")
    fill(folder, flushes=2)


def finish(folder: ResultsFolder) -> None:
    """What B does."""
    log = SweepLog(folder, schemas())
    for each in FolderState.read(folder).pending:
        end_trial(log, each.trial)
    run_trial(log, 200)
    log.close()


def stop_at(n: int) -> None:
    """Have this process stopped before its n-th operation from here on."""
    left = itertools.count(n - 1, -1)

    def stopping(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            if next(left) == 0:
                os.kill(os.getpid(), signal.SIGSTOP)
            return call(*arguments, **named)

        return counted

    for name in ("open", "fsync", "replace", "unlink", "link"):
        setattr(os, name, stopping(getattr(os, name)))
    builtins.open = stopping(builtins.open)
    send, writing = BaseClient._make_api_call, stopping(lambda: None)

    def sent(client: BaseClient, operation: str, given: dict[str, Any]) -> Any:
        if operation in WRITES:
            writing()
        return send(client, operation, given)

    BaseClient._make_api_call = sent


def digests(folder: ResultsFolder) -> dict[str, str]:
    return {name: sha256(data).hexdigest() for name, data in content(folder).items()}


def forked(work: Callable[[], None]) -> int:
    """A process of its own for the work: what an object store's client starts survives no fork."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except LockLost:
            os._exit(SUPERSEDED)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def done(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def look(address: str, file: Path) -> None:
    """Note the digest of every file."""
    file.write_text(json.dumps(digests(results_folder(address))))


def checking(taken: Path) -> Check:
    """A look at the lock, which is gone once there is such a file."""

    def check() -> None:
        if taken.exists():
            raise LockLost("sweep", "driver B")

    return check


def main(scenario: str, place: str, out: str, stride: str) -> None:
    pa.array([1])  # looks for pandas once, here instead of in every child; starts no thread
    for n in itertools.count(1, int(stride)):
        end = one(scenario, f"{place}/{n:03d}", n, Path(f"{out}.{n:03d}"))
        if end is None:
            return
        with open(out, "a") as lines:
            print(json.dumps(end), file=lines)


def one(scenario: str, address: str, n: int, taken: Path) -> dict[str, Any] | None:
    """How A ends that is stopped at its n-th operation; None if it does not get so far."""
    before, after = taken.with_suffix(".before"), taken.with_suffix(".after")

    def work() -> None:
        folder = results_folder(address)
        stop_at(n)
        SCENARIOS[scenario](folder, checking(taken))

    def take_over() -> None:
        taken.touch()
        finish(results_folder(address))
        look(address, before)

    assert done(forked(lambda: start(results_folder(address)))) == 0
    driver = forked(work)
    status = os.waitpid(driver, os.WUNTRACED)[1]
    if not os.WIFSTOPPED(status):
        assert os.waitstatus_to_exitcode(status) == 0
        return None
    assert done(forked(take_over)) == 0
    os.kill(driver, signal.SIGCONT)
    code = done(driver)
    assert done(forked(lambda: look(address, after))) == 0
    was, now = (json.loads(each.read_text()) for each in (before, after))
    changed = sorted(name for name in {*was, *now} if was.get(name) != now.get(name))
    return {"n": n, "code": code, "changed": changed}


if __name__ == "__main__":
    main(*sys.argv[1:])
