"""What ends a preparation, and in which words; the task itself is not started."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
from ray.exceptions import (
    NodeDiedError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

from analysis.errors import StorageError
from greedy_core.errors import ModelError
from search.cli.exit_status import WRONG_INPUT, status_of
from search.cluster import preparation
from search.errors import PreparationFailed
from search.worker.out_of_memory import is_out_of_memory


def of_task(cause: Exception) -> RayTaskError:
    return RayTaskError("prepare", "ray::prepare\n  File 'a.py'", cause)


def prepare_with(error: Exception, monkeypatch: pytest.MonkeyPatch) -> int:
    """Have every attempt end with an error; how many there were."""
    attempts = []

    def ends(*given: object) -> Any:
        attempts.append(given)
        raise error

    monkeypatch.setattr(preparation, "_prepared", ends)
    config: Any = None
    try:
        preparation.prepared(config, lambda progress: None)
    finally:
        assert len(attempts) == (1 if isinstance(error, RayTaskError | OutOfMemoryError) else 3)
    raise AssertionError("it ends with an error")


@pytest.mark.parametrize(
    "wrong", [ModelError("model 'x' is missing"), StorageError("s3://b/c: no answer from h:1")]
)
def test_what_the_task_finds_wrong_is_raised_as_it_is(
    monkeypatch: pytest.MonkeyPatch, wrong: Exception
) -> None:
    with pytest.raises(type(wrong)) as caught:
        prepare_with(of_task(wrong), monkeypatch)
    assert caught.value is wrong


ALLOCATOR = RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate")


@pytest.mark.parametrize(
    "cause", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), ALLOCATOR]
)
def test_memory_that_is_not_enough_has_many_names_and_one_line(
    monkeypatch: pytest.MonkeyPatch, cause: Exception
) -> None:
    with pytest.raises(PreparationFailed, match="memory was not enough") as caught:
        prepare_with(of_task(cause), monkeypatch)
    assert status_of(caught.value) == WRONG_INPUT


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), ValueError(str(ALLOCATOR)), None])
def test_other_errors_are_not_taken_for_it(error: object) -> None:
    assert not is_out_of_memory(error)


def test_an_error_of_the_program_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RayTaskError):
        prepare_with(of_task(ZeroDivisionError()), monkeypatch)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            WorkerCrashedError(),
            "its process was killed, perhaps for want of memory (The worker died unexpectedly",
        ),
        (NodeDiedError("the node is gone\nand more"), "NodeDiedError: the node is gone"),
        (RayError("an object is lost\nand more"), "RayError: an object is lost"),
    ],
)
def test_what_ray_says_of_a_lost_preparation_is_kept(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    line: str,
) -> None:
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(PreparationFailed) as caught,
    ):
        prepare_with(error, monkeypatch)
    assert str(caught.value).startswith(f"preparing the sweep failed: {line}")
    assert "and more" not in str(caught.value)
    assert caplog.text.count(line) == 3
