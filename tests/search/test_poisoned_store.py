"""What a metric function does to a model never gets into the store that healthy runs read."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from torch import nn

from greedy_core.errors import BaseModelChanged, RatchetError
from search.edit_command import edit_once
from search.exit_status import DAMAGED, status_of
from search.trainable import GreedyEditTrainable
from tests.search import vandals
from tests.search.sweeps import overrides, progress, ratchet, small_config, sweep

EDIT = {"edits": 4, "targets": "current", "greedy.steps": 2, "covariance.tokens": 2000}
"""Its target values are optimized at edited states, after the metric function was asked."""


def edit(cache: Path, **changes: Any) -> dict[str, Any]:
    """What `ratchet edit --json` prints."""
    out = io.StringIO()
    config = small_config({**EDIT, "cache.dir": cache, **changes})
    edit_once(config, Console(file=out), as_json=True, events=None)
    return dict(json.loads(out.getvalue()))


def by(name: str) -> dict[str, str]:
    return {"greedy.metric": f"{vandals.__name__}:{name}"}


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a healthy edit comes to."""
    return edit(tmp_path_factory.mktemp("healthy"))


def unpatch() -> None:
    """What another process would not know of."""
    norm: Any = nn.LayerNorm
    if hasattr(norm, "genuine"):
        norm.forward = norm.genuine
        del norm.genuine


@pytest.fixture(autouse=True)
def unpatched() -> Iterator[None]:
    yield
    unpatch()


@pytest.mark.parametrize("vandal", vandals.BASE)
def test_an_edit_whose_base_was_harmed_is_refused_and_leaves_nothing_in_the_store(
    tmp_path: Path, right: dict[str, Any], vandal: str
) -> None:
    with pytest.raises((BaseModelChanged, RuntimeError)) as caught:
        edit(tmp_path, **by(vandal))
    if vandal != "writes_then_raises":
        assert isinstance(caught.value, RatchetError) and status_of(caught.value) == DAMAGED
    unpatch()
    assert edit(tmp_path) == right


@pytest.mark.parametrize("vandal", vandals.COPY)
def test_what_is_done_to_the_copy_changes_nothing_else(
    tmp_path: Path, right: dict[str, Any], vandal: str
) -> None:
    harmed = edit(tmp_path / "harmed", **by(vandal))
    healthy = {"greedy.metric": "tests.search.metric_functions:good"}
    assert harmed == edit(tmp_path / "healthy", **healthy)
    assert edit(tmp_path / "harmed") == right


def test_the_commands_exit_code_says_so(tmp_path: Path, right: dict[str, Any]) -> None:
    changes = {**EDIT, "cache.dir": tmp_path, **by("adds_through_data")}
    done = ratchet("edit", *overrides(changes))
    assert done.returncode == DAMAGED
    assert done.stderr.splitlines()[-1].startswith("ratchet: the base model's weights were changed")
    assert edit(tmp_path) == right


def test_where_all_is_read_a_harmed_base_is_still_noticed(tmp_path: Path) -> None:
    edit(tmp_path, **{"greedy.metric": "tests.search.metric_functions:good"})
    with pytest.raises(BaseModelChanged):
        edit(tmp_path, **by("adds_through_data"))


def test_the_trainable_alone_reports_nothing_of_a_harmed_base(
    tmp_path: Path, right: dict[str, Any]
) -> None:
    config = {**EDIT, "batch_size": 2, "values.steps": 3, "cache.dir": str(tmp_path)}
    trainable = GreedyEditTrainable({**config, **by("adds_through_data")})
    with pytest.raises(BaseModelChanged):
        while True:
            trainable.train()
    assert edit(tmp_path) == right


@pytest.mark.usefixtures("ray_here")
@pytest.mark.parametrize("max_failures", [0, 2])
def test_a_worker_that_finds_its_base_harmed_ends_the_sweep_as_invalid(
    tmp_path: Path, right: dict[str, Any], max_failures: int
) -> None:
    changes = {**EDIT, "search.max_failures": max_failures, "cache.dir": tmp_path / "cache"}
    with pytest.raises(BaseModelChanged, match="modules were changed"):
        sweep(tmp_path / "sweep", {**changes, **by("leaves_a_hook")})
    assert progress(tmp_path / "sweep")["state"] == "invalid"
    assert edit(tmp_path / "cache") == right
