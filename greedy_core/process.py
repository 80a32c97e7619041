"""Which process this is, so that another one can tell whether it still runs."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_MOST = 2**31
"""Numbers of processes are below this on every system."""


@dataclass(frozen=True)
class ProcessName:
    """A process, told apart from any other that has or had its number."""

    host: str
    space: str
    """The scope in which the pid means something: one boot of the machine, one pid namespace."""
    pid: int
    started: str
    """Start time in the kernel's units since boot; empty where the system does not tell."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @property
    def is_gone(self) -> bool:
        """Whether the process has certainly ended; False if that cannot be known from here."""
        if (self.host, self.space) != (socket.gethostname(), process_space()):
            return False
        if not 0 < self.pid < _MOST:
            return False
        if not _answers(self.pid):
            return True
        found = _start_time(self.pid)
        return bool(self.started) and found is not None and found != self.started

    @property
    def on_this_machine(self) -> bool:
        """Whether it runs on the caller's kernel, whatever containers the two are in."""
        boot, here = (space.partition(" ")[0] for space in (self.space, process_space()))
        return boot == here and (bool(boot) or self.host == socket.gethostname())


def this_process() -> ProcessName:
    """The calling process."""
    pid = os.getpid()
    return ProcessName(socket.gethostname(), process_space(), pid, _start_time(pid) or "")


@cache
def process_space() -> str:
    """A name for the scope in which the pids of the caller and of its neighbors mean something.

    Containers may share a host's name, and a pid may be used again after a reboot.

    Returns:
        The boot's id and the namespace's; empty where the system does not tell.

    Example:
        >>> process_space() == process_space()
        True
    """
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    if not boot.exists() or not namespace.exists():
        return ""
    return f"{boot.read_text().strip()} {os.readlink(namespace)}"


def _start_time(pid: int) -> str | None:
    """Start time of a process that answers, "" if it has ended; None if it cannot be known."""
    if not _numbers_are_ours():
        return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None  # hidden, since it is another user's
    # The second field is the command in parentheses, which may hold anything; the state follows.
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]


def _numbers_are_ours() -> bool:
    """Whether /proc is there, and is that of the caller's namespace of processes."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False


def _answers(pid: int) -> bool:
    """Whether there is a process, or what is left of one, with this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's, but there
    return True
