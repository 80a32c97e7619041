"""Settings that sweeps of earlier versions do not name, with the values that they ran with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LATER: Mapping[str, object] = {
    "conflicts": "keep",
    "search.sequences": 1,
    "verdict.margin": 0.01,
}
"""What version 0.1.0 did not know; none of these may be None."""


def with_later(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted key; None, which an earlier version left in their place, is filled in."""
    filled = {key: each for key, each in LATER.items() if values.get(key, each) is None}
    return {**values, **filled} if filled else dict(values)
