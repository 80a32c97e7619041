"""What can go wrong around a sweep, as one tree.

RatchetError
├── SweepExists             the name is taken; the message says how to go on with that sweep
├── SweepLocked             another driver is writing to the sweep
├── NoCluster               the cluster that is named cannot be joined
├── PreparationLost         the worker or machine that prepared was lost, more than once
├── LockLost                this driver's lock was taken or deleted; it must not write any more
└── SweepInterrupted        a signal asked the sweep to stop; everything that ended is on disk

A results folder that is damaged is an `analysis.ResultsError`, since reading finds it; a store that
cannot be used is an `analysis.StorageError`.
"""

from __future__ import annotations

import signal as signals

from greedy_core.errors import RatchetError


class SweepExists(RatchetError):
    """The name is taken; `resume_command` goes on with that sweep."""

    def __init__(self, folder: str, resume_command: str) -> None:
        self.folder = folder
        self.resume_command = resume_command
        super().__init__(f"{folder} exists; to go on with it: {resume_command}")


class SweepLocked(RatchetError):
    """Another driver is writing to the sweep; `age` is the seconds since its last sign of life."""

    def __init__(self, folder: str, host: str, pid: int, age: float) -> None:
        self.folder = folder
        self.host = host
        self.pid = pid
        self.age = age
        super().__init__(
            f"{folder} is in use by process {pid} on {host}, last sign of life {age:.0f} s ago"
        )


class NoCluster(RatchetError):
    """The cluster that `ray.address` names cannot be joined."""

    def __init__(self, address: str, why: str) -> None:
        self.address = address
        super().__init__(f"ray.address={address}: {why}")


class PreparationLost(RatchetError):
    """The worker or machine that prepared was lost, as often as it was tried."""

    def __init__(self, attempts: int) -> None:
        self.attempts = attempts
        super().__init__(
            f"preparing was tried {attempts} times, and each time its worker or machine was lost "
            "(out of memory?); `--verbose` shows what Ray says"
        )


class LockLost(RatchetError):
    """This driver's lock was taken over or deleted while it ran; it must not write any more."""

    def __init__(self, folder: str, taker: str | None) -> None:
        self.folder = folder
        self.taker = taker
        how = f"taken over by {taker}" if taker else "deleted"
        super().__init__(f"the lock of {folder} was {how}; nothing more is written from here")


class SweepInterrupted(RatchetError):
    """A signal asked the sweep to stop; everything that had ended is on disk."""

    def __init__(self, signal: int) -> None:
        self.signal = signal
        super().__init__(f"interrupted by {signals.Signals(signal).name}")
