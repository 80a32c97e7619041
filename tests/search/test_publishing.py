"""When what a worker has computed can be read by others: no Ray is needed to see that."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from greedy_core.walk.greedy import GreedyRun
from search.worker.walk_context import WalkContext
from tests.search.sweeps import small_config


def published(cache: Path) -> Counter[str]:
    """Kinds of artefacts in a store."""
    return Counter(path.name.partition("-")[0] for path in cache.rglob("*.artefact"))


def test_a_solve_with_targets_of_its_own_can_be_read_as_soon_as_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greedy_core.store.staged.CHECKED_SHARE", 0.0)
    changes = {"targets": "current", "covariance.tokens": 2000, "cache.dir": tmp_path}
    config = small_config({**changes, "greedy.steps": 1})
    context = WalkContext.alone(config.edit, config.cache)
    run = GreedyRun(*context.open(config.edit))
    while not run.done:
        begun = run.batch + 1
        run.step()
        found = published(tmp_path)
        assert (found["solve"], found["targets"]) == (begun, begun)
    before = published(tmp_path)["scores"]
    run.evaluate()
    assert published(tmp_path)["scores"] == before, "a report has to come first"
    context.verify()
    assert published(tmp_path)["scores"] > before
