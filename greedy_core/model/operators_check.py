"""Whether a model still calls the functions that it called: torch's, and those of its own code.

Other people's code in this process can replace a function for everybody without touching a weight,
as a library does to speed something up, or to count calls.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, ModuleType
from typing import Any

import torch
from torch import nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

_NAMESPACES = (torch.nn.functional, torch.linalg, torch.special)
"""Modules all of whose functions compute."""
_TABLES: dict[str, Mapping[str, Any]] = {
    "transformers' ALL_ATTENTION_FUNCTIONS": ALL_ATTENTION_FUNCTIONS,
}
"""Tables in which models look up what they call, each time."""


@dataclass(frozen=True)
class _Place:
    """Where a function was found."""

    owner: ModuleType | type
    """The module or class that has it."""
    name: str
    """Its name there."""
    function: Any
    """The function that was found."""

    def __str__(self) -> str:
        prefix = "" if isinstance(self.owner, ModuleType) else f"{self.owner.__module__}."
        return f"{prefix}{self.owner.__name__}.{self.name}"


class OperatorsCheck:
    """Compares functions with those of before: torch's at import, a model's when this was made.

    It takes a few milliseconds.

    Args:
        module: a model.
    """

    def __init__(self, module: nn.Module) -> None:
        self._places = [*_TORCHS, *_code_of(module)]

    def replaced(self) -> list[str]:
        """Names of the functions that were replaced, each with the module of the new one."""
        now = {owner: _attributes(owner) for owner in dict.fromkeys(p.owner for p in self._places)}
        found = [
            f"{place} ({_origin(now[place.owner].get(place.name))})"
            for place in self._places
            if now[place.owner].get(place.name) is not place.function
        ]
        for name, table in _TABLES.items():
            here = dict(table)
            found += [
                f"{name}[{key!r}] ({_origin(here.get(key))})"
                for key, function in _IN_TABLES[name].items()
                if here.get(key) is not function
            ]
        return found


def _torchs() -> Iterator[_Place]:
    """Torch's functions, and tensors' methods."""
    for place in _callables(torch):
        # Its other functions load, save, compile and seed.
        of = getattr(place.function, "__module__", None)
        if isinstance(place.function, BuiltinFunctionType) or of == "torch.functional":
            yield place
    for owner in (*_NAMESPACES, torch.Tensor):
        yield from _callables(owner)


def _code_of(module: nn.Module) -> Iterator[_Place]:
    """The methods of a model's classes, and the functions of the modules they are defined in."""
    kinds = dict.fromkeys(type(each) for each in module.modules())
    for kind in kinds:
        yield from _callables(kind)
    for name in dict.fromkeys(kind.__module__ for kind in kinds):
        if name in sys.modules:
            yield from _callables(sys.modules[name])


def _callables(owner: ModuleType | type) -> Iterator[_Place]:
    for name, value in _attributes(owner).items():
        if callable(value):
            yield _Place(owner, name, value)


def _attributes(owner: ModuleType | type) -> dict[str, Any]:
    """Attributes as they are stored there, those of base classes included."""
    if isinstance(owner, ModuleType):
        return vars(owner)
    return {name: value for kind in reversed(owner.__mro__) for name, value in vars(kind).items()}


def _origin(function: object) -> str:
    if function is None:
        return "now gone"
    return f"now of {getattr(function, '__module__', None) or type(function).__name__}"


_TORCHS = tuple(_torchs())
_IN_TABLES = {name: dict(table) for name, table in _TABLES.items()}
"""What was in the tables when this was imported."""
