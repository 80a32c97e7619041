"""Gives out a session's trials: what waits first, then new ones from Optuna."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.results.recovery import Proposal
from search.sweep.history import Ended, SearchHistory
from search.sweep.proposals import Assignment
from search.worker.reports import METRIC, rungs_of
from spaces import SearchSpace


class Proposer:
    """Gives each trial out once, and tells Optuna how search trials end.

    Args:
        assignment: what is to run.
        settings: the sweep's, by dotted key.
        space: what is searched.
        history: Optuna's view, with earlier trials in it already.
        generation: of new proposals.
    """

    def __init__(
        self,
        assignment: Assignment,
        settings: Mapping[str, Any],
        space: SearchSpace,
        history: SearchHistory,
        generation: int,
    ) -> None:
        self._assignment = assignment
        self._settings = settings
        self._space = space
        self._history = history
        self._generation = generation
        self._next = assignment.first_new

    def next(self) -> Proposal | None:
        """The next trial; None once all were given out."""
        if self._assignment.waiting:
            proposal = self._assignment.waiting.popleft()
            if proposal.role == "search":
                self._history.expect(self._index(proposal), proposal.config)
            return proposal
        if self._next < self._assignment.first_new + self._assignment.new:
            return self._new_proposal()
        return None

    def changes(self, proposal: Proposal) -> dict[str, Any]:
        """A proposal's settings that differ from the sweep's: what a worker is sent."""
        settings = proposal.config.items()
        return {key: value for key, value in settings if self._settings[key] != value}

    def ended(self, proposal: Proposal, report: Mapping[str, Any] | None) -> None:
        """Tell Optuna: complete, pruned at its last rung, or failed.

        Args:
            proposal: what was run.
            report: its last one; None if it failed.
        """
        if proposal.role != "search":
            return
        if report is None:
            ended = Ended.of("failed", None, {})
        elif report["final"]:
            ended = Ended.of("completed", report[METRIC], rungs_of(report))
        else:
            ended = Ended.of("pruned", None, rungs_of(report))
        self._history.tell(self._index(proposal), ended)

    def _new_proposal(self) -> Proposal:
        number = self._next
        self._next += 1
        params = self._history.ask(number - self._assignment.first_search)
        settings = {**self._settings, **self._space.fixed, **params}
        return Proposal(number, "search", self._generation, settings)

    def _index(self, proposal: Proposal) -> int:
        """Position among the search trials: what a trial's randomness is made from."""
        return proposal.trial - self._assignment.first_search
