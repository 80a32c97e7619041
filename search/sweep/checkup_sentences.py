"""A look at a sweep's files in sentences: what stands, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from search.results.inspection import Inspection


def standing(found: Inspection) -> Iterator[str]:
    """How much is whole, and how much is known of it."""
    parts = sum(len(each) for each in found.commit.parts.values())
    known = "as they were written"
    if found.commit.rescued:
        known = "readable" if found.is_made_up else "as they were when digests were taken anew"
    partial = len(found.partial_trials)
    yield (
        f"{len(found.trials)} trials are whole"
        + (f", {partial} are not" if partial else "")
        + (f"; {len(found.walks)} confirmed walks are whole" if found.walks else "")
        + f"; {parts} parts are {known}"
    )
    if found.is_made_up:
        yield "their digests are lost, so only Parquet's own checks were made"
    elif found.commit.rescued:
        yield "digests had been lost: nobody knows whether the parts were changed before a repair"
    elif any(part.digest is None for each in found.commit.parts.values() for part in each):
        yield "written before there were digests, so only Parquet's own checks were made"
    if found.commit.unchecked:
        yield (
            f"of {len(found.commit.unchecked)} trials nobody knows whether the shared weights were "
            "still the same when they ended"
        )
    if found.commit.invalid is not None:
        yield found.commit.invalid


def next_steps(found: Inspection, address: str) -> Iterator[str]:
    """What runs again what a repair has left out."""
    if found.lost_trials or not found.lost_walks:
        line = shlex.join(["ratchet", "resume", address])
        yield f"repaired; to run again what is missing: {line}"
    if found.lost_walks:
        line = shlex.join(["ratchet", "confirm", address])
        yield f"repaired; to run again the walks that are missing: {line}"
