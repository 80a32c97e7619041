"""What a person may change by hand in the sweep.yaml of a sweep that has begun."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from greedy_core.declarations import Sweep
from greedy_core.errors import InputError
from greedy_core.typed_values import shown
from search.config.settings import DECLARED, SweepConfig
from search.config.space_parts import SPACE
from spaces.differences import differences

logger = logging.getLogger(__name__)


def accept_edits(was: SweepConfig, now: SweepConfig) -> None:
    """Report what was changed, and refuse what must not be.

    Args:
        was: the configuration that the sweep has written.
        now: the one that is in the file.

    Raises:
        InputError: a line for each setting that may not be changed there.
    """
    before, after = was.flat(), now.flat()
    changed = [key for key in before if before[key] != after[key]]
    refused = [
        key for key in changed if not is_free(key) and not _is_raised(key, before[key], after[key])
    ]
    if refused:
        faults = [line for key in refused for line in _refused(key, before[key], after[key])]
        raise InputError([*faults, _way_out(refused)])
    for key in changed:
        text = f"{key} was {shown(before[key])}, is {shown(after[key])}"
        logger.warning("sweep.yaml was changed by hand: %s", text)


def is_free(key: str) -> bool:
    """Whether a setting may have any value when a sweep goes on."""
    return DECLARED[key].role == Sweep("by hand")


def _way_out(refused: Sequence[str]) -> str:
    """What to do about settings that may not be changed by hand."""
    if all(DECLARED[key].role == Sweep("in an extension") for key in refused):
        return "to search on with other settings: ratchet extend"
    return "to go on, put back what was; other settings need a new sweep: ratchet run"


def _is_raised(key: str, was: object, now: object) -> bool:
    raised = DECLARED[key].role == Sweep("by raising it")
    return raised and isinstance(was, int) and isinstance(now, int) and now > was


def _refused(key: str, was: object, now: object) -> list[str]:
    """A line for a setting, and for a space a line for each setting of it that differs."""
    if key == SPACE:
        found = [(f"{SPACE}.{part}", *values) for part, *values in differences(was, now)]
    else:
        found = [(key, shown(was), shown(now))]
    return [
        f"{name} in sweep.yaml must be what the sweep started with: was {before}, is {after}"
        for name, before, after in found
    ]
