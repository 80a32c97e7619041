"""What is told of a session while it runs: its own counts, and the best of the whole sweep."""

from __future__ import annotations

from typing import Any

import pytest

from search.cli.progress_line import progress_line
from search.results.recovery import EndedTrial, Proposal
from search.session.tally import Tally

STEPS = "greedy.steps"


def ended(trial: int, composite: float | None, **other: Any) -> EndedTrial:
    values = {
        "role": "search",
        "status": "completed",
        "generation": 0,
        "attempt": 0,
        "config": {STEPS: trial},
        "rungs": {},
        "edits": 8,
        "steps": 8,
        "score": composite,
        "error": None,
        **other,
    }
    return EndedTrial(trial=trial, composite=composite, **values)


def end(tally: Tally, trial: int, composite: float, status: str = "completed") -> None:
    row = {"trial": trial, "status": status, "composite": composite, "score": composite, "steps": 8}
    tally.ended(row, Proposal(trial, "search", 0, {STEPS: trial}))


def test_a_session_that_goes_on_counts_its_own_trials_and_knows_the_earlier_best() -> None:
    tally = Tally()
    tally.follow([ended(0, 0.5), ended(1, 0.75), ended(2, None, status="failed")])
    end(tally, 3, 0.625)
    line = progress_line(tally, 2, 1.0, (STEPS,))
    assert line.startswith("1/2 done (3 before) · ")
    assert "best 0.750 (greedy.steps=1)" in line
    end(tally, 4, 0.875)
    line = progress_line(tally, 2, 1.0, (STEPS,))
    assert line.startswith("2/2 done (3 before) · ")
    assert "best 0.875 (greedy.steps=4)" in line


@pytest.mark.parametrize(
    "earlier",
    [
        ended(0, 1.0, role="default"),
        ended(0, 1.0, status="pruned"),
        ended(0, None),
        ended(0, float("nan")),
    ],
)
def test_no_earlier_trial_is_best_that_could_not_be_chosen(earlier: EndedTrial) -> None:
    tally = Tally()
    tally.follow([earlier])
    assert tally.best is None
    end(tally, 1, 0.25)
    assert tally.best is not None and tally.best["trial"] == 1


def test_a_first_session_names_no_earlier_one() -> None:
    tally = Tally()
    tally.follow([])
    end(tally, 0, 0.5)
    assert progress_line(tally, 1, 1.0, (STEPS,)).startswith("1/1 done · 0 running")
