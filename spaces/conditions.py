"""Combinations of searched, fixed and configured settings that cannot work, or cannot matter.

A condition asks which values a setting *can* take in some trial: those of its distribution if it is
searched, else the fixed value, else the configured one. It is broken if any choice of values breaks
it, because a search would then waste the trials that make that choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution

from greedy_core.declarations import Reader, Walk, declarations
from greedy_core.settings import EditSettings
from greedy_core.typed_values import shown
from spaces.definitions import values_of
from spaces.document import nearest

Fault = tuple[str, str]
"""The key at fault, and what is wrong with it."""

_WALK: Mapping[str, Walk] = {
    key: declared.role
    for key, declared in declarations(EditSettings).items()
    if isinstance(declared.role, Walk)
}
DECIDING = ("greedy.accept_by", "greedy.max_norm_ratio", "trust.enabled", "trust.action")
"""Settings whose values decide whether a walk reads others."""


def unread(settings: Mapping[str, object]) -> frozenset[str]:
    """The settings of the walk that a walk with these values does not read."""
    accept_by = settings["greedy.accept_by"]
    trust, limit = settings["trust.enabled"], settings["greedy.max_norm_ratio"]
    reading = {
        "probes": accept_by == "probes",
        "rejections": accept_by != "always" or limit is not None,
        "gate": bool(trust),
        "scaling gate": bool(trust) and settings["trust.action"] != "rollback",
    }
    return frozenset(
        key for key, walk in _WALK.items() if not reading.get(walk.read_by or "", True)
    )


def read_only_by(reader: Reader) -> tuple[str, ...]:
    """The settings that only this reader reads."""
    return tuple(key for key, walk in _WALK.items() if walk.read_by == reader)


@dataclass(frozen=True)
class Possibilities:
    """The values that each setting can take in some trial."""

    distributions: Mapping[str, BaseDistribution]
    """Searched settings."""
    fixed: Mapping[str, Any]
    """Settings that the space fixes."""
    config: Mapping[str, Any]
    """The resolved configuration, flat."""

    def of(self, key: str) -> tuple[Any, ...]:
        """All values of a setting; of a range, its two ends."""
        if key in self.distributions:
            return values_of(key, self.distributions[key])
        if key in self.fixed:
            return (self.fixed[key],)
        return (self.config.get(key),)

    def only(self, key: str, *values: object) -> bool:
        """Whether a setting can take none but these values."""
        return all(value in values for value in self.of(key))

    def smallest(self, key: str) -> int:
        """The smallest whole number that a setting can take; ValueError if it takes others."""
        values = self.of(key)
        if not all(type(value) is int for value in values):
            raise ValueError(
                f"{shown(key)} is not a setting with a whole number as its value"
                f"{nearest(key, self.config)}"
            )
        smallest: int = min(values)
        return smallest


def faults_of(possible: Possibilities) -> Iterator[Fault]:
    """Every broken condition."""
    yield from _batch_faults(possible)
    yield from _layer_faults(possible)
    yield from _trust_faults(possible)
    yield from _acceptance_faults(possible)


def _batch_faults(possible: Possibilities) -> Iterator[Fault]:
    sizes = [size for size in possible.of("batch_size") if size is not None]
    edits = possible.config.get("edits")
    in_space = possible.distributions.keys() | possible.fixed.keys()
    if "batch_size" in in_space and edits is not None and max(sizes) > edits:
        yield (
            "batch_size",
            f"`batch_size <= edits` must hold, but got (batch_size={max(sizes)}, edits={edits})",
        )
    if "batch_size" in possible.distributions and possible.only("search.scheduler", "asha"):
        yield (
            "batch_size",
            "cannot be searched where search.scheduler is asha: rungs are ends of batches, "
            "and would differ between trials",
        )
    probes = [number for number in possible.of("greedy.max_probes") if number is not None]
    if in_space & {"batch_size", "greedy.max_probes"} and sizes and probes:
        smallest, most = min(sizes), max(probes)
        if most > smallest:
            yield (
                "greedy.max_probes" if "greedy.max_probes" in in_space else "batch_size",
                "`greedy.max_probes <= batch_size` must hold, but got "
                f"(greedy.max_probes={most}, batch_size={smallest})",
            )


def _layer_faults(possible: Possibilities) -> Iterator[Fault]:
    in_space = possible.distributions.keys() | possible.fixed.keys()
    if not in_space & {"layers", "greedy.layers"}:
        return
    for layers in possible.of("layers"):
        for greedy_layers in possible.of("greedy.layers"):
            if layers and greedy_layers and not set(greedy_layers) <= set(layers):
                yield (
                    "greedy.layers" if "greedy.layers" in in_space else "layers",
                    "greedy.layers must be among layers, but got "
                    f"(greedy.layers={shown(greedy_layers)}, layers={shown(layers)})",
                )


def _trust_faults(possible: Possibilities) -> Iterator[Fault]:
    searched = [key for key in possible.distributions if key.startswith("trust.")]
    if True not in possible.of("trust.enabled"):
        for key in searched:
            if key != "trust.enabled":
                yield key, "has no effect: trust.enabled can never be true; set, fix or search it"
    elif "trust.scale" in searched and possible.only("trust.action", "rollback"):
        yield "trust.scale", "has no effect: trust.action can only be rollback"


def _acceptance_faults(possible: Possibilities) -> Iterator[Fault]:
    accept_by, enabled = possible.of("greedy.accept_by"), possible.of("trust.enabled")
    in_space = possible.distributions.keys() | possible.fixed.keys()
    if in_space & {"greedy.accept_by", "trust.enabled"}:
        at = "greedy.accept_by" if "greedy.accept_by" in in_space else "trust.enabled"
        if "distance" in accept_by and False in enabled:
            yield at, "accept_by distance needs the trust gate, but trust.enabled can be false"
        if "always" in accept_by and True in enabled:
            yield at, "accept_by always takes every step, but trust.enabled can be true"
    how = " or ".join(map(str, accept_by))
    if possible.only("greedy.accept_by", "always", "distance"):
        for key in read_only_by("probes"):
            if key in possible.distributions:
                yield key, f"has no effect: greedy.accept_by can only be {how}, which asks no probe"
    if possible.only("greedy.accept_by", "always") and possible.only("greedy.max_norm_ratio", None):
        for key in read_only_by("rejections"):
            if key in possible.distributions:
                yield (
                    key,
                    "has no effect: greedy.accept_by can only be always, which rejects nothing",
                )
