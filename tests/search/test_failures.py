"""Trials that fail, hang, or write where they must not; the sweep goes on, or says why not."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import optuna
import pandas as pd
import pytest

import analysis
from greedy_core.errors import MetricError, RatchetError, SettingsError
from search.cli.exit_status import SOME_FAILED, WRONG_INPUT, status_of
from search.config.settings import SweepConfig
from search.errors import PreparationFailed
from search.results.parts import LocalFolder
from search.results.recovery import FolderState
from search.session.driver import Options
from search.session.run import Outcome, resume_sweep, run_sweep
from search.session.tally import Tally
from search.session.watch import Watch
from search.sweep.history import Ended, SearchHistory
from search.tune.trainable import GreedyEditTrainable
from search.worker.prepared import Prepared
from tests.search import metric_functions
from tests.search.sweeps import HERE, overrides, progress, ratchet, small_config, sweep
from tests.search.test_cli import ended

MODULE = metric_functions.__name__
BAD = {
    "raises": f"MetricError: greedy.metric '{MODULE}:raises': it raised ZeroDivisionError: "
    "the metric has a bug (metric_functions.py, line ",
    "not_a_number": f"MetricError: greedy.metric '{MODULE}:not_a_number': composite must be "
    "a number from -1e+100 to 1e+100, but got nan",
    "hangs_and_stops": "no sign of life for longer than search.trial_timeout (6 s); "
    "the worker was ended",
    "killed": "the worker ended without a word: it was killed, perhaps for want of memory",
    "greedy": f"MetricError: greedy.metric '{MODULE}:greedy': it raised RuntimeError: "
    "[enforce fail at alloc_cpu.cpp",
}
ONCE = ("fails_once", "killed_once")
OF_ANY = ("raises", "not_a_number", "greedy", "good", "fails_once")


class Tried(NamedTuple):
    """What a sweep tries."""

    in_process: bool
    """Whether it runs without Ray."""
    functions: tuple[str, ...]
    """Metric functions."""


SWEEPS = [
    pytest.param(Tried(True, OF_ANY), id="in this process"),
    pytest.param(
        Tried(False, (*BAD, "good", "killed_once")),
        id="with Ray, all that are bad",
        marks=pytest.mark.nightly,
    ),
]


def seed_that_tries_all(config: SweepConfig) -> int:
    """A seed with which random proposals try every metric function once."""
    distributions, count = config.search_space().distributions, config.search.trials
    for seed in range(100_000):
        history = SearchHistory(distributions, "random", seed)
        if len({history.ask(index)["greedy.metric"] for index in range(count)}) == count:
            return seed
    raise AssertionError("no such seed")


@pytest.fixture(scope="module", params=SWEEPS)
def tried(request: pytest.FixtureRequest) -> Tried:
    found: Tried = request.param
    return found


@pytest.fixture(scope="module")
def bad(tried: Tried) -> list[str]:
    """The functions that fail."""
    return [name for name in tried.functions if name in BAD]


@pytest.fixture(scope="module")
def failing(
    tried: Tried,
    tmp_path_factory: pytest.TempPathFactory,
    cache_folder: Path,
    request: pytest.FixtureRequest,
) -> tuple[Path, Outcome]:
    """A sweep over metric functions, most of them bad."""
    if not tried.in_process:
        request.getfixturevalue("ray_here")
    for name in ("failed-once", "killed-once"):
        (cache_folder / name).unlink(missing_ok=True)
    functions = ", ".join(f"{MODULE}:{name}" for name in tried.functions)
    changes = {
        "edits": 4,
        "search.trials": len(tried.functions),
        "search.concurrency": 2,
        "search.sampler": "random",
        "search.max_failures": 1,
        "search.trial_timeout": 6,
        "search.space": f"{{name: metrics, greedy.metric: {{choices: [{functions}]}}}}",
    }
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    changes["search.seed"] = seed_that_tries_all(small_config(changes))
    folder = tmp_path_factory.mktemp("results") / "failing"
    return folder, sweep(folder, changes, in_process=tried.in_process)


@pytest.fixture(scope="module")
def trials(failing: tuple[Path, Outcome]) -> pd.DataFrame:
    """Its search trials by the name of their function."""
    found = analysis.load(failing[0]).trials
    found = found[found["role"] == "search"]
    return found.set_index(found["config/greedy.metric"].str.partition(":")[2])


def test_the_sweep_goes_on_and_counts_what_failed(
    failing: tuple[Path, Outcome], trials: pd.DataFrame, bad: list[str]
) -> None:
    assert (failing[1].trials, failing[1].failed) == (len(trials), len(bad))
    assert set(trials.index[trials["status"] == "failed"]) == set(bad)


def test_a_failed_trial_says_why_in_one_line(trials: pd.DataFrame, bad: list[str]) -> None:
    for name in bad:
        assert trials.loc[name, "error"].startswith(BAD[name])
        assert "\n" not in trials.loc[name, "error"]
        assert trials.loc[name, "attempt"] == 1, name
        assert trials["composite"].isna()[name]


def test_what_fails_once_is_tried_again(trials: pd.DataFrame) -> None:
    [once] = {*ONCE} & {*trials.index}
    assert trials["status"][[once, "good"]].tolist() == ["completed"] * 2
    assert trials["attempt"][[once, "good"]].tolist() == [1, 0]


def test_attempts_that_failed_leave_no_rows(
    failing: tuple[Path, Outcome], trials: pd.DataFrame
) -> None:
    steps = analysis.load(failing[0]).steps
    for name, trial in trials["trial"].items():
        walk = steps[steps["trial"] == trial]
        assert walk.empty if name in BAD else not walk.duplicated(["batch", "layer", "step"]).any()


def test_a_resumed_search_tells_optuna_of_the_failures(
    failing: tuple[Path, Outcome], tried: Tried, bad: list[str]
) -> None:
    states = [
        Ended.of(each.status, each.composite, each.rungs).state.name
        for each in FolderState.read(LocalFolder(failing[0])).ended
        if each.role == "search"
    ]
    assert (states.count("FAIL"), states.count("COMPLETE")) == (
        len(bad),
        len(tried.functions) - len(bad),
    )


@pytest.mark.nightly
def test_writing_into_the_base_model_ends_the_worker_and_says_so(
    tmp_path: Path, ray_here: None
) -> None:
    changes = {"edits": 2, "search.trials": 1, "greedy.metric": f"{MODULE}:vandal"}
    sweep(tmp_path / "written", changes)
    assert progress(tmp_path / "written")["state"] == "finished"
    trials = analysis.load(tmp_path / "written").trials
    told = f"greedy.metric '{MODULE}:vandal' ended its process (SIGSEGV, metric_functions.py, line "
    assert trials["error"].dropna().str.startswith(told).all()
    assert (trials["status"] == "failed").any()


def test_a_sweep_that_only_fails_stops_and_goes_on_once_the_cause_is_gone(
    tmp_path: Path,
    cache_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mark, folder = cache_folder / "broken", tmp_path / "broken"
    mark.touch()
    changes = {"edits": 2, "search.trials": 3, "search.max_failed": 2}
    settings = overrides({**changes, "greedy.metric": f"{MODULE}:broken"})
    where = ["--results", str(tmp_path), "--name", "broken", "--in-process"]
    assert ended(monkeypatch, "run", *settings, *where) == SOME_FAILED
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(
        "ratchet: stopped: 2 search trials failed and none ended otherwise (search.max_failed); "
        f"the commonest cause, 2 times: MetricError: greedy.metric '{MODULE}:broken': it raised "
        "RuntimeError: not yet repaired ("
    )
    assert said.endswith("; once it is gone, `resume` goes on")
    stopped = analysis.load(folder).trials
    mark.unlink()
    outcome = resume_sweep(folder, HERE)
    trials = analysis.load(folder).trials
    sides = [each[each["role"] == "search"].reset_index(drop=True) for each in (stopped, trials)]
    pd.testing.assert_frame_equal(sides[0], sides[1][: len(sides[0])], check_exact=True)
    assert (outcome.trials, outcome.failed) == (3, 2)
    baselines = trials[trials["role"] != "search"]["status"]
    assert [*baselines] == ["completed"] * 3, "those that had failed are run again"


@pytest.mark.nightly
def test_an_error_of_the_driver_after_a_trial_has_ended_is_not_blamed_on_the_trial(
    tmp_path: Path, ray_here: None
) -> None:
    class Refused(Exception):
        """Of whatever is told how the sweep stands, such as a lock that is looked at first."""

    class Refusing(Watch):
        def running(self, tally: Tally, total: int) -> None:
            if tally.counts.total():
                raise Refused

    changes = {"edits": 2, "search.trials": 1, "search.concurrency": 1}
    with pytest.raises(Refused):
        run_sweep(small_config(changes), tmp_path / "refused", Options(Refusing()))
    assert analysis.load(tmp_path / "refused").trials["status"].tolist() == ["completed"]


@pytest.mark.nightly
def test_ray_ending_the_preparation_for_want_of_memory_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_memory_usage_threshold", "0.001")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "50")
    done = ratchet("run", *overrides({}), "--results", str(tmp_path / "results"))
    assert done.returncode == WRONG_INPUT
    assert done.stderr.splitlines()[-1].endswith("the machine ran out of memory, and Ray ended it")
    assert [*tmp_path.iterdir()] == []


def test_whatever_is_wrong_before_the_first_step_is_raised_by_it() -> None:
    def lost() -> Prepared:
        raise OSError("the object is lost")

    trainable = GreedyEditTrainable()
    trainable.setup({}, prepared=lost)
    assert trainable.reset_config({})
    with pytest.raises(OSError, match="the object is lost"):
        trainable.train()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        pytest.param(
            {"greedy.metric": "tests.search.kills_its_process:f"},
            PreparationFailed,
            "preparing the sweep failed: its process was killed, perhaps for want of memory",
            marks=pytest.mark.nightly,
        ),
        (
            {"ray.cpus_per_trial": 4096},
            SettingsError,
            "`ray.cpus_per_trial <= CPUs of this machine` must hold",
        ),
    ],
)
def test_what_no_worker_could_do_is_refused_and_nothing_is_left(
    tmp_path: Path,
    ray_here: None,
    changes: dict[str, object],
    error: type[RatchetError],
    message: str,
) -> None:
    with pytest.raises(error, match=message) as caught:
        sweep(tmp_path / "results" / "refused", changes)
    assert status_of(caught.value) == WRONG_INPUT
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:f", "No module named 'no_such_module'"),
        (f"{MODULE}:nothing", "has no function 'nothing'"),
    ],
)
def test_a_metric_that_there_is_not_is_refused_and_nothing_is_left(
    tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(MetricError, match=message) as caught:
        sweep(tmp_path / "results" / "refused", {"greedy.metric": name}, in_process=True)
    assert status_of(caught.value) == WRONG_INPUT
    assert [*tmp_path.iterdir()] == []
