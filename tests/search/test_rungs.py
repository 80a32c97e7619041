from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.tune.schedulers import ASHAScheduler, TrialScheduler

from search.sweep.rungs import Rungs, rung_levels


@pytest.mark.parametrize(
    ("grace", "factor", "end", "unit", "levels"),
    [
        (4, 2, 20, 4, (4, 8, 16)),
        (4, 2, 16, 4, (4, 8)),  # nobody is stopped at the end
        (1, 2, 20, 4, (4, 8, 16)),  # 1, 2 and 4 are all in the first batch
        (3, 2, 20, 4, (4, 8, 12)),  # 3, 6, 12
        (4, 4, 20, 4, (4, 16)),
        (5, 3, 40, 1, (5, 15)),
        (4, 2, 4, 4, ()),
        (9, 2, 10, 4, ()),  # rounded up beyond the end
        (3, 2, 10, 1, (3, 6)),
    ],
)
def test_levels_are_grace_times_powers_rounded_up_to_batches(
    grace: int, factor: int, end: int, unit: int, levels: tuple[int, ...]
) -> None:
    assert rung_levels(grace, factor, end, lambda level: -(-level // unit) * unit) == levels


values = st.floats(0, 1) | st.sampled_from([0.25, 0.5, 0.75]) | st.just(float("nan"))
walks = st.lists(st.lists(values, min_size=3, max_size=3), max_size=30)


@given(walks=walks, factor=st.integers(2, 4))
@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning:numpy")  # of Ray's own
def test_decisions_are_those_of_rays_asha(walks: list[list[float]], factor: int) -> None:
    levels = [factor**k for k in range(3)]
    rungs = Rungs(levels, factor)
    asha: Any = ASHAScheduler("edits", "composite", "max", factor**3 - 1, 1, factor)
    for trial, walk in enumerate(walks):
        rays = SimpleNamespace(trial_id=str(trial))
        asha.on_trial_add(None, rays)
        for level, value in zip(levels, walk, strict=True):
            action = asha.on_trial_result(None, rays, {"edits": level, "composite": value})
            assert rungs.judge(trial, level, value) == (action == TrialScheduler.CONTINUE)
            if action == TrialScheduler.STOP:
                break


@given(walks=walks.filter(lambda walks: len(walks) > 1), cut=st.integers(0, 29), factor=st.just(2))
def test_rungs_filled_again_decide_as_if_nothing_had_happened(
    walks: list[list[float]], cut: int, factor: int
) -> None:
    levels = (1, 2, 4)
    whole, before = Rungs(levels, factor), Rungs(levels, factor)
    verdicts = [_stopped_at(whole, trial, walk) for trial, walk in enumerate(walks)]
    for trial, walk in enumerate(walks[:cut]):
        _stopped_at(before, trial, walk)
    after = Rungs(levels, factor)
    for level, left in reversed(before.values.items()):  # Parquet keeps no order of arrival
        for trial, value in left.items():
            after.record(trial, level, value)
    resumed = [_stopped_at(after, cut + i, walk) for i, walk in enumerate(walks[cut:])]
    assert resumed == verdicts[cut:]


def test_a_trial_that_is_tried_again_is_not_compared_with_itself() -> None:
    rungs = Rungs((4,), 2)
    assert rungs.judge(0, 4, 0.9)
    assert rungs.judge(0, 4, 0.1)


def test_what_a_failed_trial_left_counts_for_nobody() -> None:
    rungs = Rungs((4, 8), 2)
    rungs.record(0, 4, 0.9)
    rungs.forget(0)
    assert rungs.judge(1, 4, 0.1)


def _stopped_at(rungs: Rungs, trial: int, walk: list[float]) -> int | None:
    for level, value in zip(rungs.values, walk, strict=True):
        if not rungs.judge(trial, level, value):
            return level
    return None
