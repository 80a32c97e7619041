"""What a command holds while it works on a sweep: its lock, and how it waits, is told and ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from search.cluster.interrupts import Interrupts, interruptible
from search.cluster.patience import Patience, require_patience
from search.results.lock import SweepLock
from search.results.parts import ResultsFolder
from search.tune.watch import Watch


@dataclass(frozen=True)
class Driver:
    """The one command that may write to a sweep."""

    results: ResultsFolder
    """The sweep's folder."""
    lock: SweepLock
    """Keeps other commands out."""
    interrupts: Interrupts
    """Signals that ask it to stop."""
    patience: Patience
    """With the place that the folder is in, once trials run."""
    watch: Watch
    """Told about progress."""
    verbose: bool
    """Whether libraries may talk."""


@contextmanager
def driving(
    results: ResultsFolder, watch: Watch, verbose: bool, *, wait: float, give_up_after: float
) -> Iterator[Driver]:
    """Hold a sweep's lock inside, and turn signals into `SweepInterrupted`.

    Args:
        results: the sweep's folder; it exists.
        watch: told about progress.
        verbose: let the libraries talk.
        wait: seconds to wait for another driver to end.
        give_up_after: seconds for which the folder's place may fail once trials run.

    Raises:
        SweepLocked: another driver holds the lock.
        InputError: `give_up_after` is no such number.
    """
    require_patience(give_up_after)
    with interruptible() as interrupts, SweepLock(results, wait) as lock:
        patience = Patience(give_up_after, interrupts)
        yield Driver(results, lock, interrupts, patience, watch, verbose)
