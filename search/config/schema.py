"""A JSON schema of configurations, by which an editor completes and checks them as they are typed.

It knows types, ranges and names. What several settings say together is left to `ratchet config`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

from greedy_core.declarations import Declaration, texts
from greedy_core.ranges import Rising, Text, ends_of, number
from search.config.settings import DECLARED, SweepConfig
from spaces.parameters import PARAMETERS

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
    root: dict[str, Any] = _group()
    root = {"$schema": DIALECT, "title": "A configuration of ratchet", **root}
    for key, declared in DECLARED.items():
        described = {"description": said[key], **_of(declared)}
        group, _, name = key.rpartition(".")
        owner = root["properties"].setdefault(group, _group()) if group else root
        owner["properties"][name] = described
        root["properties"].setdefault(key, described)
    root["properties"]["search"]["properties"]["space"] |= _space()
    return root


def _group() -> dict[str, Any]:
    return {"type": "object", "properties": {}, "additionalProperties": False}


def _of(declared: Declaration) -> dict[str, Any]:
    """Type, range and default of one setting."""
    kinds = _alternatives(declared.annotation)
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
    """What a space may name; `ratchet config` says whether it fits."""
    searched: dict[str, Any] = {key: {} for key in PARAMETERS}
    return {"properties": {"name": {}, "preset": {}, "fixed": {"type": "object"}, **searched}}


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
