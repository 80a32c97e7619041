"""What is told about a sweep while it runs."""

from __future__ import annotations

from greedy_core.progress import Progress
from search.config.settings import SweepConfig
from search.session.tally import Tally


class Watch:
    """Told about progress, and ignores it; `search.cli.progress_line.ProgressLine` shows it."""

    def starting(self, config: SweepConfig) -> None:
        """The input is right, and work begins on a sweep with these settings."""

    def preparing(self, progress: Progress) -> None:
        """What is computed before the first trial has come so far."""

    def running(self, tally: Tally, total: int) -> None:
        """Trials may have started, reported or ended; this session is to run `total` of them."""

    def confirming(self, progress: Progress, running: int, failed: int) -> None:
        """Of a confirmation's walks, so many are done and so many run; some of the done failed."""
