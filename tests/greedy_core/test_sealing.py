"""Memory that nobody can write into: what moves there, what stays the same, and who is ended."""

from __future__ import annotations

import copy
import ctypes
import gc
import mmap
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import ref

import numpy as np
import pytest
import torch
from torch import nn

from greedy_core.model.language_model import LanguageModel
from greedy_core.model.sealing import MARGIN_BYTES, margin, pages_between, seal, settle
from greedy_core.model.weights_check import WeightsCheck
from tests.greedy_core.tiny_models import FAMILIES, tiny_model


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest) -> LanguageModel:
    """One that no other test has."""
    return tiny_model(request.param)


def ends_with(action: Callable[[], object]) -> int:
    """The signal that ends a child of this process which does something; 0 if none does."""
    child = os.fork()
    if not child:
        for number in (signal.SIGSEGV, signal.SIGBUS):
            signal.signal(number, signal.SIG_DFL)
        action()
        os._exit(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def read_only(tensor: torch.Tensor) -> bool:
    """Whether the kernel says so of every page that a tensor's storage touches."""
    storage = tensor.untyped_storage()
    first, last = storage.data_ptr(), storage.data_ptr() + storage.nbytes() - 1
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, rights, *_ = line.split()
        start, stop = (int(each, 16) for each in span.split("-"))
        if start <= last and first < stop and rights[1] == "w":
            return False
    return True


def ended_by_writing_into(tensor: torch.Tensor) -> int:
    return ends_with(lambda: ctypes.memmove(tensor.data_ptr(), b"\1", 1))


def test_every_byte_of_a_sealed_model_is_read_only_and_the_same(model: LanguageModel) -> None:
    digest, check = model.digest(), WeightsCheck(model)
    before = {name: each for name, each in model.module.named_parameters()}
    values = {name: each.clone() for name, each in model.module.state_dict().items()}
    assert not any(map(read_only, before.values()))
    seal(model.module)
    assert model.digest() == digest
    check.require_unchanged()
    assert all(each is before[name] for name, each in model.module.named_parameters())
    assert all(torch.equal(each, values[name]) for name, each in model.module.state_dict().items())
    tensors = [*model.module.parameters(), *model.module.buffers()]
    assert all(map(read_only, tensors))
    assert ended_by_writing_into(tensors[-1]) == signal.SIGSEGV


def test_a_model_is_sealed_once_and_its_copies_are_not(model: LanguageModel) -> None:
    seal(model.module)
    places = [each.data_ptr() for each in model.module.parameters()]
    seal(model.module)
    assert [each.data_ptr() for each in model.module.parameters()] == places
    private = copy.deepcopy(model)
    for each in (*private.module.parameters(), *private.module.buffers()):
        each.zero_()


def test_the_memory_ends_with_the_model() -> None:
    module = tiny_model("gpt2").module
    seal(module)
    gone = ref(next(module.parameters()))
    del module
    gc.collect()
    assert gone() is None
    seal(tiny_model("gpt2").module)


def test_what_shares_a_storage_shares_it_afterwards() -> None:
    whole = torch.arange(12.0, dtype=torch.bfloat16).reshape(3, 4)
    module = nn.Module()
    module.whole = nn.Parameter(whole, requires_grad=False)
    module.turned = nn.Parameter(whole.T, requires_grad=False)
    module.register_buffer("part", whole[1:, 2:])
    module.register_buffer("empty", torch.empty(0))
    module.tied = module.whole
    expected = {name: each.clone() for name, each in module.state_dict().items()}
    seal(module)
    assert {module.whole.data_ptr()} == {module.turned.data_ptr(), module.tied.data_ptr()}
    assert module.tied is module.whole
    part: Any = module.part
    assert part.data_ptr() == module.whole.data_ptr() + 6 * 2
    assert module.turned.stride() == (1, 4)
    for name, each in module.state_dict().items():
        assert torch.equal(each, expected[name])
    assert read_only(module.whole) and read_only(part)


def as_sent(*sizes: int) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Margins and arrays one after the other, as an object store lays them out."""
    lengths = [MARGIN_BYTES, *sizes, MARGIN_BYTES]
    store = np.frombuffer(mmap.mmap(-1, sum(lengths) + 64 * len(lengths)), np.uint8)
    at, found = 64, []
    for length in lengths:
        found.append(store[at : at + length])
        at += -(-length // 64) * 64
    return found[0], found[1:-1], found[-1]


def test_arrays_between_two_margins_lie_in_pages_of_their_own() -> None:
    before, arrays, behind = as_sent(20, 5000, 64, 1)
    pages = pages_between(before, [*reversed(arrays), arrays[0], np.empty(0)], behind)
    assert pages is not None
    assert before.ctypes.data <= pages.start and pages.stop <= behind.ctypes.data + MARGIN_BYTES
    assert all(pages.hold(each.ctypes.data, each.nbytes) for each in arrays)
    module = nn.Module()
    module.weight = nn.Parameter(torch.from_numpy(arrays[1]), requires_grad=False)
    settle(module, pages)
    seal(module)
    assert module.weight.data_ptr() == arrays[1].ctypes.data
    assert ends_with(lambda: ctypes.memmove(arrays[0].ctypes.data, b"\1", 1)) == signal.SIGSEGV


def test_what_else_lies_between_margins_is_left_alone() -> None:
    before, arrays, behind = as_sent(20, 5000, 64)
    assert pages_between(before, arrays[:1], behind) is None
    assert pages_between(behind, arrays, before) is None
    assert pages_between(margin(), [np.ones(5000)], margin()) is None
