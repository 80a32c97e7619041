"""How far a long computation has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Done and total of one part of the work."""

    part: str
    """What is computed."""
    done: int
    """How many are done."""
    total: int
    """How many there are."""

    def __str__(self) -> str:
        return f"{self.part} {self.done}/{self.total}"


OnProgress = Callable[[Progress], None]
"""Called often, with the progress so far."""


def silent(progress: Progress) -> None:
    """Ignore progress."""
