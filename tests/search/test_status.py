"""`ratchet status`: what goes on with a sweep, from its files alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import analysis
from greedy_core.process import this_process
from search.cli.status import show_status
from search.results.claim import LOCK
from search.results.lock import SweepLock
from search.results.parts import LocalFolder
from search.sweep.status import read_status
from tests.search.bad_files import seen
from tests.search.results.locking import ELSEWHERE, leave_lock
from tests.search.sweeps import ROOT, recommit
from tests.search.test_cli import ended


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "sweep"))


def say(folder: Path, **changes: Any) -> None:
    """Rewrite progress.json as a driver would."""
    said = json.loads((folder / "progress.json").read_text())
    (folder / "progress.json").write_text(json.dumps({**said, **changes}))


def ask_for_more(folder: Path) -> None:
    def more(content: dict[str, Any]) -> None:
        content["config"]["search"]["trials"] += 5

    recommit(folder, more)


RUNNING = {"trial": 9, "role": "search", "attempt": 0, "edits": 2, "composite": 0.5, "seconds": 1.0}
CASES = [
    pytest.param(False, {}, 0, "finished", id="finished"),
    pytest.param(False, {"state": "interrupted"}, 5, "interrupted", id="interrupted"),
    pytest.param(False, {"state": "running"}, 5, "lost", id="driver killed"),
    pytest.param(True, {"state": "running", "ended": 0}, 5, "preparing", id="resumed"),
    pytest.param(True, {"state": "running", "running": [RUNNING]}, 5, "running", id="running"),
    pytest.param(True, {}, 0, "in use", id="another command"),
    pytest.param(False, {"state": "invalid"}, 0, "invalid", id="base model changed, all ended"),
    pytest.param(False, {"state": "invalid"}, 5, "invalid", id="base model changed"),
]


@pytest.mark.parametrize(("held", "said", "more", "state"), CASES)
def test_the_state_is_told_from_lock_progress_and_tables(
    copy: Path, held: bool, said: dict[str, Any], more: int, state: str
) -> None:
    say(copy, **said)
    if more:
        ask_for_more(copy)
    if not held:
        assert read_status(str(copy)).state == state
        return
    with SweepLock(LocalFolder(copy)):
        status = read_status(str(copy))
    assert status.state == state
    assert status.driver is not None and status.silent_seconds is not None
    assert status.silent_seconds < 60


def test_a_lock_whose_process_is_gone_is_no_sign_of_life(copy: Path) -> None:
    with SweepLock(LocalFolder(copy)):
        owner = json.loads((copy / LOCK).read_text())
    (copy / LOCK).write_text(json.dumps({**owner, "started": "1"}))
    say(copy, state="running")
    ask_for_more(copy)
    assert read_status(str(copy)).state == "lost"


def test_a_driver_of_this_machine_that_was_stopped_is_still_there(copy: Path) -> None:
    say(copy, state="running", running=[RUNNING])
    ask_for_more(copy)
    with SweepLock(LocalFolder(copy)):
        owner = json.loads((copy / LOCK).read_text())
        (copy / LOCK).write_text(json.dumps({**owner, "heartbeat": "1000000000.000000"}))
        status = read_status(str(copy))
    assert (status.state, status.driver) == ("running", str(this_process()))
    assert status.silent_seconds is not None and status.silent_seconds > 1e6


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_driver_of_another_machine_is_lost_whose_heartbeat_is_far_from_now(
    copy: Path, hours: float
) -> None:
    say(copy, state="running")
    ask_for_more(copy)
    leave_lock(LocalFolder(copy), heartbeat=time.time() + 3600 * hours, **ELSEWHERE)
    assert read_status(str(copy)).state == "lost"


@pytest.mark.timeout(60)
def test_a_lock_that_is_no_file_is_neither_waited_for_nor_followed(copy: Path) -> None:
    os.mkfifo(copy / LOCK)
    with pytest.raises(analysis.StorageError, match="must be a plain file, but is a pipe"):
        read_status(str(copy))


def test_a_sweep_that_prepares_for_the_first_time_has_a_lock_only(tmp_path: Path) -> None:
    with SweepLock(LocalFolder(tmp_path)):
        status = read_status(str(tmp_path))
    assert (status.state, status.asked, status.ended) == ("preparing", 0, {})
    with pytest.raises(analysis.SweepNotFound):
        read_status(str(tmp_path))


def test_figures_are_those_of_the_tables(copy: Path, tables: analysis.Sweep) -> None:
    status = read_status(str(copy))
    trials = tables.trials
    assert (status.asked, sum(status.ended.values())) == (9, len(trials))
    assert status.ended == trials["status"].value_counts().to_dict()
    assert status.states_computed == trials["states_computed"].sum()
    assert status.states_read == trials["states_read"].sum()
    assert status.best is not None
    found = trials[(trials["role"] == "search") & (trials["status"] == "completed")]
    assert status.best["metrics"]["composite"] == found["composite"].max()


def test_time_left_follows_from_the_rate_of_the_session(copy: Path) -> None:
    ask_for_more(copy)
    say(copy, state="running", running=[RUNNING], trials_per_minute=2.5)
    with SweepLock(LocalFolder(copy)):
        status = read_status(str(copy))
    assert (status.trials_per_minute, status.minutes_left) == (2.5, 2.0)
    assert status.running == [RUNNING]


def test_the_command_shows_it_and_changes_nothing(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = seen(copy)
    assert ended(monkeypatch, "status", str(copy)) == 0
    shown = capsys.readouterr().out
    assert "finished" in shown and "9 of 9 trials have ended" in shown
    assert ended(monkeypatch, "status", str(copy), "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "finished"
    assert ended(monkeypatch, "status", str(copy), "--watch") == 0  # nobody works on it
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert seen(copy) == before
    assert ended(monkeypatch, "status", str(copy.parent / "none")) == 2


def test_a_watched_sweep_is_told_of_whenever_it_changes(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ask_for_more(copy)
    say(copy, state="running", running=[RUNNING])
    looks = iter([lambda: None, lambda: say(copy, state="interrupted", running=[])])
    with SweepLock(LocalFolder(copy)) as lock:

        def later(seconds: float) -> None:
            next(looks)()
            if not json.loads((copy / "progress.json").read_text())["running"]:
                lock.release()

        monkeypatch.setattr(time, "sleep", later)
        show_status(str(copy), watch=True, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2].partition(" ")[0] for line in lines] == [
        "running",
        "interrupted;",
    ]


def test_text_from_files_is_inert(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ask_for_more(copy)
    say(copy, state="running", running=[{**RUNNING, "role": "\x1b[31mred"}])
    with SweepLock(LocalFolder(copy)):
        assert ended(monkeypatch, "status", str(copy)) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "red" in shown


def test_status_needs_neither_torch_nor_ray(copy: Path) -> None:
    code = (
        "import sys; sys.argv = ['ratchet', 'status', sys.argv[1]]\n"
        "from search.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'ray', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(copy)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
