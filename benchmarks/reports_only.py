"""A trainable that makes the reports of greedy walks without walking: what Tune itself costs."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from ray import tune

REPORTS_FILE = "RATCHET_BENCHMARK_REPORTS"
"""Environment variable with the path of a JSON file: a list of trials, each a list of reports."""


class ReportsOnly(tune.Trainable):
    """Makes the reports that a setting's digest picks, one a step."""

    def setup(self, config: dict[str, Any], prepared: Any = None) -> None:
        """Read the reports."""
        self._trials = json.loads(Path(os.environ[REPORTS_FILE]).read_text())
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another trial."""
        digest = sha256(repr(sorted(new_config.items())).encode()).digest()
        self._reports = iter(self._trials[int.from_bytes(digest[:4], "big") % len(self._trials)])
        return True

    def step(self) -> dict[str, Any]:
        """The next report."""
        report = next(self._reports)
        return {**report, "worker": "none:0", "done": report["final"]}
