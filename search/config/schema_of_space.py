"""What a JSON schema says of a search space: how each setting may be searched, and fixed."""

from __future__ import annotations

from typing import Any

from greedy_core.typed_values import LARGEST_INT, alternatives
from search.config.schema_of_value import bounds, of_setting
from search.config.settings import DECLARED
from spaces.parameters import MAX_PLAN_CHOICES, PARAMETERS
from spaces.presets import preset_names

PRESET = rf"^({'|'.join(preset_names())}|[\s\S]*\.ya?ml)$"
"""What names a space: a preset, or a file."""

_NUMBERS = tuple(key for key, each in DECLARED.items() if int in alternatives(each.annotation))
"""Settings that an end of a range may name."""


def fixed(key: str) -> dict[str, Any]:
    """The values that a setting may be fixed at."""
    return of_setting(DECLARED[key])


def searched(key: str) -> dict[str, Any]:
    """How a setting may be searched; null leaves out what a preset searches."""
    parameter = PARAMETERS[key]
    forms = [_choices(key, parameter.plan)]
    if parameter.is_int and not parameter.plan:
        forms.append(_range("int", "integer", key, {"maximum": LARGEST_INT}))
    if parameter.is_float and not parameter.plan:
        forms.append(_range("float", "number", key, {}))
    return {"anyOf": [*forms, {"type": "null"}]}


def _choices(key: str, plan: bool) -> dict[str, Any]:
    most = {"maxItems": MAX_PLAN_CHOICES} if plan else {}
    values = {"type": "array", "items": fixed(key), "minItems": 1, "uniqueItems": True, **most}
    return _form("choices", {"choices": values})


def _range(kind: str, number: str, key: str, widest: dict[str, Any]) -> dict[str, Any]:
    """A range from one end to the other, in steps or logarithmic, but not both."""
    own = {"type": number}
    for condition in PARAMETERS[key].ranges:
        own |= bounds(condition)
    end = {"anyOf": [own, {"enum": [name for name in _NUMBERS if name != key]}]}
    step = {"type": ["null", number], "exclusiveMinimum": 0, **widest}
    ends = {"type": "array", "items": end, "minItems": 2, "maxItems": 2}
    form = _form(kind, {kind: ends, "log": {"type": "boolean"}, "step": step})
    above_zero = {"prefixItems": [{"exclusiveMinimum": 0}]}
    return {
        **form,
        "if": {"properties": {"log": {"const": True}}, "required": ["log"]},
        "then": {"properties": {kind: above_zero, "step": {"type": "null"}}},
    }


def _form(kind: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [kind],
        "additionalProperties": False,
    }
