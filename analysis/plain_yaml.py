"""YAML that a sweep wrote, read so that a file that it did not write can do no harm."""

from __future__ import annotations

from typing import Any

import yaml

MOST_CHARACTERS = 2**17
"""Longest text that is read, a second of work; a sweep.yaml has some thousand characters."""


class _PlainLoader(yaml.SafeLoader):
    """A SafeLoader without aliases, through which a small text becomes a large value."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


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
