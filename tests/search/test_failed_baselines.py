"""A baseline that failed is tried again whenever its sweep goes on; a search trial is not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import analysis
import ratchet
from search.errors import SweepInterrupted
from search.session.driver import Options
from search.session.run import Outcome, resume_sweep
from search.session.tally import Tally
from search.session.watch import Watch
from search.sweep.status import read_status
from tests.search import metric_functions
from tests.search.sweeps import HERE, sweep

CHANGES: Mapping[str, Any] = {
    "edits": 2,
    "search.trials": 2,
    "search.scheduler": "none",
    "greedy.metric": f"{metric_functions.__name__}:good",
}
WHOLE = ["completed"] * 5


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each further call of the metric function fails; none does once the list is empty."""
    answers: list[bool] = []
    good = metric_functions.good

    def metric(*given: Any) -> dict[str, float]:
        if answers and answers.pop(0):
            raise ValueError("not yet")
        return good(*given)

    monkeypatch.setattr(metric_functions, "good", metric)
    return answers


def statuses(folder: Path) -> list[str]:
    return analysis.load(folder).trials["status"].tolist()


def with_failures(folder: Path, failing: list[bool], search_too: bool) -> Outcome:
    """A sweep of which two baselines have failed; plain EMMET asks no metric function."""
    failing += [True, True, search_too]
    return sweep(folder, CHANGES, in_process=True)


def test_resume_runs_it_again_under_its_number(tmp_path: Path, failing: list[bool]) -> None:
    outcome = with_failures(tmp_path / "sweep", failing, search_too=False)
    assert statuses(tmp_path / "sweep") == [
        "completed",
        "failed",
        "failed",
        "completed",
        "completed",
    ]
    assert outcome.failed_baselines == ("baseline_default", "baseline_literal")
    before = analysis.load(tmp_path / "sweep")
    assert resume_sweep(tmp_path / "sweep", HERE) == Outcome(tmp_path / "sweep", 2, 0)
    after = analysis.load(tmp_path / "sweep")
    assert after.trials["status"].tolist() == WHOLE
    assert after.trials["trial"].tolist() == [0, 1, 2, 3, 4]
    for table in ("trials", "steps", "records"):
        was, now = (getattr(s, table).query("trial in [0, 3, 4]") for s in (before, after))
        assert now.reset_index(drop=True).equals(was.reset_index(drop=True)), table
    assert len(after.proposals) == 5


def test_a_failed_search_trial_stays_as_it_is(tmp_path: Path, failing: list[bool]) -> None:
    with_failures(tmp_path / "sweep", failing, search_too=True)
    resume_sweep(tmp_path / "sweep", HERE)
    assert statuses(tmp_path / "sweep") == [*WHOLE[:3], "failed", "completed"]
    commits = sorted((tmp_path / "sweep" / "commits").iterdir())
    resume_sweep(tmp_path / "sweep", HERE)
    assert sorted((tmp_path / "sweep" / "commits").iterdir()) == commits, "nothing was left to do"


def test_one_that_fails_again_says_so_again(tmp_path: Path, failing: list[bool]) -> None:
    with_failures(tmp_path / "sweep", failing, search_too=False)
    failing += [True]
    assert resume_sweep(tmp_path / "sweep", HERE).failed_baselines == ("baseline_default",)
    assert statuses(tmp_path / "sweep")[:3] == ["completed", "failed", "completed"]
    missing = ratchet.best(tmp_path / "sweep").missing
    assert [*missing] == ["baseline_default"] and "not yet" in missing["baseline_default"]


def test_a_driver_that_ends_meanwhile_leaves_it_to_the_next(
    tmp_path: Path, failing: list[bool]
) -> None:
    class Stopping(Watch):
        def running(self, tally: Tally, total: int) -> None:
            raise KeyboardInterrupt

    with_failures(tmp_path / "sweep", failing, search_too=False)
    with pytest.raises(SweepInterrupted):
        resume_sweep(tmp_path / "sweep", Options(Stopping(), in_process=True))
    assert read_status(tmp_path / "sweep").state == "interrupted"
    resume_sweep(tmp_path / "sweep", HERE)
    assert statuses(tmp_path / "sweep") == WHOLE
