"""What a sweep's folder holds already, as its plan, its sampler and its rungs need it."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import optuna

from analysis.judging.audited import audited_trials
from search.config.settings import KEYS, SweepConfig
from search.config.space_parts import SPACE
from search.results.recovery import EndedTrial, FolderState, Proposal
from search.sweep.file import SweepFile
from search.sweep.history import Ended, SearchHistory
from search.sweep.proposals import Assignment, assign
from search.sweep.rungs import Rungs
from spaces.finite import FiniteSpace

logger = logging.getLogger(__name__)

SETTINGS_COLUMNS: Mapping[str, Any] = {k: hint for k, hint in KEYS.items() if k != SPACE}
"""Settings that every row carries; the space is in sweep.yaml."""


@dataclass(frozen=True)
class EarlierTrials:
    """The trials of all sessions before this one."""

    config: SweepConfig
    """The sweep's, as it goes on."""
    generation: int
    """Of the session that goes on."""
    ended: tuple[EndedTrial, ...]
    """Trials with a row that stays."""
    pending: tuple[Proposal, ...]
    """Trials that were proposed and have no row, and baselines that failed."""

    @classmethod
    def of(cls, file: SweepFile, state: FolderState) -> EarlierTrials:
        """Those that a sweep's folder holds; a baseline that failed is to be run again."""
        state = state.reopened()
        return cls(file.config, file.generation, state.ended, state.pending)

    @property
    def settings(self) -> dict[str, Any]:
        """The sweep's settings by column."""
        flat = self.config.flat()
        return {key: flat[key] for key in SETTINGS_COLUMNS}

    @property
    def _seed(self) -> int:
        search = self.config.search
        return self.config.edit.seed if search.seed is None else search.seed

    def assignment(self) -> Assignment:
        """What the sweep lacks."""
        trials = self.config.search.trials
        untried = self.untried
        return assign(self.settings, trials, self.generation, self.ended, self.pending, untried)

    @cached_property
    def finite(self) -> FiniteSpace | None:
        """The space, where it is finite."""
        return FiniteSpace.of(self.config.search_space(), self.config.flat())

    @property
    def total(self) -> float:
        """Settings that the space has."""
        return math.inf if self.finite is None else self.finite.total

    @property
    def untried(self) -> int | None:
        """Settings of a finite space that no trial has been proposed with; None: it is infinite."""
        if self.finite is None:
            return None
        tried = {self.finite.identity(each.config) for each in self._proposed} - {None}
        return self.finite.total - len(tried)

    def possible(self) -> SweepConfig:
        """The sweep's configuration with no more trials than its space has settings for."""
        search, untried = self.config.search, self.untried
        if untried is None:
            return self.config
        proposed = len(self._proposed)
        # Trials that have run say how many of them are audited, which therefore has to stay.
        trials = max(proposed + untried, search.audit if proposed else 0)
        if trials >= search.trials:
            return self.config
        search = replace(search, trials=trials, audit=min(search.audit, trials))
        return replace(self.config, search=search)

    def history(self) -> SearchHistory:
        """Optuna's view of them."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        space, sampler = self.config.search_space(), self.config.search.sampler
        history = SearchHistory(space.distributions, sampler, self._seed, self.finite)
        known = [
            history.remember(trial.config, Ended.of(trial.status, trial.composite, trial.rungs))
            for trial in self._searched
        ]
        if (outside := known.count(False)) and sampler == "tpe":  # the others learn nothing
            logger.warning(
                "%d of %d earlier trials are outside of the space; the sampler does not know them",
                outside,
                len(known),
            )
        return history

    def rungs(self, levels: Iterable[int]) -> Rungs:
        """Rungs at these levels and at earlier sessions', with what search trials left there."""
        before = {level for trial in self.ended for level in trial.rungs}
        rungs = Rungs(sorted({*levels, *before}), self.config.search.reduction_factor)
        for trial in self._searched:
            for level, value in trial.rungs.items():
                rungs.record(trial.trial, level, value)
        return rungs

    def audited(self, assignment: Assignment) -> frozenset[int]:
        """Numbers of the trials that are never stopped.

        One that was proposed earlier is judged by the settings of that time, which its row keeps.
        """
        search, first = self.config.search, assignment.first_search
        now = audited_trials(search.trials, search.audit, self._seed)
        before = {
            each.trial: each.trial - first in audited_trials(*_audit_of(each.config))
            for each in assignment.waiting
            if each.role == "search"
        }
        new = {first + index for index in now} - before.keys()
        return frozenset(new | {trial for trial, audited in before.items() if audited})

    @property
    def _proposed(self) -> list[EndedTrial | Proposal]:
        every: list[EndedTrial | Proposal] = [*self.ended, *self.pending]
        return [each for each in every if each.role == "search"]

    @property
    def _searched(self) -> list[EndedTrial]:
        return [trial for trial in self.ended if trial.role == "search"]


def _audit_of(config: Mapping[str, Any]) -> tuple[int, int, int]:
    """Trials that were asked for, how many of them are audited, and the seed of that choice."""
    seed = config["search.seed"]
    seed = config["seed"] if seed is None else seed
    return config["search.trials"], config["search.audit"], seed
