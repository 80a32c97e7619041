"""The command as the entry point of a job, as `ray job submit` starts it: with a runtime_env."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import analysis
from tests.search.clusters import cluster
from tests.search.sweeps import overrides, ratchet

JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Where Ray's job supervisor tells a driver what the job was submitted with."""


@pytest.mark.nightly
def test_a_jobs_runtime_env_is_kept_or_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that we set, too, is the job's; a folder that is not there is one line."""
    claimed = {"env_vars": {"OMP_NUM_THREADS": "2", "RAY_AIR_NEW_OUTPUT": "0"}}
    absent = {"working_dir": "gcs://_ray_pkg_0123456789abcdef.zip"}
    with cluster(head_cpus=2) as found:
        settings = {"edits": 2, "search.trials": 1, "ray.address": found.address}
        arguments = [*overrides(settings), "--results", str(tmp_path)]
        monkeypatch.setenv("RAY_ADDRESS", found.address)
        monkeypatch.setenv(JOB, as_submitted(claimed))
        kept = ratchet("run", *arguments, "--name", "kept")
        monkeypatch.setenv(JOB, as_submitted(absent))
        refused = ratchet("run", *arguments, "--name", "refused")
    assert kept.returncode == 0, kept.stderr
    assert set(analysis.load(tmp_path / "kept").trials["status"]) == {"completed"}
    assert refused.returncode == 2, refused.stderr
    [line] = refused.stderr.splitlines()
    said = "ratchet: preparing the sweep failed: the job's runtime_env cannot be set up"
    assert line.startswith(said) and "_ray_pkg_0123456789abcdef" in line
    assert not (tmp_path / "refused").exists()


def as_submitted(runtime_env: dict[str, Any]) -> str:
    """What the job supervisor writes for a job with this runtime_env."""
    return json.dumps({"runtime_env": runtime_env, "metadata": {"job_submission_id": "a_job"}})
