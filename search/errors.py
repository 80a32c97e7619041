"""What can go wrong around a sweep, as one tree.

RatchetError
├── SweepExists             the name is taken; the message says how to go on with that sweep
├── SweepLocked             another driver is writing to the sweep
├── NoCluster               the cluster that is named cannot be joined
├── RayNotStarted           a Ray of this machine could not be started
├── NoTemporaryFolder       there is no place for temporary files
├── OutputLost              standard output takes no more; of the command line alone
├── LockLost                this driver's lock was taken or deleted; it must not write any more
├── PreparationFailed       what all trials share could not be computed: killed, or out of memory
├── OutOfMemory             memory was not enough for an edit
├── OnlyFailures            so many search trials failed, and none ended otherwise, that it stopped
└── SweepInterrupted        a signal asked the sweep to stop; everything that ended is on disk

Below `greedy_core.errors.SettingsError` is `search.config.reader.ConfigError`, for a configuration
file or an override. Reading raises more: see `analysis.errors`.
"""

from __future__ import annotations

import signal as signals
from collections.abc import Sequence

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


class RayNotStarted(RatchetError):
    """A Ray of this machine's own could not be started; `why` says what Ray said, in one line."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"Ray could not be started on this machine: {why}")


class NoTemporaryFolder(RatchetError):
    """Nowhere on this machine can a folder for temporary files be made."""

    def __init__(self, tried: Sequence[str]) -> None:
        self.tried = tried
        super().__init__(f"no folder for temporary files can be made: {'; '.join(tried)}")


class OutputLost(RatchetError):
    """Standard output takes no more; `reader_gone` if because nobody reads it any longer."""

    def __init__(self, why: str, reader_gone: bool) -> None:
        self.reader_gone = reader_gone
        super().__init__(f"standard output cannot be written: {why}")


class LockLost(RatchetError):
    """This driver's lock was taken over or deleted while it ran; it must not write any more."""

    def __init__(self, folder: str, taker: str | None) -> None:
        self.folder = folder
        self.taker = taker
        how = f"taken over by {taker}" if taker else "deleted"
        super().__init__(f"the lock of {folder} was {how}; nothing more is written from here")


class PreparationFailed(RatchetError):
    """What all trials share could not be computed; `cause` says why, in one line."""

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(f"preparing the sweep failed: {cause}")


class OutOfMemory(RatchetError):
    """Memory was not enough, the machine's or the accelerator's."""

    def __init__(self) -> None:
        super().__init__(
            "memory was not enough; a smaller batch_size, model or dtype needs less of it"
        )


class OnlyFailures(RatchetError):
    """So many search trials failed, and none ended otherwise, that the sweep was stopped."""

    def __init__(self, failed: int, cause: str, times: int) -> None:
        self.failed = failed
        self.cause = cause
        self.times = times
        super().__init__(
            f"stopped: {failed} search trials failed and none ended otherwise (search.max_failed); "
            f"the commonest cause, {times} times: {cause}; once it is gone, `resume` goes on"
        )


class SweepInterrupted(RatchetError):
    """A signal asked the sweep to stop; everything that had ended is on disk."""

    def __init__(self, signal: int) -> None:
        self.signal = signal
        super().__init__(f"interrupted by {signals.Signals(signal).name}")
