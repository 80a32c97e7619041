"""A glance at a running sweep: progress.json, rewritten whole every few seconds."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from analysis.errors import ResultsError, StorageError
from analysis.tables.commits import head
from analysis.tables.folder import SweepFolder
from greedy_core.store.outage import Outage
from search.results.parts import ResultsFolder

logger = logging.getLogger(__name__)

PROGRESS = "progress.json"
INVALID = "invalid"
"""The state of a sweep whose results must not be trusted."""
CHANGED = (
    "the base model's weights were changed in memory while this sweep ran, so its results are not "
    "valid; start it anew once the cause is gone"
)
"""Why it is invalid, as the commit says it."""
INTERVAL = 2.0
"""Seconds between two writings; `ratchet status --watch` looks as often."""


class ProgressFile:
    """Writes what the driver knows, at most every 2 s; nothing is ever resumed from it.

    Where it cannot be written, that is told once: rows may still find their place. A place that
    fails for a while is left alone for growing pauses.

    Args:
        folder: the sweep's folder.
        clock: seconds from any origin.
        before_write: called before each writing; raises if this driver must not write.
    """

    def __init__(
        self,
        folder: ResultsFolder,
        *,
        clock: Callable[[], float] = time.monotonic,
        before_write: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._before_write = before_write
        self._written: float | None = None
        self._refused = False
        self._outage = Outage(first=INTERVAL, clock=clock)

    def update(self, state: Callable[[], Mapping[str, Any]]) -> bool:
        """Write what `state` returns if the last time was 2 s ago; say whether it did."""
        if self._written is not None and self._clock() - self._written < INTERVAL:
            return False
        if not self._outage.due:
            return False
        try:
            self.write(state())
        except StorageError as error:
            if not error.may_pass:
                raise
            self._outage.failed()
            self._tell(error)
            return False
        self._outage.worked()
        return True

    def state(self) -> str | None:
        """What the file says about how the sweep stands; None if it says nothing.

        Raises:
            StorageError: it cannot be read.
        """
        return last_said(self._folder.reading).get("state")

    def write(self, state: Mapping[str, Any]) -> None:
        """Write now, as at the end of a sweep.

        Raises:
            StorageError: it cannot be written, or nobody knows whether it may, and that may pass.
        """
        text = json.dumps(_finite(state), indent=1, allow_nan=False)
        self._before_write()
        try:
            self._folder.put(PROGRESS, text.encode())
        except StorageError as error:
            if error.may_pass:
                raise
            self._tell(error)
        self._written = self._clock()

    def _tell(self, error: StorageError) -> None:
        if not self._refused:
            logger.warning("%s: %s", PROGRESS, error)
        self._refused = True


def last_said(folder: SweepFolder) -> Mapping[str, Any]:
    """What progress.json says; nothing if it is absent or damaged, since it is rewritten anyway."""
    try:
        said = json.loads(folder.text(PROGRESS) or "{}")
    except (ResultsError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def require_valid(folder: SweepFolder) -> None:
    """Refuse a sweep that came to an end as invalid.

    Raises:
        ResultsError: if it has, or if its commit is damaged.
    """
    commit = head(folder)
    invalid = commit.invalid if commit is not None else None
    if invalid is None and last_said(folder).get("state") == INVALID:
        invalid = CHANGED  # by the first version, or where the mark found no room
    if invalid is not None:
        raise ResultsError(f"{folder.address}: {invalid}")


def _finite(value: Any) -> Any:
    """The same with None for NaN and infinity, which JSON does not have."""
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
