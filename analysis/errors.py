"""What can be wrong with a folder of results, or with the place where it lies.

RatchetError
├── ResultsError            a folder that is damaged, or that this version cannot read
│   └── SweepNotFound       no sweep lies there
└── StorageError            a store that cannot be used: no such bucket, access denied, no answer
"""

from __future__ import annotations

from collections.abc import Sequence

from greedy_core.errors import RatchetError


class ResultsError(RatchetError):
    """A results folder cannot be used as it is; `faults` holds one line for each thing found."""

    def __init__(self, faults: str | Sequence[str]) -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))

    def __reduce__(self) -> tuple[type[ResultsError], tuple[tuple[str, ...]]]:
        return type(self), (self.faults,)


class SweepNotFound(ResultsError):
    """The folder does not exist, is not a folder, or holds nothing that a sweep has written."""


class StorageError(RatchetError):
    """The store where results lie cannot be used; nothing is known of the results themselves.

    Args:
        message: what is wrong, in one line.
        may_pass: whether time may cure it, such as no answer or a store that is too busy.
    """

    def __init__(self, message: str, may_pass: bool = False) -> None:
        self.may_pass = may_pass
        super().__init__(message)
