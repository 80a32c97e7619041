"""The walks of a confirmation, and what each comes to, whatever runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from greedy_core.settings import EditSettings


@dataclass(frozen=True)
class Walk:
    """A setting that is to be run on a sequence."""

    trial: int
    """The trial of the sweep that ran with the setting."""
    role: str
    """That trial's role."""
    sequence: int
    """Number of the sequence."""
    settings: EditSettings
    """What is run."""


@dataclass(frozen=True)
class WalkResult:
    """What a walk came to."""

    values: Mapping[str, Any]
    """Values by column of `confirm`, and other entries of a report."""
    records: tuple[Mapping[str, Any], ...]
    """Rows of `confirm_records`."""


@dataclass(frozen=True)
class WalkEnd:
    """How a walk ended, after all its attempts."""

    walk: Walk
    """The walk itself."""
    attempt: int
    """The last attempt, from 0."""
    started: datetime
    """When that attempt started."""
    seconds: float
    """How long that attempt took."""
    result: WalkResult | None
    """What it came to; None if it failed."""
    error: str | None
    """Why it failed, in one line."""
