"""Preparation as a Ray task: it tells how far it is, and leaves its result in the object store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

import ray
from ray.exceptions import NodeDiedError, OutOfMemoryError, RayTaskError, WorkerCrashedError

from greedy_core.errors import RatchetError
from greedy_core.progress import Progress
from search.config import SweepConfig
from search.errors import PreparationFailed
from search.workbench import Prepared, prepare

_LOOK_SECONDS = 0.1


def prepared(
    config: SweepConfig, on_progress: Callable[[Progress], None]
) -> tuple[ray.ObjectRef, Mapping[str, str]]:
    """Prepare on whichever machine Ray chooses.

    Args:
        config: the sweep's.
        on_progress: told how far it is.

    Returns:
        a reference to the `Prepared`, whose arrays all workers of a node map once, and the digests
        of model, dataset and corpus.

    Raises:
        RatchetError: whatever is found wrong.
        PreparationFailed: if the task was killed, again and again, or memory was not enough.
    """
    try:
        return _followed(config, on_progress)
    except RayTaskError as error:
        if isinstance(error.cause, RatchetError):
            raise error.cause from None
        if isinstance(error.cause, MemoryError):
            raise PreparationFailed("memory was not enough") from None
        raise
    except OutOfMemoryError:
        raise PreparationFailed("the machine ran out of memory, and Ray ended it") from None
    except (WorkerCrashedError, NodeDiedError):
        raise PreparationFailed("its process was killed, perhaps for want of memory") from None


def _followed(
    config: SweepConfig, on_progress: Callable[[Progress], None]
) -> tuple[ray.ObjectRef, Mapping[str, str]]:
    machines = config.ray
    task: Any = _preparation.options(
        num_cpus=machines.cpus_per_trial, num_gpus=machines.gpus_per_trial
    )
    told = task.remote(config)
    for reference in told:
        item = ray.get(reference)
        if not isinstance(item, Progress):
            return next(told), item
        on_progress(item)
    raise AssertionError("the task ends with its result")


@ray.remote(num_returns="streaming")
def _preparation(config: SweepConfig) -> Iterator[Progress | Mapping[str, str] | Prepared]:
    """Progress, again and again; then the digests; then everything."""
    queue: SimpleQueue[Progress] = SimpleQueue()
    with ThreadPoolExecutor(1) as pool:
        computed = pool.submit(prepare, config, queue.put)
        yield from _until_done(computed, queue)
        result = computed.result()
    yield {
        "model": result.model_digest,
        "dataset": result.inputs.selection.digest,
        "corpus": result.inputs.corpus.digest,
    }
    yield result


def _until_done(computed: Future[Prepared], queue: SimpleQueue[Progress]) -> Iterator[Progress]:
    """The latest progress, whenever there is some."""
    while not computed.done():
        try:
            latest = queue.get(timeout=_LOOK_SECONDS)
            while not queue.empty():
                latest = queue.get()
        except Empty:
            continue
        yield latest
