"""A setting is declared once: its range, and whether task, plan or walk depend on it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, is_dataclass, replace
from typing import Annotated, Any

import pytest
from annotated_types import Ge, Gt, Interval, Le, Lt, MultipleOf

from greedy_core.declarations import (
    Objective,
    Plan,
    Task,
    Walk,
    declarations,
    fields_of,
    texts,
    values_of_role,
)
from greedy_core.errors import SettingsError
from greedy_core.model.language_model import LanguageModel
from greedy_core.ranges import Range, Rising, Weights, ZeroOr, ends_of, fault
from greedy_core.settings import FUNCTION, EditSettings
from greedy_core.typed_values import alternatives
from tests.greedy_core import tiny_plans

DECLARED = declarations(EditSettings)
NONE_OR_SOME = ZeroOr(Interval(ge=1, le=4))
RISE = "must rise from 0 or above without repeats"
OTHERS: dict[str, Any] = {
    "batch_size": 1,
    "layers": (0,),
    "targets": "current",
    "mu": 3.0,
    "rank": 1,
    "values.steps": 3,
    "values.lr": 0.25,
    "values.clamp": 0.75,
    "values.weight_decay": 0.125,
    "values.kl": 0.25,
    "covariance.tokens": 50,
    "covariance.ridge": 0.5,
    "greedy.steps": 3,
    "greedy.min_improvement": 0.01,
    "greedy.patience": 1,
    "greedy.max_probes": 1,
    "greedy.step_rule": "repeat",
    "greedy.signal": "success",
    "greedy.accept_by": "always",
    "greedy.max_norm_ratio": 0.5,
    "greedy.metric": "m:f",
    "greedy.layers": (1,),
    "trust.enabled": True,
    "trust.threshold": 0.5,
    "trust.action": "scale",
    "trust.scale": 0.25,
    "trust.harm_scale": 2.0,
}
"""For every setting of the plan and of the walk, another value than in `tiny_plans`."""


def with_value(settings: Any, key: str, value: Any) -> Any:
    group, _, below = key.partition(".")
    if not below:
        return replace(settings, **{group: value})
    return replace(settings, **{group: with_value(getattr(settings, group), below, value)})


def states_follow_from(model: LanguageModel, settings: EditSettings) -> tuple[object, ...]:
    """Whatever tells the states of one plan from those of another."""
    scores = tiny_plans.open_tiny(model, settings)
    tree = scores.tree
    solves = [tree._inputs_key(0, layer) for layer in tree.plan.layers]
    return len(tree.plan.batches), tree.plan.rank, solves


def test_every_setting_has_one_role_and_a_text() -> None:
    assert texts(EditSettings).keys() == DECLARED.keys()
    assert all(text.endswith(".") for text in texts(EditSettings).values())
    roles = {type(each.role) for each in DECLARED.values()}
    assert roles == {Task, Plan, Walk, Objective}


def test_a_setting_without_a_role_is_an_error_of_the_program() -> None:
    @dataclass(frozen=True)
    class Forgotten:
        steps: Annotated[int, Ge(1)] = 8

    with pytest.raises(TypeError, match="must have one role, but got"):
        declarations(Forgotten)


@pytest.mark.parametrize("condition", [MultipleOf(2), "even", range(3)])
def test_a_condition_that_nothing_would_check_is_an_error_of_the_program(condition: Any) -> None:
    kind = dataclasses.make_dataclass(
        "Odd", [("steps", Annotated[int, Walk(), condition], dataclasses.field(default=8))]
    )
    with pytest.raises(TypeError, match=r"a condition must be one of .*, but got \(steps: "):
        declarations(kind)


def test_the_table_of_other_values_is_complete() -> None:
    assert {k for k, each in DECLARED.items() if isinstance(each.role, Plan | Walk)} == {*OTHERS}


@pytest.mark.parametrize("key", OTHERS)
def test_states_depend_on_the_plan_and_not_on_the_walk(gpt2: LanguageModel, key: str) -> None:
    """One forgotten setting, and trials would share states that mean different things."""
    settings = tiny_plans.settings()
    other = with_value(settings, key, OTHERS[key])
    of_plan = isinstance(DECLARED[key].role, Plan)
    same_plan = values_of_role(settings, Plan) == values_of_role(other, Plan)
    assert same_plan == (not of_plan)
    assert (states_follow_from(gpt2, settings) == states_follow_from(gpt2, other)) == same_plan
    assert values_of_role(settings, Task) == values_of_role(other, Task)


@pytest.mark.parametrize(
    ("condition", "right", "wrong", "told"),
    [
        (Ge(1), 1, 0, "`x >= 1` must hold, but got (x=0)"),
        (Gt(0), 0.1, 0.0, "`x > 0` must hold, but got (x=0.0)"),
        (Le(256), 256, 257, "`x <= 256` must hold, but got (x=257)"),
        (Lt(1e9), 1.0, 1e9, "`x < 1e9` must hold, but got (x=1000000000.0)"),
        (Interval(ge=0, le=1), 1, 1.5, "`0 <= x <= 1` must hold, but got (x=1.5)"),
        (Interval(gt=0, lt=1), 0.5, 1, "`0 < x < 1` must hold, but got (x=1)"),
        (Interval(gt=0, lt=1), 0.5, 0, "`0 < x < 1` must hold, but got (x=0)"),
        (
            Rising(),
            (0, 3),
            (3, 0),
            f"x {RISE}, but got (x=(3, 0))",
        ),
        (Rising(), (2,), (), f"x {RISE}, but got (x=())"),
        (Weights(9), (0, 9), (0, 0), "x must be from 0 to 9, and not all 0, but got (x=(0, 0))"),
        (Weights(9), (9,), (10,), "x must be from 0 to 9, and not all 0, but got (x=(10,))"),
        (NONE_OR_SOME, 0, 0.5, "`x == 0 or 1 <= x <= 4` must hold, but got (x=0.5)"),
        (NONE_OR_SOME, 4, 5, "`x == 0 or 1 <= x <= 4` must hold, but got (x=5)"),
        (FUNCTION, "a.b:c", "a", "x must be of the form module:function, but got (x='a')"),
        (FUNCTION, "m:f", f"m:{'f' * 249}", "x must have 250 characters at most, but got 251"),
    ],
)
def test_a_broken_condition_is_told_with_the_value(
    condition: Range, right: Any, wrong: Any, told: str
) -> None:
    assert fault("x", right, condition) is None
    assert fault("x", wrong, condition) == told


def test_ranges_are_checked_wherever_settings_are_made() -> None:
    with pytest.raises(SettingsError) as caught:
        EditSettings(edits=0, seed=-1, device="tpu")
    assert caught.value.faults == (
        "`edits >= 1` must hold, but got (edits=0)",
        "device must be auto, cpu, cuda or cuda:N, but got (device='tpu')",
        "`seed >= 0` must hold, but got (seed=-1)",
    )


def test_every_number_has_a_lower_and_an_upper_bound() -> None:
    for key, declared in DECLARED.items():
        ends = [type(end) for each in declared.ranges for end in ends_of(each)]
        if {int, float} & {*alternatives(declared.annotation)}:
            assert len(ends) == 2 and {*ends} & {Ge, Gt} and {*ends} & {Le, Lt}, key


def test_groups_are_no_settings_themselves() -> None:
    groups = [field.name for field, kind in fields_of(EditSettings) if is_dataclass(kind)]
    assert groups == ["values", "covariance", "greedy", "trust"]
    assert not {*groups} & DECLARED.keys()
