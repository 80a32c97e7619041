"""Ray Tune's searcher: hands out proposals, new ones from Optuna."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.tune.search import Searcher

from search.results.recovery import Proposal
from search.sweep.history import Ended, SearchHistory
from search.sweep.proposals import Assignment
from search.tune.ledger import Ledger
from search.worker.reports import METRIC, rungs_of
from spaces import SearchSpace


class ProposalSearcher(Searcher):
    """Runs what waits first, then what Optuna proposes; tells Optuna how search trials end.

    Args:
        assignment: what is to run.
        config: the sweep's resolved settings, by dotted key; trials are sent what differs.
        space: what is searched.
        history: Optuna's view, with earlier trials in it already.
        ledger: is told which of Ray's trials runs what.
        generation: of new proposals.
    """

    def __init__(
        self,
        assignment: Assignment,
        config: Mapping[str, Any],
        space: SearchSpace,
        history: SearchHistory,
        ledger: Ledger,
        generation: int,
    ) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._assignment = assignment
        self._config = config
        self._space = space
        self._history = history
        self._ledger = ledger
        self._generation = generation
        self._next = assignment.first_new

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]
        """The settings of the next trial that differ from the sweep's, or FINISHED (a text)."""
        if self._assignment.waiting:
            proposal = self._assignment.waiting.popleft()
            if proposal.role == "search":
                self._history.expect(self._index(proposal), proposal.config)
        elif self._next < self._assignment.first_new + self._assignment.new:
            proposal = self._new_proposal()
        else:
            return Searcher.FINISHED
        self._ledger.enter(trial_id, proposal)
        changes = proposal.config.items()
        return {key: value for key, value in changes if self._config[key] != value}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell Optuna: complete, pruned at its last rung, or failed."""
        if not self._ledger.searches(trial_id):
            return
        if error or result is None:
            ended = Ended.of("failed", None, {})
        elif result["final"]:
            ended = Ended.of("completed", result[METRIC], rungs_of(result))
        else:
            ended = Ended.of("pruned", None, rungs_of(result))
        self._history.tell(self._index(self._ledger[trial_id]), ended)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: Parquet holds what a resume needs."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see `save`."""

    def _new_proposal(self) -> Proposal:
        number = self._next
        self._next += 1
        params = self._history.ask(number - self._assignment.first_search)
        settings = {**self._config, **self._space.fixed, **params}
        return Proposal(number, "search", self._generation, settings)

    def _index(self, proposal: Proposal) -> int:
        """Position among the search trials: what a trial's randomness is made from."""
        return proposal.trial - self._assignment.first_search
