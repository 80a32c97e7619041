"""What is known of a session's trials while they run: what the progress line and file show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from analysis.tables.stored import is_ranked, rank
from search.results.recovery import EndedTrial, Proposal


@dataclass
class RunningTrial:
    """What is known of a trial that has not ended."""

    proposal: Proposal
    """What it runs."""
    started: datetime
    """When its first attempt began."""
    attempt: int = 0
    """Which attempt this is."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """Its last report."""
    steps: list[str] = field(default_factory=list)
    """Step events of this attempt, report by report."""
    records: list[str] = field(default_factory=list)
    """Held-out values by record of this attempt, report by report."""

    def retry(self) -> None:
        """Forget what a failed attempt has told."""
        self.attempt += 1
        self.report = {}
        self.steps, self.records = [], []


@dataclass
class Tally:
    """Counts of this session, baselines included where nothing else is said."""

    earlier: int = 0
    """Trials that earlier sessions of the sweep have ended."""

    running: dict[int, RunningTrial] = field(default_factory=dict)
    """Trials that have not ended, by number."""
    counts: Counter[str] = field(default_factory=Counter)
    """Ended trials by status."""
    searched: Counter[str] = field(default_factory=Counter)
    """Ended search trials by status."""
    causes: Counter[str] = field(default_factory=Counter)
    """Failed search trials by cause."""
    best: dict[str, Any] | None = None
    """The sweep's best completed search trial: trial, status, composite, rank, config."""
    waiting: str | None = None
    """What rows wait for, in one line; None while they are written."""

    def follow(self, ended: Sequence[EndedTrial]) -> None:
        """Begin after sessions in which these trials have ended."""
        self.earlier = len(ended)
        for trial in ended:
            self._compare(vars(trial), trial.role, trial.config)

    def ended(self, row: Mapping[str, Any], proposal: Proposal) -> None:
        """Count a trial's row."""
        self.counts[row["status"]] += 1
        self.searched[row["status"]] += proposal.role == "search"
        self._compare(row, proposal.role, proposal.config)

    def _compare(self, row: Mapping[str, Any], role: str, config: Mapping[str, Any]) -> None:
        if row["status"] != "completed" or role != "search":
            return
        own = rank(row)
        if is_ranked(own) and (self.best is None or own < self.best["rank"]):
            shown = {name: row[name] for name in ("trial", "status", "composite")}
            self.best = {**shown, "rank": own, "config": dict(config)}
