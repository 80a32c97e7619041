"""What is told about a sweep while it runs."""

from __future__ import annotations

from greedy_core.progress import Progress
from search.tune.recorder import Recorder


class Watch:
    """Told about progress; this one does not look. `search.cli.progress_line.ProgressLine` does."""

    def preparing(self, progress: Progress) -> None:
        """What is computed before the first trial has come so far."""

    def running(self, recorder: Recorder, total: int) -> None:
        """Trials may have started, reported or ended; this session is to run `total` of them."""

    def confirming(self, progress: Progress, running: int, failed: int) -> None:
        """Of a confirmation's walks so many are done and so many run; some of the done failed."""
