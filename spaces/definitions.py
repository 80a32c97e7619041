"""One searched parameter, between its YAML form and Optuna's distribution.

greedy.steps: {int: [1, 8]}                                  both ends included
greedy.max_probes: {int: [1, batch_size]}                    an end may be another setting
greedy.min_improvement: {float: [0.001, 0.1], log: true}     or step: 0.01
layers: {choices: [[0], [0, 1]]}                             of the plan: a list of choices
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from greedy_core.typed_values import conform, shown
from spaces.document import nearest
from spaces.parameters import MAX_PLAN_CHOICES, PARAMETERS
from spaces.values import as_choice, from_choice, inert

KINDS = ("int", "float", "choices")
OPTIONS = ("log", "step")
MOST_VALUES = 1e9
"""Most values of a range that goes up in steps; Optuna cannot count finer steps."""
FORMS = "{int: [low, high]}, {float: [low, high]} or {choices: [...]}"


def is_definition(value: object) -> bool:
    """Whether a mapping defines a parameter, rather than holding several of them."""
    return isinstance(value, Mapping) and any(kind in value for kind in KINDS)


def read_definition(
    key: str, definition: object, resolve: Callable[[str], int]
) -> BaseDistribution:
    """The distribution that a definition of the searchable setting `key` describes.

    Args:
        key: Dotted key of a searchable setting.
        definition: `{int: [low, high]}`, `{float: [low, high]}` or `{choices: [...]}`.
        resolve: The number that another setting's name stands for, or ValueError.

    Raises:
        ValueError: It describes none; the message is worded to follow the setting's name.
    """
    if not isinstance(definition, Mapping):
        raise ValueError(
            f"must be {FORMS}, but got {shown(definition)} "
            "(to give it a single value, put it under `fixed`)"
        )
    for name in definition:
        if name not in KINDS + OPTIONS:
            raise ValueError(f"{shown(name)} is no option{nearest(str(name), KINDS + OPTIONS)}")
    kinds = [kind for kind in KINDS if kind in definition]
    if len(kinds) != 1:
        raise ValueError(f"must be one of {FORMS}, but got {' and '.join(kinds) or 'none of them'}")
    if kinds == ["choices"]:
        return _read_choices(key, definition)
    return _read_range(key, kinds[0], definition, resolve)


def write_definition(key: str, distribution: BaseDistribution) -> dict[str, Any]:
    """The YAML form of a distribution."""
    if isinstance(distribution, CategoricalDistribution):
        values = [
            from_choice(choice, PARAMETERS[key].annotation) for choice in distribution.choices
        ]
        return {"choices": [list(v) if isinstance(v, tuple) else v for v in values]}
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    kind = "int" if isinstance(distribution, IntDistribution) else "float"
    written: dict[str, Any] = {kind: [distribution.low, distribution.high]}
    if distribution.log:
        written["log"] = True
    if distribution.step not in ((None, 1) if kind == "int" else (None,)):
        written["step"] = distribution.step
    return written


def distribution_fault(key: str, distribution: BaseDistribution) -> str | None:
    """Why the setting `key` cannot be searched with this distribution, if it cannot."""
    parameter = PARAMETERS[key]
    few = (
        isinstance(distribution, CategoricalDistribution)
        and len(distribution.choices) <= MAX_PLAN_CHOICES
    )
    if parameter.plan and not few:
        return (
            f"must be {{choices: [...]}} of {MAX_PLAN_CHOICES} values at most: "
            "every value is prepared for on its own"
        )
    if isinstance(distribution, IntDistribution) and not parameter.is_int:
        return f"takes {parameter}, which {{int: ...}} does not describe"
    if isinstance(distribution, FloatDistribution) and not parameter.is_float:
        return f"takes {parameter}, which {{float: ...}} does not describe"
    try:
        for value in values_of(key, distribution):
            parameter.conform(value)
    except (ValueError, TypeError) as error:
        return str(error)
    return None


def values_of(key: str, distribution: BaseDistribution) -> tuple[Any, ...]:
    """All choices of a parameter, or the two ends of its range."""
    if isinstance(distribution, CategoricalDistribution):
        return tuple(from_choice(c, PARAMETERS[key].annotation) for c in distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return distribution.low, distribution.high


def _read_choices(key: str, definition: Mapping[str, object]) -> CategoricalDistribution:
    choices = definition["choices"]
    if not isinstance(choices, list | tuple) or not choices:
        raise ValueError(f"choices must be a list of at least 1 value, but got {shown(choices)}")
    if len(definition) > 1:
        raise ValueError("log and step describe a range, not choices")
    values = [as_choice(PARAMETERS[key].conform(choice)) for choice in choices]
    repeated = [value for i, value in enumerate(values) if value in values[:i]]
    if repeated:
        raise ValueError(f"choices must differ from each other, but got {shown(repeated[0])} twice")
    return CategoricalDistribution(values)


def _read_range(
    key: str, kind: str, definition: Mapping[str, Any], resolve: Callable[[str], int]
) -> IntDistribution | FloatDistribution:
    annotation = int if kind == "int" else float
    ends, log, step = definition[kind], definition.get("log", False), definition.get("step")
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        raise ValueError(f"{kind} must be [low, high], but got {shown(ends)}")
    low, high = (_end(end, annotation, resolve) for end in ends)
    if not isinstance(log, bool):
        raise ValueError(f"log must be true or false, but got {shown(log)}")
    try:
        step = conform(step, annotation | None)
    except ValueError as error:
        raise ValueError(f"step {error}") from None
    got = {"low": low, "high": high, "step": step}
    got |= {
        inert(end): value
        for end, value in zip(ends, (low, high), strict=True)
        if isinstance(end, str)
    }
    for holds, condition in (
        (low <= high, "`low <= high` must hold"),
        (step is None or step > 0, "`step > 0` must hold"),
        (
            not step or not step > 0 or (high - low) / MOST_VALUES <= step,
            f"`(high - low) / step <= {MOST_VALUES:g}` must hold",
        ),
        (not log or step is None, "`step` must be left out where log is true"),
        (not log or low > 0, "`low > 0` must hold where log is true"),
        # Optuna would lower `high`, with a warning that nobody sees.
        (not step or _reaches(low, high, step), "`high` must be `low` plus a multiple of `step`"),
    ):
        if not holds:
            values = ", ".join(f"{n}={v}" for n, v in got.items() if v is not None)
            raise ValueError(f"{condition}, but got ({values})")
    if kind == "int":
        return IntDistribution(low, high, log=log, step=1 if step is None else step)
    return FloatDistribution(low, high, log=log, step=step)


def _reaches(low: float, high: float, step: float) -> bool:
    return (Fraction(str(high)) - Fraction(str(low))) % Fraction(str(step)) == 0


def _end(end: object, annotation: Any, resolve: Callable[[str], int]) -> Any:
    try:
        return conform(end, annotation)
    except ValueError as error:
        if isinstance(end, str):
            return resolve(end)
        raise ValueError(f"low and high {error}") from None
