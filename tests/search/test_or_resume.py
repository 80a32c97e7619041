"""One command for schedulers that restart: `run --or-resume`; and waiting for another driver."""

from __future__ import annotations

import shutil
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import analysis
from analysis.errors import ResultsError
from greedy_core.errors import InputError
from greedy_core.process import this_process
from search.errors import SweepExists
from search.results.claim import LOCK
from search.results.lock import SweepLock
from search.results.parts import LocalFolder
from search.session.run import Outcome, run_sweep
from tests.search.bad_files import seen
from tests.search.results.files import as_first_format, rows_of
from tests.search.results.locking import leave_lock
from tests.search.sweeps import HERE, driver, overrides, small_config, wait_until
from tests.search.test_cli import ended

SETTINGS: dict[str, Any] = {
    "edits": 4,
    "search.trials": 2,
    "search.sampler": "random",
    "greedy.min_improvement": 1e-05,
    "composite_weights": "[1, 1, 3]",
}


def run_or_resume(folder: Path, changes: Mapping[str, Any]) -> Outcome:
    return run_sweep(small_config({**SETTINGS, **changes}), folder, HERE, or_resume=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Path:
    """A sweep that was started where a driver had been killed before it wrote sweep.yaml."""
    folder = tmp_path_factory.mktemp("results") / "sweep"
    folder.mkdir()
    leave_lock(LocalFolder(folder))
    assert run_or_resume(folder, {}).trials == 2
    return folder


@pytest.fixture
def sweep(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "sweep"))


def given(folder: Path) -> list[str]:
    at = ["--results", str(folder.parent), "--name", folder.name]
    return [*overrides(SETTINGS), *at, "--in-process"]


def test_a_finished_sweep_is_shown_and_no_file_changes(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows_of(LocalFolder(sweep))
    assert ended(monkeypatch, "run", "--or-resume", *given(sweep)) == 0
    assert f"results: {sweep}" in capsys.readouterr().out
    assert rows_of(LocalFolder(sweep)) == before


def test_an_unfinished_sweep_is_finished(sweep: Path) -> None:
    said = yaml.safe_load((sweep / "sweep.yaml").read_text())
    said["config"]["search"]["trials"] = 3
    (sweep / "sweep.yaml").write_text(yaml.safe_dump(said, sort_keys=False))
    before = analysis.load(sweep).trials
    assert run_or_resume(sweep, {"search.trials": 3}).trials == 3
    after = analysis.load(sweep)
    assert after.trials["trial"].tolist() == list(range(6))
    assert after.trials[: len(before)].equals(before)
    assert after.config["sweep_id"] == said["sweep_id"]


DIFFERENT = [
    ({"edits": 6}, "edits must be the sweep's, 4, but got 6"),
    ({"search.trials": 3}, "search.trials must be the sweep's, 2, but got 3"),
    ({"search.sampler": "tpe"}, "search.sampler must be the sweep's, 'random', but got 'tpe'"),
    ({"search.concurrency": 2}, "search.concurrency must be the sweep's, 1, but got 2"),
    ({"cache.limit_gb": 2}, "cache.limit_gb must be the sweep's, 10.0, but got 2.0"),
    ({"ray.cpus_per_trial": 2}, "ray.cpus_per_trial must be the sweep's, 1.0, but got 2.0"),
    ({"search.space.name": "mine"}, "search.space.name must be the sweep's, "),
]


@pytest.mark.parametrize(("changes", "line"), DIFFERENT, ids=lambda each: f"{each!r:.40}")
def test_settings_that_are_not_the_sweeps_are_refused(
    sweep: Path, changes: dict[str, Any], line: str
) -> None:
    before = seen(sweep)
    with pytest.raises(InputError) as caught:
        run_or_resume(sweep, changes)
    first, last = caught.value.faults
    assert first.startswith(line)
    assert last == f"to go on with the sweep's own settings: ratchet resume {sweep}"
    assert seen(sweep) == before


def test_there_is_a_line_for_each_setting_that_differs_also_one_that_is_left_out(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [each for each in given(sweep) if "min_improvement" not in each]
    assert ended(monkeypatch, "run", "--or-resume", *arguments, "seed=7", "edits=6") == 2
    lines = capsys.readouterr().err.splitlines()
    keys = [line.removeprefix("ratchet: ").split()[0] for line in lines]
    assert sorted(keys) == ["edits", "greedy.min_improvement", "seed", "to"]


def test_without_the_option_a_name_that_is_taken_stays_refused(sweep: Path) -> None:
    with pytest.raises(SweepExists):
        run_sweep(small_config(SETTINGS), sweep, HERE)


@pytest.mark.parametrize("or_resume", [True, False])
def test_rows_without_a_sweep_are_damage_and_not_a_place_for_a_new_one(
    sweep: Path, or_resume: bool
) -> None:
    as_first_format(LocalFolder(sweep))
    (sweep / "sweep.yaml").unlink()
    before = seen(sweep)
    with pytest.raises(ResultsError, match=r"sweep\.yaml: is missing, although there are rows"):
        run_sweep(small_config(SETTINGS), sweep, HERE, or_resume=or_resume)
    assert seen(sweep) == before


COMMANDS = {
    "resume": lambda folder: ["resume", str(folder)],
    "extend": lambda folder: ["extend", str(folder), "--trials", "1"],
    "confirm": lambda folder: ["confirm", str(folder)],
    "run": lambda folder: ["run", "--or-resume", *given(folder)],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_has_waited_in_vain_ends_with_4(
    sweep: Path,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with SweepLock(LocalFolder(sweep)):
        code = ended(monkeypatch, *COMMANDS[command](sweep), "--wait-for-lock", "1")
    assert (code, "is in use by process" in capsys.readouterr().err) == (4, True)
    assert caplog.text.count(f"waiting up to 1 s for {this_process()}") == 1


def test_a_command_that_waits_goes_on_once_the_lock_is_free(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lock = SweepLock(LocalFolder(sweep))
    end = threading.Timer(1, lock.release)
    end.start()
    assert ended(monkeypatch, *COMMANDS["run"](sweep), "--wait-for-lock", "600") == 0
    assert "waiting up to 600 s" in caplog.text
    assert not (sweep / LOCK).exists()


def test_a_command_that_waits_is_ended_by_a_signal(sweep: Path) -> None:
    arguments = [*COMMANDS["resume"](sweep), "--wait-for-lock", "600"]
    with SweepLock(LocalFolder(sweep)) as lock, driver(*arguments) as process:
        wait_until(lambda: "waiting up to 600 s" in process.err, process)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 143
        assert err.endswith("\nratchet: interrupted by SIGTERM\n")
        assert lock.held


@pytest.mark.parametrize("seconds", ["-1", "nan", "soon"])
def test_a_wait_must_be_a_time(sweep: Path, seconds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(monkeypatch, "resume", str(sweep), "--wait-for-lock", seconds) == 2
