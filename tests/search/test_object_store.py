"""A sweep whose results lie on an object store: the same results, and errors of one line."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import analysis
from search.errors import SweepLocked
from search.results.places import results_folder
from search.session.run import resume_sweep
from tests.object_store import SECRET, strangers_refused
from tests.search import metric_functions
from tests.search.results.files import content
from tests.search.sweeps import driver, kill_session, overrides, ratchet, sweep, wait_for_trials
from tests.search.test_cli import ended
from tests.search.test_sameness import results

SETTINGS = {
    "edits": 2,
    "search.trials": 3,
    "search.sampler": "random",
    "search.scheduler": "none",
    "greedy.metric": f"{metric_functions.__name__}:slow",
}


@pytest.fixture(scope="module")
def address(bucket: str) -> str:
    return f"{bucket}/team a/first"


@pytest.fixture(scope="module")
def killed(bucket: str, address: str) -> analysis.Sweep:
    """What was committed when the driver and all of its processes were killed."""
    where = ["--results", f"{bucket}/team a/", "--name", "first"]
    with driver("run", *overrides(SETTINGS), *where, "--in-process") as process:
        wait_for_trials(address, 1, process)
        with pytest.raises(SweepLocked, match=f"{address} is in use by process {process.pid} on"):
            resume_sweep(address)
        kill_session(process)
    return analysis.load(address)


@pytest.fixture(scope="module")
def finished(address: str, killed: analysis.Sweep) -> analysis.Sweep:
    done = ratchet("resume", address, "--in-process")
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert f"results: {address}\n" in done.stdout
    return analysis.load(address)


def test_a_killed_sweep_goes_on_to_what_a_local_one_comes_to(
    killed: analysis.Sweep, finished: analysis.Sweep, tmp_path: Path
) -> None:
    assert 1 <= len(killed.trials) < 6
    sweep(tmp_path / "first", SETTINGS, in_process=True)
    local = analysis.load(tmp_path / "first")
    for table, order in {
        "proposals": ["trial"],
        "trials": ["trial"],
        "steps": ["trial", "batch", "layer", "step"],
        "records": ["trial", "edits_done", "case_id"],
    }.items():
        here, there = (results(getattr(each, table), order) for each in (local, finished))
        pd.testing.assert_frame_equal(here, there, check_exact=True)
    assert finished.config["config"] == {**local.config["config"]}


def test_best_reads_the_store(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    address: str,
    finished: analysis.Sweep,
) -> None:
    assert ended(monkeypatch, "best", address, "--json") == 0
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["trial"] in set(finished.trials["trial"])


def test_what_lies_there_is_one_part_a_table_and_no_secret(
    address: str, finished: analysis.Sweep
) -> None:
    files = content(results_folder(address))
    tables = ["proposals", "records", "steps", "trials"]
    kinds = [name.partition("/0")[0].partition("/part-")[0] for name in files]
    assert sorted(kinds) == sorted(["commits", "progress.json", "sweep.yaml", *tables])
    assert not any(SECRET.encode() in data for data in files.values())


def test_a_name_that_is_taken_is_refused_with_the_way_on(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    bucket: str,
    address: str,
    finished: analysis.Sweep,
) -> None:
    assert ended(monkeypatch, "run", "--results", f"{bucket}/team a", "--name", "first") == 2
    (line,) = capsys.readouterr().err.splitlines()
    way_on = f"ratchet resume '{address}'"
    assert line == f"ratchet: {address} exists; to go on with it: {way_on}"


WRONG = [
    ("s3://no-such-bucket/x", "s3://no-such-bucket/x/first: there is no such bucket"),
    ("s3://results/../x", "an address must be s3://bucket/prefix, but got 's3://results/../x"),
    ("s3://results//x", "an address must be s3://bucket/prefix"),
    ("s3://", "an address must be s3://bucket/prefix, but got 's3://"),
    (f"s3://me:{SECRET}@results/x", "bucket/prefix, but got credentials or a query"),
]


@pytest.mark.parametrize("command", ["run", "resume", "best"])
@pytest.mark.parametrize(("results", "message"), WRONG)
def test_a_wrong_address_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    bucket: str,
    command: str,
    results: str,
    message: str,
) -> None:
    assert message in error_line(monkeypatch, capsys, command, results, 2)


@pytest.mark.parametrize("command", ["run", "resume", "best"])
def test_a_store_that_refuses_or_does_not_answer_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    bucket: str,
    command: str,
) -> None:
    with strangers_refused(os.environ["AWS_ENDPOINT_URL"]):
        line = error_line(monkeypatch, capsys, command, f"{bucket}/x", 2)
    assert f"{bucket}/x/first: access denied" in line
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    since = time.monotonic()
    line = error_line(monkeypatch, capsys, command, f"{bucket}/x", 2)
    assert f"{bucket}/x/first: no answer from 127.0.0.1:9" in line
    assert time.monotonic() - since < 20
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://me:{SECRET}@127.0.0.1:9")
    line = error_line(monkeypatch, capsys, command, f"{bucket}/x", 2)
    assert "AWS_ENDPOINT_URL must be a URL such as http://host:9000, without credentials" in line


def test_missing_credentials_are_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bucket: str, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    line = error_line(monkeypatch, capsys, "run", f"{bucket}/x", 2)
    assert f"{bucket}/x/first: no credentials found; AWS_ACCESS_KEY_ID" in line


def test_a_name_cannot_leave_the_prefix_and_only_s3_can_be_written_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bucket: str
) -> None:
    assert ended(monkeypatch, "run", "--results", bucket, "--name", "../elsewhere") == 2
    assert "--name must be letters, digits" in capsys.readouterr().err
    assert ended(monkeypatch, "run", "--results", "gs://bucket/x") == 2
    assert "--results must be a path on this machine, or s3://bucket" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["resume", "best"])
def test_a_missing_sweep_in_a_bucket_is_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bucket: str, command: str
) -> None:
    line = error_line(monkeypatch, capsys, command, f"{bucket}/nothing", 2)
    assert f"{bucket}/nothing/first: no sweep there" in line


def test_without_the_extra_its_name_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bucket: str
) -> None:
    for module in ("search.results.object_folder", "search.results.objects"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delitem(sys.modules, "search.results.object_claim", raising=False)
    monkeypatch.setitem(sys.modules, "boto3", None)
    line = error_line(monkeypatch, capsys, "run", bucket, 2)
    assert line.endswith("need the extra s3: pip install 'ratchet-tune[s3]'")


def error_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    results: str,
    code: int,
) -> str:
    """The one line that a command ends with, which has no secret in it."""
    run = ["run", "edits=4", "--results", results, "--name", "first"]
    arguments = run if command == "run" else [command, f"{results}/first"]
    assert ended(monkeypatch, *arguments) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ratchet: ") and SECRET not in line
    return line
