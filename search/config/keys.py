"""Settings as dotted keys: nested frozen dataclasses on one side, a flat mapping on the other.

Everything is read off the dataclasses, so a new field is a new key.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from greedy_core.declarations import declarations, fields_of, is_group, prefix_below
from greedy_core.errors import SettingsError
from greedy_core.typed_values import conform, shown
from spaces.document import nearest

Settings = TypeVar("Settings")
Fault = tuple[str, str]
"""A dotted key or the prefix of a group, and what is wrong there."""

_NAME = re.compile(r"(?<![\w.])[a-z_]+(?:\.[a-z_]+)*(?![\w.])")
_NAME_OF_VALUE = re.compile(r"(?<=[( ])[a-z_]+(?:\.[a-z_]+)*(?==)")


def flat_values(settings: Any, prefix: str = "") -> dict[str, object]:
    """Every dotted key of a settings object and its value, in order of declaration."""
    values: dict[str, object] = {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value):
            values |= flat_values(value, prefix_below(prefix, field))
        else:
            values[f"{prefix}{field.name}"] = value
    return values


def conformed(
    values: Mapping[str, object], annotations: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Fault]]:
    """The values that are right in the types of their settings, and the faults of the others."""
    right: dict[str, Any] = {}
    faults: list[Fault] = []
    for key, value in values.items():
        if key not in annotations:
            faults.append((key, _unknown(key, annotations)))
            continue
        try:
            right[key] = conform(value, annotations[key])
        except ValueError as error:
            faults.append((key, f"{key} {error}"))
    return right, faults


def assemble(
    settings: type[Settings], values: Mapping[str, Any], prefix: str = ""
) -> tuple[Settings, list[Fault]]:
    """The settings with these values, and every condition that they break.

    A group that breaks a condition is replaced by its defaults, so that the others can still be
    judged; what its defaults then break is left out.
    """
    kind: Any = settings
    arguments: dict[str, Any] = {}
    faults: list[Fault] = []
    for field, annotation in fields_of(kind):
        key = f"{prefix}{field.name}"
        if is_group(annotation):
            below = prefix_below(prefix, field)
            arguments[field.name], faults_below = assemble(annotation, values, below)
            faults += faults_below
        elif key in values:
            arguments[field.name] = values[key]
    try:
        return settings(**arguments), faults
    except SettingsError as error:
        replaced = {below for below, _ in faults}
        known = declarations(settings, prefix)
        for text in error.faults:
            text, names = with_dotted_names(text, prefix, known)
            if not any(name.startswith(group) for name in names for group in replaced):
                faults.append((prefix, text))
        return settings(), faults


def with_dotted_names(text: str, prefix: str, names: Container[str]) -> tuple[str, tuple[str, ...]]:
    """A broken condition with its settings' dotted names, and those names.

    A group's own conditions know its fields only: "`steps >= 1` must hold, but got (steps=0)".
    """
    found: dict[str, None] = {}

    def dotted(match: re.Match[str]) -> str:
        for name in (f"{prefix}{match[0]}", match[0]):
            if name in names:
                found[name] = None
                return name
        return match[0]

    condition, got, values = text.partition(", but got ")
    text = _NAME.sub(dotted, condition) + got + _NAME_OF_VALUE.sub(dotted, values)
    return text, tuple(found)


def _unknown(key: str, names: Iterable[str]) -> str:
    below = [name for name in names if name.startswith(f"{key}.")]
    if below:
        return f"{shown(key)} is a group of settings, such as `{below[0]}`"
    return f"{shown(key)} is not a setting{nearest(key, names)}"
