"""What a lock says, and what taking one is, wherever it lies: see `file_claim`, `object_claim`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from greedy_core.process import ProcessName

LOCK = "lock.json"
TEMPORARY = ".tmp"
"""How the names of unfinished files end, which begin with a dot; the next driver removes them."""

UNKNOWN = ProcessName(host="an unknown host", space="", pid=0, started="")
"""The owner of a lock that does not say whose it is."""

_TOKEN = re.compile("[0-9a-z]{1,32}")
_LONGEST = 255
"""Characters of the texts in a process's name, at most; hosts have no longer names."""


@dataclass(frozen=True)
class Owner:
    """What is known of a lock."""

    process: ProcessName
    """The driver that may write."""
    heartbeat: float
    """Its last sign of life, in seconds since the epoch by its own clock."""
    token: str = ""
    """Tells this lock from any other, of the same process too; empty if it says none."""
    held: bool = False
    """Whether this machine's kernel knows that the process still has it; the text does not say."""

    def to_json(self) -> bytes:
        # The heartbeat always has the same width, so that it can be overwritten in place.
        beat = f"{self.heartbeat:017.6f}"
        content = {**asdict(self.process), "token": self.token, "heartbeat": beat}
        return json.dumps(content, indent=1).encode()

    @classmethod
    def parse(cls, text: bytes, changed: float) -> Owner:
        """What a lock says, whatever is in it.

        Args:
            text: its content, or the beginning of it.
            changed: when it was last written, which counts where it has no heartbeat.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            content = {}
        if not isinstance(content, dict):
            content = {}
        token = content.get("token")
        return cls(
            _process(content),
            _heartbeat(content.get("heartbeat"), changed),
            token if isinstance(token, str) and _TOKEN.fullmatch(token) else "",
        )


Judge = Callable[[Owner], bool]
"""Says whether a lock that is there may be taken over. False comes after a pause: look again.
Raises SweepLocked where its owner keeps us out."""


class Claim(Protocol):
    """A lock that this driver has taken; others may take it over once it is stale."""

    def present(self) -> Owner | None:
        """Who holds the lock now; None if nobody does. StorageError if nobody can tell."""

    def held(self) -> bool:
        """Whether the lock is still ours, looked up now. StorageError if nobody can tell."""

    def beat(self) -> None:
        """Renew the heartbeat; of no effect on a lock that is not ours any more."""

    def release(self) -> None:
        """Delete the lock if it is still ours; the last call."""


def _process(content: dict[str, Any]) -> ProcessName:
    pid = content.get("pid")
    texts = [content.get(name) for name in ("host", "space", "started")]
    if type(pid) is not int or not 0 < pid < 2**31:
        return UNKNOWN
    if not all(isinstance(text, str) and _is_plain(text) for text in texts):
        return UNKNOWN
    return ProcessName(content["host"], content["space"], pid, content["started"])


def _is_plain(text: str) -> bool:
    """Whether it may be a name: not too long, and text that can be written."""
    try:
        return len(text.encode()) <= _LONGEST
    except UnicodeEncodeError:
        return False


def _heartbeat(said: object, changed: float) -> float:
    try:
        found = float(said) if isinstance(said, str | int | float) else math.nan
    except (ValueError, OverflowError):
        return changed
    return found if math.isfinite(found) else changed
