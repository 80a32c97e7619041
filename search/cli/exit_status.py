"""What the commands' exit codes mean."""

from __future__ import annotations

import signal

from analysis.errors import ResultsError, StorageError, SweepNotFound
from greedy_core.errors import BaseModelChanged, RatchetError
from search.errors import LockLost, OnlyFailures, SweepInterrupted, SweepLocked

SOME_FAILED = 1
"""The sweep is finished, but some trials failed; or it was stopped because all of them did."""
WRONG_INPUT = 2
"""A setting, a dataset, a model, a name, a store or a machine that cannot be used."""
DAMAGED = 3
"""A results folder that cannot be used as it is, or results that are not valid."""
LOCKED = 4
"""Another driver is writing to the sweep."""
OUR_FAULT = 70
"""An error of the program itself, with its traceback (EX_SOFTWARE of sysexits.h)."""
SIGNALED = 128
"""Plus the signal's number."""
INTERRUPTED = SIGNALED + signal.SIGINT
BROKEN_PIPE = SIGNALED + signal.SIGPIPE
"""Whoever read the output has left, such as `head`."""

TABLE = """\b
Exit codes:
    0  done
    1  done, but some trials or walks failed, or all that were tried
    2  wrong input: a setting, a dataset, a model, a name, a store or a machine that cannot be used
    3  results that are damaged or not valid
    4  another driver is writing to the sweep
   70  an error of ratchet itself, with a traceback: please report it
  130, 143, 138, 141  after SIGINT, SIGTERM, SIGUSR1, or when the reader of the output has left
  139  a metric function has ended the process: it wrote into the base model, or crashed
"""


def status_of(error: RatchetError | ResultsError | StorageError) -> int:
    """The exit code that an error ends the command with."""
    if isinstance(error, SweepNotFound):
        return WRONG_INPUT
    if isinstance(error, ResultsError | BaseModelChanged):
        return DAMAGED
    if isinstance(error, SweepLocked | LockLost):
        return LOCKED
    if isinstance(error, OnlyFailures):
        return SOME_FAILED
    if isinstance(error, SweepInterrupted):
        return SIGNALED + error.signal
    return WRONG_INPUT
