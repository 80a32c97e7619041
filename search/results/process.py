"""Which process this is, so that another one can tell whether it still runs."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from greedy_core.process_space import process_space


@dataclass(frozen=True)
class ProcessName:
    """A process, told apart from any other that has or had its number."""

    host: str
    space: str
    """Where the number means something: one boot of the machine, one namespace of processes."""
    pid: int
    started: str
    """Start time in the kernel's units since boot; empty where the system does not tell."""

    @property
    def is_gone(self) -> bool:
        """Whether the process has certainly ended; False if that cannot be known from here."""
        if (self.host, self.space) != (this_process().host, this_process().space):
            return False
        return _start_time(self.pid) != self.started


def this_process() -> ProcessName:
    """The calling process."""
    pid = os.getpid()
    return ProcessName(socket.gethostname(), process_space(), pid, _start_time(pid) or "")


def _start_time(pid: int) -> str | None:
    """Start time of a running process, None if there is no such process."""
    if not Path("/proc/self/stat").exists():
        return "" if _answers(pid) else None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the command in parentheses, which may hold anything; the state follows.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's, but there
    return True
