"""Runs a session's trials with Ray Tune, on this machine or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from functools import partial

import ray
from ray import tune

from greedy_core.inputs.selection import Selection
from greedy_core.progress import Progress
from search.cluster.interrupts import Interrupts
from search.cluster.preparation import Shared, prepared
from search.cluster.private_folder import private_folder
from search.cluster.ray_session import ray_session, trials_at_once
from search.cluster.signs_of_life import SignsOfLife
from search.config.settings import SweepConfig
from search.executors.executor import Trials
from search.executors.walks import Walk, WalkEnd
from search.results.recovery import Proposal
from search.tune.listener import Listener
from search.tune.scheduler import SessionScheduler
from search.tune.searcher import SessionSearcher
from search.tune.trainable import GreedyEditTrainable


class RayTune:
    """Trials side by side, each in a worker; those that fail, hang or are lost are tried again.

    Args:
        config: the sweep's.
        interrupts: checked between two steps of Tune's loop.
        verbose: let the libraries talk.
    """

    def __init__(self, config: SweepConfig, interrupts: Interrupts, verbose: bool) -> None:
        self._config = config
        self._interrupts = interrupts
        self._verbose = verbose

    def opened(self) -> AbstractContextManager[None]:
        """Inside, there is Ray: one of this command's own, or the cluster that it has joined."""
        return ray_session(self._config, self._verbose, self._interrupts)

    def prepare(
        self,
        on_progress: Callable[[Progress], None],
        import_roots: Sequence[str],
        *,
        records: bool = True,
        others: Sequence[Selection] = (),
    ) -> Shared:
        """Compute what all trials share, in a worker; as `search.cluster.preparation.prepared`."""
        return prepared(self._config, on_progress, import_roots, records, others)

    def run(self, trials: Trials, shared: Shared, total: int) -> None:
        """Run trials until there is no next one, or `between` raises."""
        search, machines = self._config.search, self._config.ray
        resources = {"cpu": machines.cpus_per_trial, "gpu": machines.gpus_per_trial}
        proposals: dict[str, Proposal] = {}
        signs = SignsOfLife(search.trial_timeout)
        with private_folder() as scratch, private_folder() as words:
            # The reference travels, not the arrays; each node maps them once.
            trainable = tune.with_parameters(
                GreedyEditTrainable, prepared=partial(ray.get, shared.reference), words=str(words)
            )
            tune.run(
                tune.with_resources(trainable, resources),
                name="sweep",
                storage_path=str(scratch),
                num_samples=total,
                search_alg=SessionSearcher(trials, proposals),
                scheduler=SessionScheduler(trials, proposals),
                callbacks=[Listener(trials, proposals, self._interrupts, signs, str(words))],
                max_failures=search.max_failures,
                max_concurrent_trials=trials_at_once(self._config),
                reuse_actors=True,
                raise_on_failed_trial=False,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                verbose=0,
            )

    def walks(
        self,
        walks: Sequence[Walk],
        shared: Shared,
        sequences: Sequence[Selection],
        on_look: Callable[[int], None],
    ) -> Generator[WalkEnd]:
        """Run a confirmation's walks side by side, and give them as they end."""
        from search.tune.walk_pool import WalkPool  # imports torch; a sweep's driver does without

        with private_folder() as words:
            pool = WalkPool(
                self._config, shared.reference, sequences, self._interrupts, str(words), on_look
            )
            yield from pool.run(walks)
