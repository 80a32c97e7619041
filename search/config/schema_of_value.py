"""What a JSON schema says of one setting's value: type, range and form."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

from greedy_core.declarations import Declaration
from greedy_core.ranges import NOT_EMPTY, Range, Rising, Text, Weights, ZeroOr, ends_of, number
from greedy_core.typed_values import LARGEST_INT, alternatives

PLACE = r"^(?![ \t]*[A-Za-z][A-Za-z0-9+.-]*:/)"
"""A path on this machine: anything but an address."""
STORE = rf"^s3://|{PLACE}"
"""The same, or the address of an object store."""

_BOUNDS = {
    Ge: "minimum",
    Gt: "exclusiveMinimum",
    Le: "maximum",
    Lt: "exclusiveMaximum",
}
_KINDS = {int: "integer", float: "number", str: "string", bool: "boolean", NoneType: "null"}


def of_setting(declared: Declaration) -> dict[str, Any]:
    """The values that a setting takes."""
    kinds = alternatives(declared.annotation)
    found: dict[str, Any] = {"type": sorted({_kind(each) for each in kinds})}
    for each in kinds:
        if get_origin(each) is Literal:
            found["enum"] = [*get_args(each), *([None] if NoneType in kinds else [])]
        if get_origin(each) is tuple:
            found |= _list(get_args(each))
    for condition in declared.ranges:
        _narrow(found, condition)
    return found


def bounds(condition: Range) -> dict[str, Any]:
    """The numbers that a condition admits."""
    return {_BOUNDS[type(end)]: number(end) for end in ends_of(condition)}


def _narrow(found: dict[str, Any], condition: Range) -> None:
    """Add a condition to the schema of a value."""
    if isinstance(condition, Rising):
        found |= {"minItems": 1, "uniqueItems": True}
        found["items"] |= {"minimum": 0, "maximum": LARGEST_INT}
    elif isinstance(condition, Weights):
        found["items"] |= {"minimum": 0, "maximum": condition.most}
        found["contains"] = {"exclusiveMinimum": 0}
    elif isinstance(condition, ZeroOr):
        found["anyOf"] = [{"const": 0}, bounds(condition.bounds)]
    elif isinstance(condition, Text):
        found |= _text(condition)
    else:
        found |= bounds(condition)


def _text(condition: Text) -> dict[str, Any]:
    most = {} if condition.most is None else {"maxLength": condition.most}
    if condition.form is NOT_EMPTY:
        return {"minLength": 1, **most}
    return {"pattern": f"^({condition.outline or condition.form.pattern})$", **most}


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
