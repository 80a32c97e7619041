"""progress.json: whole, at most every five seconds, and always JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path

from search.results.parts import LocalFolder
from search.results.progress import PROGRESS, ProgressFile


def test_it_is_rewritten_at_most_every_two_seconds(tmp_path: Path) -> None:
    times = [100.0, 101.9, 102.0, 103.0, 104.5]
    clock = times.copy()
    progress = ProgressFile(LocalFolder(tmp_path), clock=lambda: clock[0])
    written = []
    for now in times:
        clock[0] = now
        if progress.update(lambda: {"now": clock[0]}):
            written.append(json.loads((tmp_path / PROGRESS).read_text())["now"])
    assert written == [100.0, 102.0, 104.5]


def test_the_state_is_only_asked_for_when_it_is_written(tmp_path: Path) -> None:
    progress = ProgressFile(LocalFolder(tmp_path), clock=lambda: 0.0)
    states = iter([{"running": 1}])
    for _ in range(3):
        progress.update(lambda: next(states))
    assert json.loads((tmp_path / PROGRESS).read_text()) == {"running": 1}


def test_numbers_that_json_does_not_have_are_null(tmp_path: Path) -> None:
    ProgressFile(LocalFolder(tmp_path)).write({"best": math.nan, "rates": {4: [1.0, math.inf]}})
    assert json.loads((tmp_path / PROGRESS).read_text()) == {
        "best": None,
        "rates": {"4": [1.0, None]},
    }
