"""Errors that mean that memory was not enough, which torch raises under several names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from search.errors import OutOfMemory

_CPU_ALLOCATOR = "DefaultCPUAllocator"
"""What torch names in the RuntimeError that it raises where the machine's memory is not enough."""


def is_out_of_memory(error: object) -> bool:
    """Whether an error says that the machine's memory or the accelerator's was not enough."""
    # If nobody has imported torch, the error cannot be one of its own.
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch and isinstance(error, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and _CPU_ALLOCATOR in str(error)


@contextmanager
def told_out_of_memory() -> Iterator[None]:
    """Say in one line where memory was not enough for what is inside.

    Raises:
        OutOfMemory: instead of such an error.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory from error
