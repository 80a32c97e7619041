"""Metric functions as users write them, good and bad; workers import them by name."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from greedy_core.records import EditRecord

GOOD = {"es": 0.5, "ps": 0.5, "ns": 0.5, "composite": 0.5}


def good(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    return GOOD


def slow(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    time.sleep(0.3)
    return GOOD


def raises(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    raise ZeroDivisionError("the metric\nhas a bug")


def not_a_number(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    return {**GOOD, "composite": float("nan")}


def lacks_ns(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    return {key: value for key, value in GOOD.items() if key != "ns"}


def hangs(model: Any, tokenizer: Any, requests: Sequence[EditRecord]) -> dict[str, float]:
    while True:
        time.sleep(1.0)


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
