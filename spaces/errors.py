"""What can go wrong with a search space.

SpaceError (a ValueError)   a search space breaks conditions; carries every fault found
└── DocumentError           the YAML text itself cannot be read, or is not safe to read
"""

from __future__ import annotations

from collections.abc import Sequence


class SpaceError(ValueError):
    """A search space breaks conditions; `faults` holds one line for each thing found."""

    def __init__(self, faults: str | Sequence[str]) -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))

    def __reduce__(self) -> tuple[type[SpaceError], tuple[tuple[str, ...]]]:
        return type(self), (self.faults,)


class DocumentError(SpaceError):
    """A YAML text cannot be read: syntax, size, nesting, aliases, repeated keys."""
