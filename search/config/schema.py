"""A JSON schema of configurations, by which an editor completes and checks them as they are typed.

It knows types, ranges and names. What several settings say together is left to `ratchet config`,
and so is 4.0 in the place of 4, which is a whole number to JSON schemas.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, NoneType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

from greedy_core.declarations import Declaration, texts
from greedy_core.ranges import Rising, Text, ends_of, number
from greedy_core.typed_values import alternatives
from search.config.settings import DECLARED, SweepConfig
from search.config.space_parts import BELOW, SPACE
from spaces.parameters import MAX_PLAN_CHOICES, PARAMETERS

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_BOUNDS = {
    Ge: "minimum",
    Gt: "exclusiveMinimum",
    Le: "maximum",
    Lt: "exclusiveMaximum",
}
_KINDS = {int: "integer", float: "number", str: "string", bool: "boolean", NoneType: "null"}


def schema() -> dict[str, Any]:
    """The schema of a configuration file, whose settings may be nested or have dotted keys."""
    said = texts(SweepConfig)
    root: dict[str, Any] = {"$schema": DIALECT, "title": "A configuration of ratchet", **_group()}
    root["type"] = "object"
    for key, declared in DECLARED.items():
        _put(root, key, {"description": said[key], **_of(declared)})
    root["properties"]["search"]["properties"]["space"] |= _space()
    root["properties"][SPACE] = root["properties"]["search"]["properties"]["space"]
    search = root["properties"]["search"]["properties"]
    for key, described in search["space"]["properties"].items():
        root["properties"][f"{BELOW}{key}"] = search[f"space.{key}"] = described
    return root


def _group() -> dict[str, Any]:
    """A group, which may be empty: all of its settings may be commented out."""
    return {"type": ["object", "null"], "properties": {}, "additionalProperties": False}


def _put(root: dict[str, Any], key: str, described: dict[str, Any]) -> None:
    """Describe a key, dotted as it is, and as a name in its group."""
    group, _, name = key.rpartition(".")
    owner = root["properties"].setdefault(group, _group()) if group else root
    owner["properties"][name] = described
    root["properties"].setdefault(key, described)


def _of(declared: Declaration) -> dict[str, Any]:
    """Type, range and default of one setting."""
    kinds = alternatives(declared.annotation)
    found: dict[str, Any] = {"type": sorted({_kind(each) for each in kinds})}
    for each in kinds:
        if get_origin(each) is Literal:
            found["enum"] = [*get_args(each)]
        if get_origin(each) is tuple:
            found |= _list(get_args(each))
    for condition in declared.ranges:
        found |= {_BOUNDS[type(end)]: number(end) for end in ends_of(condition)}
        if isinstance(condition, Rising):
            found |= {"minItems": 1, "uniqueItems": True}
            found["items"]["minimum"] = 0
        if isinstance(condition, Text):
            found |= {"minLength": 1} | _most(condition)
    default = declared.default
    return {**found, "default": [*default] if isinstance(default, tuple) else default}


def _most(condition: Text) -> dict[str, int]:
    return {} if condition.most is None else {"maxLength": condition.most}


def _kind(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return "string"
    if origin is tuple:
        return "array"
    return "object" if origin is Mapping else _KINDS[annotation]


def _list(arguments: tuple[Any, ...]) -> dict[str, Any]:
    of = {"items": {"type": _kind(arguments[0])}}
    length = len(arguments)
    return of if arguments[-1] is Ellipsis else {**of, "minItems": length, "maxItems": length}


def _space() -> dict[str, Any]:
    """What a space may say; `ratchet config` says whether it fits the other settings."""
    fixed, space = _group(), _group()
    for key in PARAMETERS:
        _put(fixed, key, _of(DECLARED[key]))
        _put(space, key, _searched(key))
    names = {"name": {"type": "string"}, "preset": {"type": "string"}, "fixed": fixed}
    return {**space, "type": ["object", "string"], "properties": {**space["properties"], **names}}


def _searched(key: str) -> dict[str, Any]:
    """How a setting may be searched; null leaves out what a preset searches."""
    parameter = PARAMETERS[key]
    most = {"maxItems": MAX_PLAN_CHOICES} if parameter.plan else {}
    forms = [_form("choices", {"type": "array", "minItems": 1, **most})]
    if not parameter.plan:
        for kind, number, has in (
            ("int", "integer", parameter.is_int),
            ("float", "number", parameter.is_float),
        ):
            ends = {"type": "array", "items": {"type": [number, "string"]}}
            options = {"log": {"type": "boolean"}, "step": {"type": [number, "null"]}}
            forms += [_form(kind, {**ends, "minItems": 2, "maxItems": 2}, options)] if has else []
    return {"anyOf": [*forms, {"type": "null"}]}


def _form(
    kind: str, described: dict[str, Any], options: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    properties = {kind: described, **options}
    return {
        "type": "object",
        "properties": properties,
        "required": [kind],
        "additionalProperties": False,
    }
