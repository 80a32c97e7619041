"""Runs a scenario again and again in processes that die at their n-th call of the system.

    python -m tests.search.results.killing SCENARIO START OUT

For n = 1, 2, ... a child works on a copy of START, OUT/<n>, and ends, as by a power failure, just
before its n-th call of open, fsync, link, replace or unlink; a file that was about to be synced
loses half of its content. The last n is the one that lived. A child writes the numbers of the
trials whose flush returned into OUT/<n>.acknowledged.
"""

from __future__ import annotations

import builtins
import itertools
import os
import shutil
import stat
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from analysis.tables.address import Address
from search.results.log import SweepLog
from search.results.places import results_folder
from tests.search.results.files import recover
from tests.search.results.rows import CONFIG, end_trial, run_trial, schemas

DIED = 99

Acknowledge = Callable[[int], None]


def commit(address: Address, acknowledge: Acknowledge) -> None:
    """Two flushes: trial 100 starts in the first and ends in the second, 101 never ends."""
    log = SweepLog(results_folder(address), schemas())
    log.propose(100, "search", 0, CONFIG)
    log.propose(101, "search", 0, CONFIG)
    run_trial(log, 102)
    log.flush()
    acknowledge(102)
    end_trial(log, 100)
    log.flush()
    acknowledge(100)


def compact_at_close(address: Address, acknowledge: Acknowledge) -> None:
    SweepLog(results_folder(address), schemas()).close()


def recover_again(address: Address, acknowledge: Acknowledge) -> None:
    recover(results_folder(address))


SCENARIOS = {each.__name__: each for each in (commit, compact_at_close, recover_again)}


def die_at(n: int) -> None:
    """Let the n-th counted call from here be the process's last."""
    left = itertools.count(n - 1, -1)

    def mortal(call: Callable[..., Any], tear: bool = False) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            if next(left) == 0:
                if tear and stat.S_ISREG(os.fstat(arguments[0]).st_mode):
                    os.ftruncate(arguments[0], os.fstat(arguments[0]).st_size // 2)
                os._exit(DIED)
            return call(*arguments, **named)

        return counted

    builtins.open = mortal(builtins.open)
    os.fsync = mortal(os.fsync, tear=True)
    os.replace = mortal(os.replace)
    os.unlink = mortal(os.unlink)
    os.link = mortal(os.link)


def main(scenario: str, start: Path, out: Path, stride: int) -> None:
    pa.array([1])  # looks for pandas once, here instead of in every child; starts no thread
    for n in itertools.count(1, stride):
        copy = out / f"{n:03d}"
        shutil.copytree(start, copy)
        acknowledged = os.open(out / f"{n:03d}.acknowledged", os.O_CREAT | os.O_WRONLY)
        child = os.fork()
        if child == 0:
            die_at(n)
            SCENARIOS[scenario](copy, partial(_note, acknowledged))
            os._exit(0)
        os.close(acknowledged)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            return
        if code != DIED:
            sys.exit(f"child {n} ended with {code}")


def _note(descriptor: int, trial: int) -> None:
    os.write(descriptor, f"{trial}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
