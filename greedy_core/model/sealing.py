"""Memory that nobody in this process can write into any more, and where it lies.

Before a metric function is asked, `seal` makes the pages that hold the base model read-only, with
mprotect: whoever writes there all the same, in whatever way, is ended by SIGSEGV. They stay
read-only, since our own code never writes into an unedited model, whereas a thread that a function
has left behind could. Weights on an accelerator cannot be sealed.

Pages are whole. Arrays that came out of an object store lie between two `margin`s, so that no page
between these holds anything else. A model that was loaded here moves into pages of its own.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

MARGIN_BYTES = 2**16
"""The largest pages that Linux has, unless it is asked for larger ones."""

_LARGEST_GAP = 64
"""Arrays in an object of Ray's store follow each other, and begin at multiples of this."""

_c = ctypes.CDLL(None, use_errno=True)
_c.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


@dataclass(frozen=True, eq=False)
class Pages:
    """Whole pages with nothing else in them."""

    start: int
    """Address of the first byte."""
    stop: int
    """Address behind the last one."""
    owner: object
    """Keeps them from being used for anything else."""

    def hold(self, start: int, size: int) -> bool:
        """Whether so many bytes from an address on lie here."""
        return self.start <= start and start + size <= self.stop

    def seal(self) -> None:
        """Make them read-only for this process.

        Raises:
            OSError: if the kernel refuses.
        """
        if _c.mprotect(self.start, self.stop - self.start, mmap.PROT_READ):
            error = ctypes.get_errno()
            raise OSError(error, f"mprotect: {os.strerror(error)}")


_known: WeakKeyDictionary[nn.Module, list[Pages]] = WeakKeyDictionary()
"""Pages that modules' tensors lie in."""
_kept: list[Pages] = []
"""Those that were not made here; they are held for good."""


def margin() -> np.ndarray:
    """An array to stand before or behind others in an object store, and to share pages with them.

    A new one each time: pickle writes an object that comes twice only once.
    """
    return np.full(MARGIN_BYTES, 0x5A, np.uint8)


def pages_between(
    before: np.ndarray, arrays: Iterable[np.ndarray], behind: np.ndarray
) -> Pages | None:
    """The pages between two margins; None if anything but these arrays may lie there."""
    if before.flags.owndata or behind.flags.owndata:
        return None  # never sent
    first, last = _place(before), _place(behind)
    inside = {_place(each) for each in arrays if each.nbytes}
    places = sorted({first, last, *(each for each in inside if first < each < last)})
    gaps = [after - (start + size) for (start, size), (after, _) in pairwise(places)]
    if first > last or not all(0 <= gap < _LARGEST_GAP for gap in gaps):
        return None
    return Pages(_whole(first[0]), sum(last) // mmap.PAGESIZE * mmap.PAGESIZE, (before, behind))


def settle(module: nn.Module, pages: Pages) -> None:
    """Note that a module's tensors, or what they were copied from, lie in these pages.

    The pages are held for as long as the process lives: an object store would otherwise hand memory
    that is read-only to somebody who writes there.
    """
    _known.setdefault(module, []).append(pages)
    _kept.append(pages)


def seal(module: nn.Module) -> None:
    """Make a model's parameters and buffers in this machine's memory read-only, for good.

    Those that share pages with something else are first copied to pages of their own; references
    to the parameters stay valid, and tied weights stay tied.
    """
    known = _known.setdefault(module, [])
    loose = [each for each in _tensors(module) if not any(_lies_in(p, each) for p in known)]
    if loose:
        known.append(_moved(loose))
    for pages in known:
        pages.seal()


def _tensors(module: nn.Module) -> list[Tensor]:
    every = (*module.parameters(), *module.buffers())
    return [each for each in every if each.device.type == "cpu" and _size(each)]


def _size(tensor: Tensor) -> int:
    return tensor.untyped_storage().nbytes()


def _lies_in(pages: Pages, tensor: Tensor) -> bool:
    return pages.hold(tensor.untyped_storage().data_ptr(), _size(tensor))


def _moved(tensors: Sequence[Tensor]) -> Pages:
    """Give tensors memory of their own; those that shared a storage share one again."""
    storages = {each.untyped_storage().data_ptr(): each.untyped_storage() for each in tensors}
    size = sum(_whole(each.nbytes()) for each in storages.values())
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    offset = 0
    for address, storage in storages.items():
        count = storage.nbytes()
        new = torch.frombuffer(memory, dtype=torch.uint8, count=count, offset=offset)
        new.copy_(torch.empty(0, dtype=torch.uint8).set_(storage))
        offset += _whole(count)
        for each in tensors:
            if each.untyped_storage().data_ptr() == address:
                place = (each.storage_offset(), each.shape, each.stride())
                each.data = torch.empty(0, dtype=each.dtype).set_(new.untyped_storage(), *place)
    start = np.frombuffer(memory, np.uint8).ctypes.data
    return Pages(start, start + size, memory)


def _whole(size: int) -> int:
    """A size in bytes, rounded up to whole pages."""
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


def _place(array: np.ndarray) -> tuple[int, int]:
    return array.ctypes.data, array.nbytes
