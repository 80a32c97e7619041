"""What progress.json says about a running sweep."""

from __future__ import annotations

import time
from typing import Any, Literal

from search.results.lock import SweepLock
from search.session.tally import Tally

State = Literal["running", "interrupted", "finished", "invalid"]
"""How a sweep stands; a driver that was killed leaves `running` beside a heartbeat that is old, and
`invalid` means that the base model was changed in memory."""


def progress_state(
    state: State, tally: Tally, total: int, lock: SweepLock, started: float
) -> dict[str, Any]:
    """Counts and rates of this session, the trials that run, and the sweep's best so far.

    Args:
        state: how the sweep stands.
        tally: what has happened.
        total: trials that this session has to run.
        lock: whose heartbeat shows that the driver lives.
        started: when the session started, in seconds since the epoch.
    """
    now = time.time()
    counts = tally.counts
    ended = counts.total()
    return {
        "state": state,
        "updated": now,
        "started": started,
        "heartbeat": lock.heartbeat,
        "total": total,
        "ended": ended,
        **{status: counts[status] for status in ("completed", "pruned", "failed")},
        "trials_per_minute": 60 * ended / max(now - started, 1e-9),
        "waiting": tally.waiting,
        "best": tally.best,
        "running": [
            {
                "trial": trial.proposal.trial,
                "role": trial.proposal.role,
                "attempt": trial.attempt,
                "edits": trial.report.get("edits", 0),
                "composite": trial.report.get("composite"),
                "seconds": now - trial.started.timestamp(),
            }
            for trial in tally.running.values()
        ],
    }
