"""Which of Ray's trials is which of the sweep's; the searcher writes it, everybody reads it."""

from __future__ import annotations

from search.results.recovery import Proposal


class Ledger:
    """Proposals by the identifiers that Ray gives to trials."""

    def __init__(self, audited: frozenset[int] = frozenset()) -> None:
        self._proposals: dict[str, Proposal] = {}
        self._audited = audited

    def enter(self, trial_id: str, proposal: Proposal) -> None:
        """Note that Ray's trial runs a proposal."""
        self._proposals[trial_id] = proposal

    def __getitem__(self, trial_id: str) -> Proposal:
        return self._proposals[trial_id]

    def searches(self, trial_id: str) -> bool:
        """Whether it is a search trial, not a baseline."""
        return self._proposals[trial_id].role == "search"

    def may_stop(self, trial_id: str) -> bool:
        """Whether it may be stopped early: a search trial that is not audited."""
        return self.searches(trial_id) and self._proposals[trial_id].trial not in self._audited
