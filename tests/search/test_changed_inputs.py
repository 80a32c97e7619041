"""A sweep goes on with what it started with, or says what is different and changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch
import yaml

import analysis
from analysis.errors import ResultsError
from analysis.tables.schema import SCHEMA_VERSION, TABLES
from greedy_core.errors import InputError
from greedy_core.numerics import NUMERICS_VERSION
from search.cli.exit_status import DAMAGED, WRONG_INPUT, status_of
from search.results.commits import Commits, NewPart
from search.results.parts import LocalFolder
from search.session.run import extend_sweep, resume_sweep
from search.sweep.extension import Extension
from search.sweep.valid import read_valid
from search.sweep.versions import versions
from tests.search.bad_files import seen
from tests.search.sweeps import HERE, recommit
from tests.search.test_cli import ended

Content = dict[str, Any]


@pytest.fixture
def unfinished(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished sweep that lacks one trial."""
    folder = tmp_path / "unfinished"
    shutil.copytree(finished, folder)

    def one_more(content: Content) -> None:
        content["config"]["search"]["trials"] += 1

    recommit(folder, one_more)
    return folder


def rewrite(folder: Path, change: Callable[[Content], None]) -> None:
    """Change sweep.yaml by hand."""
    file = folder / "sweep.yaml"
    content = yaml.safe_load(file.read_text())
    change(content)
    file.write_text(yaml.safe_dump(content, sort_keys=False))


def results_in(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything but what says who was here: model and dataset are known only once it runs."""
    return {
        name: each
        for name, each in seen(folder).items()
        if not name.startswith((str(folder / "progress.json"), str(folder / "commits")))
    }


def set_to(*path: str, value: Any) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        for name in path[:-1]:
            content = content[name]
        content[path[-1]] = value

    return change


def older(name: str) -> Callable[[Content], None]:
    return set_to("versions", name, value="0.0.1")


WAY = "install the sweep's versions, or go on with the installed ones: --accept-versions"
EXTEND = "to search on with other settings: ratchet extend"
ANEW = "to go on, put back what was; other settings need a new sweep: ratchet run"
EXTENDABLE = ("another sampler", "another space")
BY_HAND = {
    "another plan": (
        set_to("config", "mu", value=77.5),
        "mu in sweep.yaml must be what the sweep started with: was 10.0, is 77.5",
    ),
    "another loop": (
        set_to("config", "greedy", "signal", value="success"),
        "greedy.signal in sweep.yaml must be what the sweep started with: was 'margin', ",
    ),
    "other weights": (
        set_to("config", "composite_weights", value=[1.0, 1.0, 3.0]),
        "composite_weights in sweep.yaml must be what the sweep started with: was [1.0, 1.0, 1.0]",
    ),
    "another sampler": (
        set_to("config", "search", "sampler", value="qmc"),
        "search.sampler in sweep.yaml must be what the sweep started with: was 'tpe', is 'qmc'",
    ),
    "fewer trials": (
        set_to("config", "search", "trials", value=2),
        "search.trials in sweep.yaml must be what the sweep started with: was 7, is 2",
    ),
    "another space": (
        set_to("config", "search", "space", "greedy.steps", value={"int": [1, 3]}),
        "search.space.greedy.steps in sweep.yaml must be what the sweep started with: was {'int': ",
    ),
}
STARTED_WITH = {
    "a library": (
        older("torch"),
        [f"torch must be what the sweep started with: was 0.0.1, is {torch.__version__}", WAY],
    ),
    "two of them": (
        lambda content: [older(name)(content) for name in ("numpy", "optuna")] and None,
        ["numpy must be", "optuna must be", WAY],
    ),
    "python": (
        set_to("versions", "python", value="3.10.2"),
        ["python must be what the sweep started with: was 3.10.2, is 3.11", WAY],
    ),
    "another schema": (
        set_to("versions", "schema", value="0"),
        [
            f"the tables' format must be what the sweep started with: was 0, is {SCHEMA_VERSION}",
            WAY.partition(",")[0],
        ],
    ),
    "other numerics": (
        set_to("versions", "numerics", value="2"),
        [
            "the numerics' version must be what the sweep started with: was 2, is "
            f"{NUMERICS_VERSION}",
            WAY,
        ],
    ),
    "another model": (
        set_to("digests", "model", value="0123456789abcdef"),
        ["the model must be what the sweep started with: was 0123456789ab, is "],
    ),
    "another dataset": (
        set_to("digests", "dataset", value="0123456789abcdef"),
        ["the dataset must be what the sweep started with: was 0123456789ab, is "],
    ),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_what_was_changed_by_hand_is_named_whoever_reads(unfinished: Path, case: str) -> None:
    change, says = BY_HAND[case]
    rewrite(unfinished, change)
    before = seen(unfinished)
    for reading in (lambda: resume_sweep(unfinished, HERE), lambda: read_valid(unfinished)):
        with pytest.raises(InputError) as caught:
            reading()
        fault, way = caught.value.faults
        assert fault.startswith(says) and way == (EXTEND if case in EXTENDABLE else ANEW)
        assert seen(unfinished) == before


@pytest.mark.parametrize("entry", ["sweep_id", "generation", "versions", "digests", "git_sha"])
def test_what_the_sweep_has_noted_of_itself_is_not_for_hands(unfinished: Path, entry: str) -> None:
    def change(content: Content) -> None:
        value = content[entry]
        content[entry] = {**value, "model": "0"} if isinstance(value, dict) else 7

    rewrite(unfinished, change)
    for reading in (lambda: resume_sweep(unfinished, HERE), lambda: read_valid(unfinished)):
        with pytest.raises(ResultsError) as caught:
            reading()
        assert status_of(caught.value) == DAMAGED
        assert f"sweep.yaml: {entry}" in caught.value.faults[0]
        assert caught.value.faults[-1].startswith("what can still be used: ratchet check")


MU = '{"name": "CategoricalDistribution", "attributes": {"choices": [1.0, 2.0]}}'
ADDED = {
    "a range": (set_to("distributions", "mu", value=MU), "distributions is not what the sweep has"),
    "no ranges": (lambda content: content.pop("distributions"), "distributions is not what the"),
    "a misspelled setting": (
        set_to("config", "search", "concurency", value=2),
        "'search.concurency' is not an entry (did you mean `search.concurrency`?)",
    ),
    "a setting of nobody": (set_to("config", "foo", value=3), "'foo' is not an entry"),
    "an entry of nobody": (set_to("extra", value=3), "'extra' is not an entry"),
}


@pytest.mark.parametrize("case", ADDED)
def test_an_entry_that_a_hand_has_added_or_taken_out_is_named(unfinished: Path, case: str) -> None:
    change, says = ADDED[case]
    rewrite(unfinished, change)
    before = seen(unfinished)
    for reading in (lambda: resume_sweep(unfinished, HERE), lambda: read_valid(unfinished)):
        with pytest.raises(ResultsError) as caught:
            reading()
        assert f"sweep.yaml: {says}" in caught.value.faults[0]
        assert seen(unfinished) == before


@pytest.mark.parametrize("case", STARTED_WITH)
def test_what_differs_is_named_and_nothing_changes(unfinished: Path, case: str) -> None:
    change, says = STARTED_WITH[case]
    recommit(unfinished, change)
    before = results_in(unfinished)
    with pytest.raises(InputError) as caught:
        resume_sweep(unfinished, HERE)
    assert status_of(caught.value) == WRONG_INPUT
    for fault, part in zip(caught.value.faults, says, strict=True):
        assert fault.startswith(part)
    assert results_in(unfinished) == before


def test_a_refused_resume_leaves_the_parts_of_a_killed_sweep_as_they_are(unfinished: Path) -> None:
    commits = Commits(LocalFolder(unfinished))
    old = {table: tuple(part.name for part in commits.head.of(table)) for table in TABLES}
    rows = {table: pq.read_table(unfinished / table / old[table][0]) for table in TABLES}
    for kept in (pc.field("trial") < 3, pc.field("trial") >= 3):
        name = commits.name()
        parts = {table: NewPart.of(name, each.filter(kept)) for table, each in rows.items()}
        commits.write(parts, old)
        old = {}
    trials = analysis.load(unfinished).trials
    recommit(unfinished, set_to("digests", "dataset", value="0123456789abcdef"))
    before = results_in(unfinished)
    with pytest.raises(InputError, match="the dataset must be what the sweep started with"):
        resume_sweep(unfinished, HERE)
    assert results_in(unfinished) == before
    recommit(unfinished, set_to("config", "search", "trials", value=6))
    assert resume_sweep(unfinished, HERE).trials == 6, "nothing is left to do but to tidy up"
    assert [len([*(unfinished / table).iterdir()]) for table in TABLES] == [1] * len(TABLES)
    pd.testing.assert_frame_equal(analysis.load(unfinished).trials, trials, check_exact=True)


def test_what_cannot_change_results_is_not_compared(
    finished: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "finished"
    shutil.copytree(finished, folder)
    for name in ("ray", "pyarrow", "safetensors"):
        recommit(folder, older(name))
    recommit(folder, set_to("versions", "python", value="3.11.0"))
    rewrite(folder, set_to("config", "search", "concurrency", value=1))
    assert resume_sweep(folder, HERE).trials == 6
    told = [each for each in caplog.messages if "changed by hand" in each]
    assert told == ["sweep.yaml was changed by hand: search.concurrency was 2, is 1"]
    content = yaml.safe_load((folder / "sweep.yaml").read_text())
    assert content["config"]["search"]["concurrency"] == 1


@pytest.mark.parametrize("name", ["torch", "schema"])
def test_a_finished_sweep_of_other_versions_stays_as_it_is_until_they_are_accepted(
    finished: Path, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "finished"
    shutil.copytree(finished, folder)
    recommit(folder, set_to("versions", name, value="2" if name == "schema" else "0.0.1"))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    resume_sweep(folder, HERE)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert after == before, "the versions that made it can go on reading it"
    asked = Extension(folder, trials=1)
    with pytest.raises(InputError, match="--accept-versions"):
        extend_sweep(asked, HERE)
    resume_sweep(folder, HERE, accept_versions=True)
    assert yaml.safe_load((folder / "sweep.yaml").read_text())["generation"] == 1
    assert extend_sweep(asked, HERE).trials == 7


def test_a_schema_that_nobody_knows_is_never_accepted(unfinished: Path) -> None:
    recommit(unfinished, set_to("versions", "schema", value="0"))
    with pytest.raises(InputError, match="the tables' format must be") as caught:
        resume_sweep(unfinished, HERE, accept_versions=True)
    assert len(caught.value.faults) == 1


def test_accepted_versions_are_a_new_generation(
    unfinished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recommit(unfinished, older("torch"))
    before = analysis.load(unfinished).trials
    assert ended(monkeypatch, "resume", str(unfinished), "--accept-versions", "--in-process") == 0
    found = analysis.load(unfinished)
    assert found.trials["generation"].tolist() == [0] * len(before) + [1]
    assert found.proposals["generation"].tolist() == [0] * len(before) + [1]
    pd.testing.assert_frame_equal(found.trials[: len(before)], before, check_exact=True)
    content = yaml.safe_load((unfinished / "sweep.yaml").read_text())
    assert (content["generation"], content["versions"]) == (1, versions())
    assert "torch 0.0.1" in content["earlier_versions"]["0"]
