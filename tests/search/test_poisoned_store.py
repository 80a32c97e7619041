"""What a metric function does to a model never gets into the store that healthy runs read."""

from __future__ import annotations

import io
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console
from torch import nn

import analysis
from greedy_core.errors import BaseModelChanged
from search.cli.edit import edit_once
from search.cli.exit_status import DAMAGED, WRONG_INPUT, status_of
from search.sweep.history import SearchHistory
from search.tune.trainable import GreedyEditTrainable
from tests.search import metric_functions, vandals
from tests.search.sweeps import overrides, progress, ratchet, small_config, sweep

EDIT = {"edits": 4, "targets": "current", "greedy.steps": 2, "covariance.tokens": 2000}
"""Its target values are optimized at edited states, after the metric function was asked."""


def some(names: list[str]) -> list[Any]:
    """Every third by day, all of them at night."""
    night = pytest.mark.nightly
    return [name if n % 3 == 0 else pytest.param(name, marks=night) for n, name in enumerate(names)]


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


def edit_ended(cache: Path, **changes: Any) -> subprocess.CompletedProcess[str]:
    """`ratchet edit` in a process of its own."""
    return ratchet("edit", *overrides({**EDIT, "cache.dir": cache, **changes}))


@pytest.mark.parametrize("vandal", some(vandals.WRITERS))
def test_an_edit_that_writes_into_its_base_is_ended_by_that_and_leaves_nothing_in_the_store(
    tmp_path: Path, right: dict[str, Any], vandal: str
) -> None:
    done = edit_ended(tmp_path, **by(vandal))
    assert done.returncode == -signal.SIGSEGV
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"ratchet: greedy.metric '{vandals.__name__}:{vandal}' ended its ")
    assert line.endswith("wrote into the base model's weights, or crashed in native code")
    assert "(SIGSEGV, vandals.py, line " in line
    assert edit(tmp_path) == right


@pytest.mark.parametrize("vandal", some(vandals.CHANGERS))
def test_an_edit_whose_base_was_changed_is_refused_and_leaves_nothing_in_the_store(
    tmp_path: Path, right: dict[str, Any], vandal: str
) -> None:
    with pytest.raises(BaseModelChanged) as caught:
        edit(tmp_path, **by(vandal))
    assert status_of(caught.value) == DAMAGED
    unpatch()
    assert edit(tmp_path) == right


@pytest.mark.parametrize("vandal", some(vandals.COPY))
def test_what_is_done_to_the_copy_changes_nothing_else(
    tmp_path: Path, right: dict[str, Any], vandal: str
) -> None:
    harmed = edit(tmp_path / "harmed", **by(vandal))
    healthy = {"greedy.metric": "tests.search.metric_functions:good"}
    assert harmed == edit(tmp_path / "healthy", **healthy)
    assert edit(tmp_path / "harmed") == right


def test_the_commands_exit_code_says_so(tmp_path: Path, right: dict[str, Any]) -> None:
    done = edit_ended(tmp_path, **by("leaves_a_hook"))
    assert done.returncode == DAMAGED
    assert done.stderr.splitlines()[-1].startswith("ratchet: the base model's modules were changed")
    assert edit(tmp_path) == right


@pytest.mark.parametrize(
    ("vandal", "told"),
    [
        (
            "patches_torch",
            "functions that every model calls were replaced in this process: "
            "torch.nn.functional.layer_norm (now of ",
        ),
        (
            "replaces_attention",
            "functions that every model calls were replaced in this process: transformers' "
            "ALL_ATTENTION_FUNCTIONS['sdpa'] (now of ",
        ),
        ("replaces_a_dispatch", "the base model answers differently than when it was loaded"),
        ("changes_eps", "attributes of the base model's modules were changed in memory: "),
        ("teaches_all_tokenizers", "the base model answers differently than when it was loaded"),
    ],
)
def test_what_a_metric_replaces_around_the_weights_gets_nothing_into_the_store(
    tmp_path: Path, right: dict[str, Any], vandal: str, told: str
) -> None:
    done = edit_ended(tmp_path, **by(vandal))
    assert done.returncode == DAMAGED, done.stdout
    assert done.stderr.splitlines()[-1].startswith(f"ratchet: {told}")
    assert edit(tmp_path) == right


def test_an_error_of_the_metric_is_one_line_and_wrong_input(tmp_path: Path) -> None:
    done = edit_ended(tmp_path, **{"greedy.metric": f"{metric_functions.__name__}:raises"})
    assert done.returncode == WRONG_INPUT
    (line,) = done.stderr.splitlines()
    told = "it raised ZeroDivisionError: the metric has a bug (metric_functions.py, line "
    assert line.startswith(f"ratchet: greedy.metric '{metric_functions.__name__}:raises': {told}")


def test_where_all_is_read_a_harmed_base_is_still_noticed(tmp_path: Path) -> None:
    edit(tmp_path, **{"greedy.metric": "tests.search.metric_functions:good"})
    with pytest.raises(BaseModelChanged):
        edit(tmp_path, **by("leaves_a_hook"))


def test_the_trainable_alone_reports_nothing_of_a_harmed_base(
    tmp_path: Path, right: dict[str, Any]
) -> None:
    config = {**EDIT, "batch_size": 2, "values.steps": 3, "cache.dir": str(tmp_path)}
    trainable = GreedyEditTrainable({**config, **by("leaves_a_hook")})
    with pytest.raises(BaseModelChanged):
        while True:
            trainable.train()
    assert edit(tmp_path) == right


@pytest.mark.nightly
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


GOOD = f"{metric_functions.__name__}:good"
WILD = tuple(
    f"{vandals.__name__}:{name}"
    for name in ("writes_through_data_of_all", "writes_into_all_arrays", "moves_memory_into_all")
)


def swept(folder: Path, *functions: str, in_process: bool = False) -> pd.DataFrame:
    """The search trials of a sweep that tries each of some metric functions once, in this order."""
    choices = {"name": "metrics", "greedy.metric": {"choices": functions}}
    changes = {**EDIT, "search.trials": len(functions), "search.sampler": "random"}
    changes |= {"cache.dir": folder.with_suffix(".cache"), "search.space": json.dumps(choices)}
    distributions = small_config(changes).search_space().distributions
    for seed in range(100_000):
        history = SearchHistory(distributions, "random", seed)
        asked = [history.ask(index)["greedy.metric"] for index in range(len(functions))]
        if tuple(asked) == functions:
            break
    sweep(folder, {**changes, "search.seed": seed}, in_process=in_process)
    assert progress(folder)["state"] == "finished"
    trials = analysis.load(folder).trials
    return trials[trials["role"] == "search"].sort_values("trial")


@pytest.mark.nightly
@pytest.mark.usefixtures("ray_here")
@pytest.mark.parametrize("wild", [WILD[:1], WILD], ids=len)
def test_a_sweep_whose_workers_are_ended_by_writing_goes_on_as_if_they_had_not_been(
    tmp_path: Path, right: dict[str, Any], wild: tuple[str, ...]
) -> None:
    """The driver's look at the shared weights, too, says that not a byte of them was changed."""
    mixed = swept(tmp_path / "mixed", *wild, GOOD)
    healthy = swept(tmp_path / "healthy", GOOD, in_process=True)
    assert mixed["status"].tolist() == ["failed"] * len(wild) + ["completed"]
    for metric, cause in zip(wild, mixed["error"], strict=False):
        assert cause.startswith(f"greedy.metric '{metric}' ended its process (SIGSEGV, vandals.py")
    columns = ["composite", "es", "ps", "ns", "composite_all", "steps"]
    assert mixed[columns].iloc[-1].tolist() == healthy[columns].iloc[0].tolist()
    assert edit(tmp_path / "mixed.cache") == right
