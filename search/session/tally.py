"""What is known of a session's trials while they run: what the progress line and file show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from analysis.tables.stored import is_ranked, rank
from search.results.recovery import Proposal


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

    running: dict[int, RunningTrial] = field(default_factory=dict)
    """Trials that have not ended, by number."""
    counts: Counter[str] = field(default_factory=Counter)
    """Ended trials by status."""
    searched: Counter[str] = field(default_factory=Counter)
    """Ended search trials by status."""
    causes: Counter[str] = field(default_factory=Counter)
    """Failed search trials by cause."""
    best: dict[str, Any] | None = None
    """The best completed search trial: trial, status, composite, seconds, rank, config."""
    waiting: str | None = None
    """What rows wait for, in one line; None while they are written."""

    def ended(self, row: Mapping[str, Any], proposal: Proposal) -> None:
        """Count a trial's row."""
        shown = {name: row.get(name) for name in ("trial", "status", "composite", "seconds")}
        self.counts[row["status"]] += 1
        self.searched[row["status"]] += proposal.role == "search"
        if row["status"] == "completed" and proposal.role == "search":
            own = rank(row)
            if is_ranked(own) and (self.best is None or own < self.best["rank"]):
                self.best = {**shown, "rank": own, "config": dict(proposal.config)}
