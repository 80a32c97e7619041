"""Every setting in words, as help texts and tables show it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from greedy_core.declarations import Declaration, texts
from greedy_core.ranges import NOT_EMPTY, Rising, Text, in_words
from search.config.settings import DECLARED, SweepConfig
from spaces.values import wanted

FAR = 1_000_000
"""Bounds of this size and above only guard against typing errors, and are not shown."""


@dataclass(frozen=True)
class Described:
    """One setting in words."""

    key: str
    """Its dotted key."""
    default: str
    """Its default, as YAML writes it."""
    values: str
    """Type and range."""
    text: str
    """What it means."""

    @property
    def group(self) -> str:
        """The part of the key before its last dot."""
        return self.key.rpartition(".")[0]


def described() -> Iterator[Described]:
    """All settings, in order of declaration."""
    said = texts(SweepConfig)
    for key, declared in DECLARED.items():
        default = json.dumps(declared.default)
        yield Described(key, default.strip('"'), _values(declared), _for_yaml(said[key]))


def _for_yaml(text: str) -> str:
    return text.replace("None", "null")


def _values(declared: Declaration) -> str:
    parts = [wanted(declared.annotation)]
    for condition in declared.ranges:
        if isinstance(condition, Rising):
            parts.append("rising")
        elif isinstance(condition, Text) and condition.form is not NOT_EMPTY:
            parts.append(condition.must.removeprefix("must be "))
        elif said := in_words(condition, below=FAR):
            parts.append(said)
    return ", ".join(parts)
