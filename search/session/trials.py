"""What a session wants from its trials and does with their reports; an executor runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from greedy_core.errors import BaseModelChanged
from search.errors import OnlyFailures
from search.results.recovery import Proposal
from search.session.proposer import Proposer
from search.session.recorder import Recorder
from search.sweep.rungs import Rungs
from search.worker.causes import changed_model
from search.worker.reports import METRIC


class SweepTrials:
    """Proposes trials, judges them at rungs, and has their rows written.

    Args:
        proposer: gives the trials, and is told how they end.
        recorder: writes them.
        rungs: where trials are stopped, with the values of earlier ones; None: all run to the end.
        resource: name of the report's field that rungs count.
        audited: numbers of search trials that count at rungs, but are never stopped.
        most_failed: ends the session after so many failures of search trials and no other end;
            None goes on whatever happens. Baselines do not count: one of them uses no metric
            function, and would end well even if that always fails.
        on_change: called where nothing is half done.
    """

    def __init__(
        self,
        proposer: Proposer,
        recorder: Recorder,
        rungs: Rungs | None,
        resource: str,
        audited: frozenset[int],
        most_failed: int | None,
        on_change: Callable[[], None],
    ) -> None:
        self._proposer = proposer
        self._recorder = recorder
        self.rungs = rungs
        self._resource = resource
        self.audited = audited
        self._most_failed = most_failed
        self._on_change = on_change
        self._changed: str | None = None
        """What a worker said that found its base model changed."""

    def next(self) -> Proposal | None:
        """What waits first, then what the sampler proposes; None once all were given out."""
        return self._proposer.next()

    def changes(self, proposal: Proposal) -> dict[str, Any]:
        """A proposal's settings that differ from the sweep's."""
        return self._proposer.changes(proposal)

    def on_start(self, proposal: Proposal) -> None:
        """Note what runs."""
        self._recorder.start(proposal)

    def on_report(self, proposal: Proposal, report: Mapping[str, Any]) -> bool:
        """Keep a report, and judge the trial at its rung.

        Baselines neither count at rungs nor are stopped; audited trials count, but are not stopped.
        """
        self._recorder.report(proposal, report)
        if self.rungs is None or report["final"] or proposal.role != "search":
            return True
        level, value = report[self._resource], report[METRIC]
        return self.rungs.judge(proposal.trial, level, value) or proposal.trial in self.audited

    def on_retry(self, proposal: Proposal, cause: str) -> None:
        """Drop what a failed attempt has told, and left at rungs."""
        self._heed(proposal, cause)
        self._recorder.retry(proposal)

    def on_end(self, proposal: Proposal) -> None:
        """Have its rows written, and tell the sampler."""
        self._proposer.ended(proposal, self._recorder.tally.running[proposal.trial].report)
        self._recorder.end(proposal)

    def on_error(self, proposal: Proposal, cause: str) -> None:
        """Have its row written, and tell the sampler."""
        self._heed(proposal, cause)
        self._proposer.ended(proposal, None)
        self._recorder.fail(proposal, cause)

    def between(self) -> None:
        """Flush when it is time, and tell how the sweep stands.

        Raises:
            StorageError: rows cannot be written, and time does not cure that.
            BaseModelChanged: a worker found its base model changed.
            OnlyFailures: too many search trials have failed, and none has ended otherwise.
        """
        self._recorder.flush()
        self._on_change()
        if self._changed is not None:
            raise BaseModelChanged(self._changed)
        tally = self._recorder.tally
        failed, ended = tally.searched["failed"], tally.searched.total()
        if self._most_failed is not None and failed == ended and failed >= self._most_failed:
            (cause, times), *_ = tally.causes.most_common(1)
            raise OnlyFailures(failed, cause, times)

    def _heed(self, proposal: Proposal, cause: str) -> None:
        """What a failed attempt means for others."""
        self._changed = changed_model(cause) or self._changed
        if self.rungs is not None:
            self.rungs.forget(proposal.trial)
