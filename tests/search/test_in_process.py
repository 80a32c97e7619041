"""Sweeps without Ray: the same rows, the same causes, the same ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import analysis
from search.commands.sweeps import confirm
from search.errors import OnlyFailures
from search.session.driver import Options
from search.session.run import resume_sweep, run_sweep
from search.session.tally import Tally
from search.session.watch import Watch
from tests.search import metric_functions
from tests.search.sweeps import (
    ROOT,
    driver,
    overrides,
    progress,
    small_config,
    sweep,
    wait_for_trials,
)

MODULE = metric_functions.__name__
OF_THE_MOMENT = ["started", "seconds", "worker", "states_computed", "states_read", "from_store"]
"""Columns that say when and where a trial ran, and what the store held by then."""


def lasting(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=[name for name in OF_THE_MOMENT if name in rows])


ASHA = {"search.trials": 8, "search.seed": 3, "search.audit": 1}
OTHERS = {
    "no scheduler": {"search.trials": 4, "search.scheduler": "none", "search.sampler": "qmc"},
    "steps": {"search.trials": 4, "search.resource": "steps", "search.grace": 2},
}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(ASHA, id="ASHA"),
        *(pytest.param(OTHERS[name], id=name, marks=pytest.mark.nightly) for name in OTHERS),
    ],
)
def test_every_row_is_the_one_that_ray_tune_writes(
    tmp_path: Path, ray_here: None, changes: dict[str, object]
) -> None:
    for executor in ("ray", "here"):
        sweep(tmp_path / executor, changes, in_process=executor == "here")
    with_ray, here = analysis.load(tmp_path / "ray"), analysis.load(tmp_path / "here")
    for table in ("proposals", "trials", "steps", "records"):
        pd.testing.assert_frame_equal(
            lasting(getattr(with_ray, table)), lasting(getattr(here, table)), check_exact=True
        )
    assert progress(tmp_path / "here")["state"] == "finished"


def test_nothing_of_ray_is_imported(tmp_path: Path) -> None:
    at = ["--results", str(tmp_path), "--name", "here"]
    commands = (
        ["run", *overrides({"edits": 4, "search.trials": 1, "confirm_records": 4}), *at],
        ["extend", str(tmp_path / "here"), "--trials", "1"],
        ["confirm", str(tmp_path / "here"), "--top", "1", "--sequences", "1"],
        ["resume", str(tmp_path / "here")],
    )
    script = (
        "import json, sys\nfrom search.cli.app import main\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    sys.argv = ['ratchet', *words, '--in-process']\n"
        "    try:\n        main()\n"
        "    except SystemExit as end:\n        assert not end.code, words\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] == 'ray']"
    )
    command = [sys.executable, "-c", script, json.dumps(commands)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = analysis.load(tmp_path / "here")
    assert len(found.trials) == 5
    assert len(found.confirm) == 4


def test_a_trial_that_fails_is_tried_again_and_says_why(tmp_path: Path, cache_folder: Path) -> None:
    functions = [f"{MODULE}:{name}" for name in ("fails_once", "raises", "good")]
    changes = {
        "edits": 2,
        "search.trials": 3,
        "search.sampler": "qmc",
        "search.max_failures": 1,
        "search.space": f"{{name: metrics, greedy.metric: {{choices: [{', '.join(functions)}]}}}}",
    }
    (cache_folder / "failed-once").unlink(missing_ok=True)
    outcome = sweep(tmp_path / "failing", changes, in_process=True)
    rows = analysis.load(tmp_path / "failing").trials.set_index("config/greedy.metric")
    rows = rows[rows["role"] == "search"].loc[functions]
    assert outcome.failed == 1
    assert rows["status"].tolist() == ["completed", "failed", "completed"]
    assert rows["attempt"].tolist() == [1, 1, 0]
    said = rows["error"].iloc[1]
    assert said.startswith(f"MetricError: greedy.metric '{MODULE}:raises': it raised ZeroDivision")
    steps = analysis.load(tmp_path / "failing").steps
    assert not steps["trial"].eq(rows["trial"].iloc[1]).any()


def test_a_sweep_that_only_fails_stops(tmp_path: Path) -> None:
    changes = {
        "edits": 2,
        "search.trials": 6,
        "search.max_failed": 2,
        "greedy.metric": f"{MODULE}:raises",
    }
    with pytest.raises(OnlyFailures, match="2 search trials failed"):
        sweep(tmp_path / "failing", changes, in_process=True)


def test_an_error_of_the_driver_is_not_blamed_on_the_trial(tmp_path: Path) -> None:
    class Refused(Exception):
        """Of whatever is told how the sweep stands."""

    class Refusing(Watch):
        def running(self, tally: Tally, total: int) -> None:
            if tally.counts.total():
                raise Refused

    options = Options(Refusing(), in_process=True)
    with pytest.raises(Refused):
        run_sweep(small_config({"edits": 2, "search.trials": 1}), tmp_path / "refused", options)
    assert analysis.load(tmp_path / "refused").trials["status"].tolist() == ["completed"]


def test_writing_into_the_base_model_ends_the_command_and_says_so(tmp_path: Path) -> None:
    settings = overrides({"edits": 2, "search.trials": 1, "greedy.metric": f"{MODULE}:vandal"})
    at = ["--results", str(tmp_path), "--name", "written", "--in-process"]
    with driver("run", *settings, *at) as process:
        _, told = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGSEGV
    assert f"greedy.metric '{MODULE}:vandal' ended its process (SIGSEGV, metric_fun" in told


@pytest.mark.nightly
def test_a_stopped_sweep_goes_on_with_ray(tmp_path: Path, ray_here: None) -> None:
    changes = {"search.trials": 4, "greedy.metric": f"{MODULE}:slow", "search.scheduler": "none"}
    folder = tmp_path / "stopped"
    at = ["--results", str(tmp_path), "--name", folder.name, "--in-process"]
    with driver("run", *overrides(changes), *at) as process:
        before = wait_for_trials(folder, 1, process).trials
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    stopped = analysis.load(folder).trials
    assert len(before) <= len(stopped) < 7
    assert resume_sweep(folder).trials == 4
    after = analysis.load(folder).trials
    pd.testing.assert_frame_equal(after[: len(stopped)], stopped, check_exact=True)


def test_a_trial_whose_worker_is_killed_runs_again_in_another(
    tmp_path: Path, ray_here: None, cache_folder: Path
) -> None:
    """What only a sweep with workers can lose; all that they do wrong is tried at night."""
    (cache_folder / "killed-once").unlink(missing_ok=True)
    changes = {
        "edits": 4,
        "search.trials": 2,
        "search.sampler": "qmc",
        "search.max_failures": 1,
        "search.space": f"{{name: metrics, greedy.metric: {{choices: "
        f"[{MODULE}:killed_once, {MODULE}:good]}}}}",
    }
    assert sweep(tmp_path / "killed", changes).failed == 0
    rows = analysis.load(tmp_path / "killed").trials.set_index("config/greedy.metric")
    rows = rows[rows["role"] == "search"]
    assert set(rows["status"]) == {"completed"}
    assert rows["attempt"].to_dict() == {f"{MODULE}:killed_once": 1, f"{MODULE}:good": 0}


def test_a_confirmation_has_the_rows_that_ray_would_write(tmp_path: Path, ray_here: None) -> None:
    found = []
    for executor in ("ray", "here"):
        changes = {"edits": 4, "search.trials": 1, "confirm_records": 8}
        sweep(tmp_path / executor, changes, in_process=True)
        outcome = confirm(tmp_path / executor, top=1, in_process=executor == "here")
        assert outcome.failed == 0
        assert outcome.confirmation is not None
        found.append(analysis.load(tmp_path / executor))
    for table in ("confirm", "confirm_records"):
        with_ray, here = (lasting(getattr(each, table)) for each in found)
        key = [name for name in ("trial", "sequence", "batch", "case_id") if name in here]
        order = [each.sort_values(key, ignore_index=True) for each in (with_ray, here)]
        pd.testing.assert_frame_equal(*order, check_exact=True)
