"""Sweeps run whatever lies around them: foreign modules, long names, texts that are hostile."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

import pytest
import ray

import analysis
from search.cluster.private_ray import private_ray
from search.cluster.ray_session import unclaimed
from search.errors import RayNotStarted
from search.worker.import_places import look_there_last, python_path
from tests.search.surroundings import clean_environment, crowd
from tests.search.sweeps import ROOT, overrides

DRAWN = re.compile(rb"\x1b\[(\?25[lh]|1A|2K|[0-9;]*m)|\r(?=\x1b|\n|$)")


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """A folder with modules and packages that are named as ours, and a metric function."""
    return crowd(tmp_path / "work")


def on_a_terminal(arguments: list[str], folder: Path, environment: dict[str, str]) -> bytes:
    """Run a command whose messages go to a terminal; all that it shows there."""
    ours, its = pty.openpty()
    shown: list[bytes] = []

    def look() -> None:
        try:
            while piece := os.read(ours, 65536):
                shown.append(piece)
        except OSError:
            return  # how a terminal ends

    process = subprocess.Popen(
        arguments, cwd=folder, env=environment, stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    reader = threading.Thread(target=look)
    reader.start()
    code = process.wait()
    reader.join()
    os.close(ours)
    return b"".join(shown) + f"\nended with {code}".encode()


@pytest.mark.nightly
def test_a_sweep_runs_among_foreign_modules_and_shows_no_hostile_text(
    crowded: Path, tmp_path: Path
) -> None:
    """The folder is first on PYTHONPATH, and temporary files have a place with a long name."""
    temporary = tmp_path / ("x" * 90)
    temporary.mkdir()
    settings = {
        "edits": 4,
        "search.trials": 1,
        "greedy.metric": "metric_of_mine:metric_fn",
        "search.space": "{name: hostile, greedy.metric: {choices: ['metric_of_mine:hostile']}}",
    }
    shown = on_a_terminal(
        [sys.executable, "-m", "ratchet_tune", "run", "--verbose", *overrides(settings)],
        crowded,
        clean_environment(PYTHONPATH=f".:{ROOT}", TMPDIR=str(temporary)),
    )
    text = DRAWN.sub(b"", shown).decode()
    assert "foreign" not in text
    assert all(line.replace("\t", " ").isprintable() for line in text.split("\n")), text
    assert text.endswith("ended with 1"), text[-500:]
    trials = analysis.load(crowded / "results" / "sweep").trials
    assert "title" in "".join(trials["error"].dropna())
    assert not list(temporary.glob("ratchet-*"))


def test_the_working_directory_is_not_on_the_path_of_rays_processes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for given, left in [(f".:/a::{tmp_path}:b", "/a:b"), (".", None), ("", None)]:
        monkeypatch.setenv("PYTHONPATH", given)
        assert python_path() == left


def test_workers_look_in_the_drivers_folders_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT), "/rays", "/site"])
    look_there_last(["/work", "/site", str(ROOT)])
    look_there_last(["/work", "/site", str(ROOT)])
    assert sys.path == ["/rays", "/site", "/work", str(ROOT)]


@pytest.mark.parametrize(
    ("error", "times"),
    [
        (Exception("The current node timed out\nduring startup."), 2),
        (ConnectionError("refused"), 2),
        (OSError(24, "Too many open files"), 1),
        (ValueError("exceeds /dev/shm size"), 1),
    ],
    ids=["slow", "unconnected", "files", "memory"],
)
def test_ray_is_started_again_where_time_may_cure_it(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    times: int,
) -> None:
    started = []

    def refuses(**options: Any) -> NoReturn:
        started.append(options)
        raise error

    monkeypatch.setattr(ray, "init", refuses)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(RayNotStarted) as caught,
        private_ray() as ours,
    ):
        ours.start()
    assert len(started) == times
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("Ray could not be started on this machine: ")
    assert caplog.text.count("trying again") == times - 1


def test_variables_that_a_submitted_job_sets_are_left_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = {"OMP_NUM_THREADS": "1", "RAY_AIR_NEW_OUTPUT": "0"}
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    assert unclaimed(ours) == ours
    for job in ({}, {"runtime_env": None}, {"runtime_env": {"working_dir": "gcs://a.zip"}}):
        monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(job))
        assert unclaimed(ours) == ours
    claimed = {"runtime_env": {"env_vars": {"OMP_NUM_THREADS": "4"}}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(claimed))
    assert unclaimed(ours) == {"RAY_AIR_NEW_OUTPUT": "0"}
