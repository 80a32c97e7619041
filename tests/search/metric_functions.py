"""Metric functions as users write them, good and bad; workers import them by name."""

from __future__ import annotations

import gc
import os
import resource
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from greedy_core.inputs.records import EditRecord

GOOD = {"es": 0.5, "ps": 0.5, "ns": 0.5, "composite": 0.5}


def good(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    return GOOD


def slow(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    time.sleep(0.3)
    return GOOD


def slow_to_begin(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    """Slow at the first step of each batch."""
    cases = [each.case_id for each in requests]
    if cases != _asked:
        time.sleep(0.3)
        _asked[:] = cases
    return GOOD


_asked: list[int] = []
"""The records that `slow_to_begin` was asked for last."""


def raises(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    raise ZeroDivisionError("the metric\nhas a bug")


def broken(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    """Until somebody removes the mark beside the cache."""
    if (Path(os.environ["XDG_CACHE_HOME"]) / "broken").exists():
        raise RuntimeError("not yet repaired")
    return GOOD


def not_a_number(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    return {**GOOD, "composite": float("nan")}


def hangs(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    while True:
        time.sleep(1.0)


def hangs_and_stops(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    """Hangs when it is first asked; the next time not even the worker's own threads go on."""
    mark = Path(os.environ["XDG_CACHE_HOME"]) / "hung-once"
    if not mark.exists():
        mark.touch()
        hangs(model, tokenizer, requests)
    os.kill(os.getpid(), signal.SIGSTOP)
    return GOOD


def killed(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    """What the kernel does to a process when memory is gone."""
    os.kill(os.getpid(), signal.SIGKILL)
    return GOOD


def greedy(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    """Asks for more address space than the process may have."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**40, before[1]))
    try:
        torch.empty(2**41, dtype=torch.uint8)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    return GOOD


def killed_once(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    """Killed at its second batch, so that the first one's states are stored by then."""
    mark = Path(os.environ["XDG_CACHE_HOME"]) / "killed-once"
    seen = mark.read_text().splitlines() if mark.exists() else []
    case = str(requests[0].case_id)
    if case not in seen:
        mark.write_text("\n".join([*seen, case]))
        if len(seen) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
    return GOOD


def fails_once(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    """Leaves a mark beside the cache, and is well from then on."""
    mark = Path(os.environ["XDG_CACHE_HOME"]) / "failed-once"
    if not mark.exists():
        mark.touch()
        raise RuntimeError("only this time")
    return GOOD


def vandal(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    """Finds the model that all workers share, and writes into it."""
    for each in gc.get_objects():
        if isinstance(each, PreTrainedModel):
            with torch.no_grad():
                next(each.parameters()).view(-1)[0] += 1.0
    return GOOD


def dies_once(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    """Killed when it is first asked, and well from then on."""
    mark = Path(os.environ["XDG_CACHE_HOME"]) / "died-once"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return GOOD
