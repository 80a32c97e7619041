"""YAML that a sweep wrote, read so that a file that it did not write can do no harm."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

MOST_CHARACTERS = 2**17
"""Longest text that is read, a second of work; a sweep.yaml has some thousand characters."""

_PREFIX = "tag:yaml.org,2002:"
_PLAIN = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+",
    "float": r"([-+]?[0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
}

WRITTEN: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {
    None: [(f"{_PREFIX}{tag}", re.compile(rf"(?:{text})\Z")) for tag, text in _PLAIN.items()]
}
"""How a plain scalar in a sweep.yaml is read: as a number only if YAML 1.1 and 1.2 agree which one
it is. Both write numbers like that, while a folder called 0o14 or 1e3 is text to one of them."""


class _PlainLoader(yaml.SafeLoader):
    """A SafeLoader of plain values: no aliases, no tags, and keys that are text and differ."""

    yaml_implicit_resolvers = WRITTEN

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None) is not None:
            raise yaml.YAMLError("aliases and tags are not read")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [name.value for name, _ in node.value if isinstance(name, yaml.ScalarNode)]
        if len({*names}) < len(node.value):
            raise yaml.YAMLError("keys must be text, and differ")
        values = [self.construct_object(value, deep=True) for _, value in node.value]
        return dict(zip(names, values, strict=True))


def read_yaml(text: str) -> Any:
    """The value of a YAML text.

    Raises:
        ValueError: it is no YAML, has aliases or tags, is nested too deeply or too long.
    """
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"YAML may have {MOST_CHARACTERS} characters at most")
    try:
        return yaml.load(text, Loader=_PlainLoader)  # a SafeLoader: plain values only
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError("not YAML") from error
