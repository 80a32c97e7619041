"""A JSON schema of configurations, by which an editor completes and checks them as they are typed.

It takes whatever the reader takes, and refuses what JSON schemas can tell. What several settings
say together is left to `ratchet config`; `tests/search/test_schema.py` lists all that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from search.config.described import described
from search.config.places import PLACES
from search.config.schema_of_space import PRESET, fixed, searched
from search.config.schema_of_value import PLACE, STORE, of_setting
from search.config.settings import DECLARED
from search.config.space_parts import SPACE
from spaces.parameters import PARAMETERS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FIXED = f"{SPACE}.fixed"


def schema() -> dict[str, Any]:
    """The schema of a configuration file, whose settings may be nested or have dotted keys."""
    parts = dict(_parts())
    return {
        "$schema": DIALECT,
        "title": "A configuration of ratchet",
        "type": "object",
        **_names("", parts),
        "$defs": {
            key: {**each, **_names(key, parts)} if each.get("type") in _GROUPS else each
            for key, each in parts.items()
        },
    }


_OPTIONAL = ["object", "null"]
"""A group may be empty: all of its settings may be commented out."""
_SPACE = ["object", "string"]
_GROUPS = ("object", _OPTIONAL, _SPACE)


def _parts() -> Iterator[tuple[str, dict[str, Any]]]:
    """Dotted key of each setting, group and part of a space, and what it may be."""
    said = {each.key: each.text for each in described()}
    for key, declared in DECLARED.items():
        yield from _groups_above(key, "", _OPTIONAL)
        found = {"description": said[key], **of_setting(declared)}
        default = declared.default
        found["default"] = [*default] if isinstance(default, tuple) else default
        if key in PLACES:
            found |= {"minLength": 1, "pattern": STORE if key == "cache.dir" else PLACE}
        yield key, {**found, "type": _SPACE, "pattern": PRESET} if key == SPACE else found
    yield f"{SPACE}.preset", {"type": ["null", "string"], "pattern": PRESET}
    yield f"{SPACE}.name", {"type": ["null", "string"], "minLength": 1}
    yield FIXED, {"type": _OPTIONAL}
    for key in PARAMETERS:
        for above, each in ((SPACE, searched(key)), (FIXED, fixed(key))):
            yield from _groups_above(f"{above}.{key}", f"{above}.", "object")
            yield f"{above}.{key}", each


def _groups_above(key: str, prefix: str, kind: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The group of a key; one within a space cannot be empty."""
    group, _, _ = key.removeprefix(prefix).rpartition(".")
    if group:
        yield f"{prefix}{group}", {"type": kind} | ({"minProperties": 1} if prefix else {})


def _names(group: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    """The names that a group may hold: of what is in it, and dotted ones of what is below that."""
    prefix = f"{group}." if group else ""
    below = [key for key in parts if key.startswith(prefix)]
    properties = {key.removeprefix(prefix): {"$ref": f"#/$defs/{key}"} for key in below}
    return {"properties": properties, "additionalProperties": False}
