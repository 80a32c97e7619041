"""Preparation as a Ray task: it tells how far it is, and leaves its result in the object store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any

import ray
from ray.exceptions import (
    OutOfMemoryError,
    RayError,
    RayTaskError,
    RuntimeEnvSetupError,
    WorkerCrashedError,
)

from analysis.errors import StorageError
from greedy_core.errors import RatchetError
from greedy_core.inputs.selection import Selection
from greedy_core.progress import Progress
from search.config.settings import SweepConfig
from search.errors import PreparationFailed
from search.worker.import_places import driver_places, look_there_last
from search.worker.out_of_memory import is_out_of_memory
from search.worker.prepared import Prepared

logger = logging.getLogger(__name__)

ATTEMPTS = 3
_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Shared:
    """What was prepared, for as long as this process lives.

    The driver's own view keeps a copy on the driver's machine, from which Ray serves the others
    when the machine that prepared is lost.
    """

    reference: ray.ObjectRef[Any]
    """What workers get; all of a machine map the same arrays."""
    view: Prepared
    """The same, mapped by the driver."""
    digests: Mapping[str, str]
    """Of model, dataset and corpus."""

    def check_unchanged(self) -> None:
        """Look at the weights of the driver's machine, whose workers map the same memory.

        Workers look at their own when they start, and before they tell or publish anything. It
        takes as long as reading the weights.

        Raises:
            BaseModelChanged: if somebody wrote into them.
        """
        self.view.weights.check_unchanged()


def prepared(
    config: SweepConfig,
    on_progress: Callable[[Progress], None],
    import_roots: Sequence[str] = (),
    records: bool = True,
    others: Sequence[Selection] = (),
) -> Shared:
    """Prepare on whichever machine Ray chooses, and on another one if that is lost.

    Args:
        config: the sweep's.
        on_progress: told how far it is.
        import_roots: folders that modules of metric functions lie in.
        records: whether what follows from the edited records is computed, too.
        others: selections of the same dataset that workers will edit instead; they are checked.

    Raises:
        RatchetError, StorageError: whatever is found wrong.
        PreparationFailed: if it was lost again and again, or memory was not enough.
    """
    why = ""
    for _ in range(ATTEMPTS):
        try:
            return _prepared(config, on_progress, import_roots, records, others)
        except RayTaskError as error:
            if isinstance(error.cause, RatchetError | StorageError):
                raise error.cause from None
            if is_out_of_memory(error.cause):
                raise PreparationFailed("memory was not enough") from None
            raise
        except OutOfMemoryError:
            raise PreparationFailed("the machine ran out of memory, and Ray ended it") from None
        except RuntimeEnvSetupError as error:
            raise PreparationFailed(_why_no_environment(error)) from None
        except RayError as error:
            why = _why_lost(error)
            logger.warning("preparation was lost with its worker or machine: %s", why)
    raise PreparationFailed(why)


def _why_no_environment(error: RuntimeEnvSetupError) -> str:
    """The last line of what Ray says, which is often a traceback."""
    lines = [line.strip() for line in (error.error_message or "").splitlines() if line.strip()]
    said = lines[-1] if lines else "Ray does not say why"
    return f"the job's runtime_env cannot be set up where Ray runs: {said}"


def _why_lost(error: RayError) -> str:
    """Ray's own words, of which the first line says most, and what they usually mean."""
    words = str(error).strip().partition("\n")[0]
    if isinstance(error, WorkerCrashedError):
        return f"its process was killed, perhaps for want of memory ({words})"
    return f"{type(error).__name__}: {words}"


def _prepared(
    config: SweepConfig,
    on_progress: Callable[[Progress], None],
    import_roots: Sequence[str],
    records: bool,
    others: Sequence[Selection],
) -> Shared:
    machines = config.ray
    # Retried here and not by Ray, which would continue in the second stream where the first broke
    # off, although progress does not come in the same pieces twice.
    task: Any = _preparation.options(
        num_cpus=machines.cpus_per_trial, num_gpus=machines.gpus_per_trial, max_retries=0
    )
    told = task.remote(config, records, import_roots, others, driver_places())
    for reference in told:
        item = ray.get(reference)
        if not isinstance(item, Progress):
            result = next(told)
            return Shared(result, ray.get(result), item)
        on_progress(item)
    raise AssertionError("the task ends with its result")


@ray.remote(num_returns="streaming")
def _preparation(
    config: SweepConfig,
    records: bool,
    import_roots: Sequence[str],
    others: Sequence[Selection],
    import_places: tuple[str, ...],
) -> Iterator[Progress | Mapping[str, str] | Prepared]:
    """Progress, again and again; then the digests; then everything."""
    look_there_last(import_places)
    from search.worker.walk_context import prepare  # imports torch, which the driver does without

    queue: SimpleQueue[Progress] = SimpleQueue()
    with ThreadPoolExecutor(1) as pool:
        computed = pool.submit(prepare, config, queue.put, records, import_roots, others)
        yield from _until_done(computed, queue)
        result = replace(computed.result(), import_places=import_places)
    yield result.digests
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
