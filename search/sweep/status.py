"""How a sweep stands, from its files alone: nothing is written, no driver is asked."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pyarrow.compute as pc

from analysis.errors import ResultsError
from analysis.judging.verdict import counted, verdict
from analysis.tables.address import Address
from analysis.tables.folder import CONFIG, SweepFolder
from analysis.tables.joined import BASELINES
from analysis.tables.stored import StoredSweep, read_stored
from search.results.lock import lock_owner
from search.results.progress import INVALID, last_said
from search.results.staleness import is_alive

Standing = Literal["preparing", "running", "in use", "interrupted", "lost", "finished", "invalid"]
"""in use: a command that runs no trials has it; lost: its driver ended without a word; invalid: its
base model was changed in memory while it ran."""


@dataclass(frozen=True)
class Status:
    """How a sweep stands; plain values, ready for JSON."""

    folder: str
    """The sweep's folder."""
    state: Standing
    """How it stands; see `Standing`."""
    driver: str | None
    """Who has its lock: process and host."""
    silent_seconds: float | None
    """Time since the driver's last sign of life."""
    generation: int
    """0, and one more for every extension or accepted versions."""
    asked: int
    """Trials that the sweep is to have, baselines included; 0 while that is not known."""
    ended: dict[str, int]
    """Trials that have ended, by status."""
    trials_per_minute: float | None
    """Of the present session; None if none runs."""
    minutes_left: float | None
    """At that rate; None if it is not known."""
    waiting: str | None
    """What rows of ended trials wait for; None while they are written, or nobody can say."""
    running: list[dict[str, Any]]
    """Trials that run: trial, role, attempt, edits, composite, seconds."""
    best: dict[str, Any] | None
    """The best search trial beside the baselines, as `ratchet best --json` has it."""
    causes: dict[str, int]
    """Why trials failed, the commonest cause first."""
    states_computed: int
    """States that trials were the first to visit."""
    states_read: int
    """States that trials found in the store."""
    unchecked: int = 0
    """Trials of which nobody knows whether the shared weights were still the same."""

    def to_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)


def read_status(address: Address) -> Status:
    """Look at a sweep, running or not.

    Raises:
        SweepNotFound: there is no sweep, nor a driver that prepares one.
        ResultsError: the folder is damaged.
        StorageError: the store cannot be used.
    """
    folder = SweepFolder.at(address)
    names = folder.entries()
    if not names:
        folder.require()
    owner, now = lock_owner(folder), time.time()
    alive = owner is not None and is_alive(owner, now)
    unborn = alive and CONFIG not in names
    sweep = None if unborn else read_stored(folder, ("trials",))
    said = last_said(folder)
    found = None if sweep is None else verdict(sweep)
    ended = {} if sweep is None else counted(sweep.trials, "status")
    asked = 0 if sweep is None else _asked(sweep)
    marked = sweep is not None and sweep.invalid is not None
    invalid = marked or said.get("state") == INVALID
    state = _state(alive, asked, sum(ended.values()), said, invalid)
    at_work = state == "running"
    rate = said.get("trials_per_minute") if at_work else None
    return Status(
        folder=folder.address,
        state=state,
        driver=None if owner is None else str(owner.process),
        silent_seconds=None if owner is None else max(now - owner.heartbeat, 0.0),
        generation=0 if sweep is None else int(sweep.config.get("generation", 0)),
        asked=asked,
        ended=ended,
        trials_per_minute=rate,
        minutes_left=(asked - sum(ended.values())) / rate if rate else None,
        waiting=_text(said.get("waiting")) if at_work else None,
        running=list(said.get("running", [])) if at_work else [],
        best=None if found is None else found.to_dict(),
        causes={} if sweep is None else counted(sweep.trials, "error"),
        states_computed=_sum(sweep, "states_computed"),
        states_read=_sum(sweep, "states_read"),
        unchecked=0 if sweep is None or alive else len(sweep.unchecked),
    )


def _state(alive: bool, asked: int, ended: int, said: Mapping[str, Any], invalid: bool) -> Standing:
    told = said.get("state")
    if alive and told == "running":
        return "running" if said.get("running") or said.get("ended") else "preparing"
    if alive:
        return "in use" if told else "preparing"
    if invalid:
        return "invalid"
    if ended >= asked:
        return "finished"
    return "lost" if told == "running" else "interrupted"


def _asked(sweep: StoredSweep) -> int:
    settings: Any = sweep.config
    for name in ("config", "search", "trials"):
        settings = settings.get(name) if isinstance(settings, Mapping) else None
    if type(settings) is not int:
        raise ResultsError(f"{sweep.path}/{CONFIG}: config: search.trials is missing")
    return settings + len(BASELINES)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _sum(sweep: StoredSweep | None, column: str) -> int:
    return 0 if sweep is None else int(pc.sum(sweep.trials[column]).as_py() or 0)
