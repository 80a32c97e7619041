"""deploy/slurm/sweep.sbatch on two hosts that one machine plays."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import analysis
from tests.deploy.two_hosts import permitted, two_hosts
from tests.search import metric_functions
from tests.search.sweeps import ROOT, overrides, wait_for_trials

SCRIPT = ROOT / "deploy" / "slurm" / "sweep.sbatch"
SETTINGS = {
    "edits": 4,
    "search.trials": 7,
    "search.concurrency": 2,
    "search.sampler": "random",
    "greedy.metric": f"{metric_functions.__name__}:slow",
}

on_two_hosts = pytest.mark.skipif(permitted() is not None, reason=str(permitted()))


@contextmanager
def job(folder: Path, options: str = "") -> Iterator[subprocess.Popen[str]]:
    """The script as the batch shell of a job on two hosts."""
    with two_hosts(folder) as hosts:
        home = folder / "home"
        home.mkdir(exist_ok=True)
        environment = {
            "PATH": f"{hosts.commands}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "FAKE_FOLDER": str(folder),
            "SLURM_JOB_ID": "7",
            "SLURM_NNODES": "2",
            "SLURM_JOB_NODELIST": "host[0-1]",
            "RATCHET_RAY_OPTIONS": f"--disable-usage-stats --num-cpus=1 {options}",
            # A minute each by default: how long a host waits for another that has gone, or comes.
            "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
            "RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT": "20",
        }
        settings = overrides({**SETTINGS, "cache.dir": folder / "cache"})
        process = subprocess.Popen(
            ["bash", str(SCRIPT), str(folder / "results"), "sweep", *settings],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_the_script_is_valid() -> None:
    subprocess.run(["bash", "-n", str(SCRIPT)], check=True)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    done = subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.nightly
@on_two_hosts
def test_a_job_that_is_asked_to_stop_is_queued_again_and_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "sweep"
    with job(tmp_path) as process:
        wait_for_trials(folder, 1, process)
        process.send_signal(signal.SIGUSR1)
        out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    assert (tmp_path / "results" / "sweep.exit").read_text() == "138\n", out
    assert (tmp_path / "requeued").read_text() == "7\n"
    before = analysis.load(folder).trials
    assert 1 <= len(before) < 10

    shutil.rmtree(tmp_path / "bin")
    with job(tmp_path) as process:
        out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    assert (tmp_path / "results" / "sweep.exit").read_text() == "0\n", out
    after = analysis.load(folder).trials
    assert after["trial"].tolist() == list(range(10))
    assert {worker.partition(":")[0] for worker in after["worker"]} == {"host0", "host1"}


@on_two_hosts
def test_where_ray_does_not_start_the_job_fails(tmp_path: Path) -> None:
    with job(tmp_path, "--no-such-option") as process:
        out, _ = process.communicate(timeout=600)
    assert process.returncode == 1, out
    assert "the sweep did not end by itself" in out
    assert not (tmp_path / "results" / "sweep" / "sweep.yaml").exists()
