"""Ray Tune's searcher: passes on what a session wants to be run."""

from __future__ import annotations

from typing import Any

from ray.tune.search import Searcher

from search.executors.executor import Trials
from search.results.recovery import Proposal
from search.worker.reports import METRIC


class SessionSearcher(Searcher):
    """Asks the session for its next trial whenever Tune has room for one.

    Args:
        trials: the session's.
        proposals: is told which of Tune's trials runs what.
    """

    def __init__(self, trials: Trials, proposals: dict[str, Proposal]) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._trials = trials
        self._proposals = proposals

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]
        """The settings of the next trial that differ from the sweep's, or FINISHED (a text)."""
        proposal = self._trials.next()
        if proposal is None:
            return Searcher.FINISHED
        self._proposals[trial_id] = proposal
        return self._trials.changes(proposal)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: the session hears of it from `Listener`."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: Parquet holds what a resume needs."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see `save`."""
