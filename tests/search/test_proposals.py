from __future__ import annotations

from collections.abc import Sequence

import pytest

from analysis.tables.joined import BASELINES
from search.config.baselines import baselines
from search.config.settings import SweepConfig
from search.results.recovery import EndedTrial, Proposal
from search.sweep.proposals import assign

CONFIG = SweepConfig().flat()
ROLES = list(baselines(CONFIG))


def role(trial: int) -> str:
    return ROLES[trial] if trial < 3 else "search"


def pending(*trials: int) -> list[Proposal]:
    return [Proposal(trial, role(trial), 0, {"was": trial}) for trial in trials]


def ended(*trials: int) -> list[EndedTrial]:
    return [
        EndedTrial(trial, role(trial), "completed", 0, 0, {}, {}, 8, 8, 0.5, 0.5, None)
        for trial in trials
    ]


@pytest.mark.parametrize(
    ("trials", "has_ended", "is_pending", "waiting", "first_new", "new"),
    [
        pytest.param(4, (), (), (0, 1, 2), 3, 4, id="fresh"),
        pytest.param(4, (), (0, 1), (0, 1, 2), 3, 4, id="killed while baselines ran"),
        pytest.param(4, (0, 2), (1, 3), (1, 3), 4, 3, id="killed when search had begun"),
        pytest.param(4, (0, 1, 2, 5), (4, 3), (3, 4), 6, 1, id="ended out of order"),
        pytest.param(2, (0, 1, 2, 3), (4,), (4,), 5, 0, id="all proposed, one not ended"),
        pytest.param(2, (0, 1, 2, 3, 4), (), (), 5, 0, id="all done"),
        pytest.param(5, (0, 1, 2, 3, 4), (), (), 5, 3, id="more trials asked"),
        pytest.param(1, (0, 1, 2, 3, 4), (), (), 5, 0, id="fewer trials asked"),
    ],
)
def test_what_is_left_to_run(
    trials: int,
    has_ended: Sequence[int],
    is_pending: Sequence[int],
    waiting: Sequence[int],
    first_new: int,
    new: int,
) -> None:
    assignment = assign(CONFIG, trials, 1, ended(*has_ended), pending(*is_pending))
    assert sorted(each.trial for each in assignment.waiting) == sorted(waiting)
    assert (assignment.first_new, assignment.new, assignment.first_search) == (first_new, new, 3)
    assert assignment.total == len(waiting) + new


def test_pending_trials_keep_their_settings_and_their_generation() -> None:
    assignment = assign(CONFIG, 4, 1, ended(0, 1, 2), pending(4, 3))
    assert list(assignment.waiting) == pending(3, 4)


def test_baselines_change_nothing_but_the_walk() -> None:
    for proposal in assign(CONFIG, 4, 0, [], []).waiting:
        changed = {key for key, value in proposal.config.items() if CONFIG[key] != value}
        assert all(key.startswith(("greedy.", "trust.")) for key in changed)


def test_baselines_use_the_sweeps_metric_and_layers_where_a_loop_judges() -> None:
    config = {**CONFIG, "greedy.metric": "package:function", "greedy.layers": (1,)}
    found = {
        each.role: (each.config["greedy.metric"], each.config["greedy.layers"])
        for each in assign(config, 4, 0, [], []).waiting
    }
    theirs = ("package:function", (1,))
    assert found["baseline_default"] == found["baseline_literal"] == theirs
    assert found["baseline_full"] == (None, None)


def test_the_baselines_are_those_that_results_have() -> None:
    assert (*ROLES,) == BASELINES
