"""What workers report about the state store, told once per outage; their logs do not get here."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)


class StoreNews:
    """Which workers do without the store, as far as their reports say."""

    def __init__(self) -> None:
        self._without: dict[str, str] = {}
        self._told: set[str] = set()

    def heard(self, worker: str, refusal: str | None) -> None:
        """Take a worker's report.

        Args:
            worker: who reports.
            refusal: why the store is switched off there, in one line; None while it is not.
        """
        if refusal is not None:
            self._without[worker] = refusal
            if refusal not in self._told:
                self._told.add(refusal)
                logger.warning("%s", refusal)
        elif self._without.pop(worker, None) is not None and not self._without:
            self._told.clear()
            logger.warning("state store: used again")

    def lost(self, worker: str | None) -> None:
        """A worker says nothing any more."""
        self._without.pop(worker or "", None)
