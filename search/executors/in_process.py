"""Runs a session's trials in this process, one after the other: no Ray, no workers.

For small sweeps, notebooks and tests. A hang is not noticed, and a metric function that ends its
process ends this one; what had been committed is there for `resume`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from greedy_core.inputs.selection import Selection
from greedy_core.progress import Progress
from greedy_core.store import switch
from search.cluster.interrupts import Interrupts
from search.config.settings import SweepConfig
from search.executors.executor import Trials
from search.executors.walker import Walker
from search.executors.walks import Walk, WalkEnd
from search.executors.walks_in_process import WalksInProcess
from search.results.recovery import Proposal
from search.worker.causes import cause_of_error
from search.worker.last_words import told_by_another
from search.worker.out_of_memory import told_out_of_memory
from search.worker.prepared import Prepared
from search.worker.walk_context import prepare
from search.worker.walk_mark import WalkMark

logger = logging.getLogger(__name__)


class PreparedHere:
    """What was prepared, in this process's own memory."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.digests = prepared.digests

    def check_unchanged(self) -> None:
        """Look at the weights that all trials are run on.

        Raises:
            BaseModelChanged: if somebody wrote into them.
        """
        self.prepared.weights.check_unchanged()


class InProcess:
    """One trial at a time; one that fails is tried again on a fresh context.

    Args:
        config: the sweep's.
        interrupts: checked between two steps of a walk.
    """

    def __init__(self, config: SweepConfig, interrupts: Interrupts) -> None:
        self._config = config
        self._interrupts = interrupts
        self._walker: Walker | None = None

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Inside, a metric function that ends this process is named on standard error."""
        with told_by_another(self._config.edit.greedy.metric), _told_by_reports_alone():
            yield

    def prepare(
        self,
        on_progress: Callable[[Progress], None],
        import_roots: Sequence[str],
        *,
        records: bool = True,
        others: Sequence[Selection] = (),
    ) -> PreparedHere:
        """Compute what all trials share.

        Raises:
            InputError: with everything that is wrong.
            OutOfMemory: memory is not enough.
        """
        with told_out_of_memory():
            made = prepare(self._config, on_progress, records, import_roots, others)
        return PreparedHere(made)

    def run(self, trials: Trials, shared: PreparedHere, total: int) -> None:
        """Run trials until there is no next one, or `between` raises."""
        while (proposal := trials.next()) is not None:
            trials.on_start(proposal)
            most = self._config.search.max_failures
            for failures in range(most + 1):
                cause = self._attempt(proposal, trials, shared.prepared)
                if cause is None:
                    trials.on_end(proposal)
                    break
                logger.info("trial %d: %s", proposal.trial, cause)
                if failures < most:
                    trials.on_retry(proposal, cause)
                else:
                    trials.on_error(proposal, cause)
                self._rest(trials)
            self._rest(trials)

    def walks(
        self,
        walks: Sequence[Walk],
        shared: PreparedHere,
        sequences: Sequence[Selection],
        on_look: Callable[[int], None],
    ) -> Generator[WalkEnd]:
        """Run a confirmation's walks, sequence by sequence, and give them as they end."""
        most, interrupts = self._config.search.max_failures, self._interrupts
        here = WalksInProcess(shared.prepared, sequences, most, interrupts, on_look)
        yield from here.run(walks)

    def _attempt(self, proposal: Proposal, trials: Trials, prepared: Prepared) -> str | None:
        """Walk until a trial ends; returns why that failed, or None."""
        begin = partial(self._begun, proposal, trials, prepared)
        walker: Walker | None = None
        while True:
            try:
                walker = walker or begin()
                report = walker.walk()
            except Exception as error:
                self._walker = None  # the next attempt gets the base model as it was prepared
                return cause_of_error(error)
            if not trials.on_report(proposal, report) or report["final"]:
                return None
            self._rest(trials)

    def _begun(self, proposal: Proposal, trials: Trials, prepared: Prepared) -> Walker:
        if self._walker is None:
            self._walker = Walker(prepared, None, self._show_life)
        self._walker.start(f"trial {proposal.trial}", trials.changes(proposal), WalkMark())
        return self._walker

    def _rest(self, trials: Trials) -> None:
        self._interrupts.check()
        trials.between()

    def _show_life(self, trial: str, timeout: float) -> None:
        """Let a signal interrupt between two steps."""
        self._interrupts.check()


@contextmanager
def _told_by_reports_alone() -> Iterator[None]:
    """Silence the store's own messages: a session already tells, once, what reports say of it."""
    before, switch.logger.disabled = switch.logger.disabled, True
    try:
        yield
    finally:
        switch.logger.disabled = before
