"""What the commands' exit codes mean."""

from __future__ import annotations

from analysis.errors import ResultsError, StorageError
from greedy_core.errors import BaseModelChanged, RatchetError
from search.errors import LockLost, OnlyFailures, SweepInterrupted, SweepLocked

SOME_FAILED = 1
"""The sweep is finished, but some trials failed; or it was stopped because all of them did."""
WRONG_INPUT = 2
"""A configuration, a dataset, a model, a name, a store that cannot be used."""
DAMAGED = 3
"""A results folder that cannot be used as it is, or results that are not valid."""
LOCKED = 4
"""Another driver is writing to the sweep."""
SIGNALED = 128
"""Plus the signal's number."""


def status_of(error: RatchetError | ResultsError | StorageError) -> int:
    """The exit code that an error ends the command with."""
    if isinstance(error, ResultsError | BaseModelChanged):
        return DAMAGED
    if isinstance(error, SweepLocked | LockLost):
        return LOCKED
    if isinstance(error, OnlyFailures):
        return SOME_FAILED
    if isinstance(error, SweepInterrupted):
        return SIGNALED + error.signal
    return WRONG_INPUT
