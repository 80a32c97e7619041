"""Every setting in words, as help texts and tables show it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from greedy_core.declarations import Declaration, texts
from greedy_core.ranges import NOT_EMPTY, Text, in_words
from greedy_core.typed_values import wanted
from search.config.settings import DECLARED, SweepConfig


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
    said = [in_words(each) for each in declared.ranges]
    forms = any(isinstance(each, Text) and each.form is not NOT_EMPTY for each in declared.ranges)
    return (": " if forms else ", ").join([wanted(declared.annotation), *said])
