"""Sets aside what is damaged, so that a sweep goes on with what is whole; nothing is made up."""

from __future__ import annotations

from collections.abc import Callable

from analysis.tables.confirm_schema import CONFIRM_TABLES
from search.results.commits import Commits, NewPart
from search.results.inspection import Inspection
from search.results.parts import ResultsFolder
from search.results.taking_back import without
from search.results.wholeness import walk_of

SET_ASIDE = "set-aside"
"""The folder that damaged files are moved into; each repair has a folder of its own in it."""


def repair(
    folder: ResultsFolder,
    found: Inspection,
    before_write: Callable[[], None],
    sweep: str | None = None,
) -> str | None:
    """Leave the sweep with the trials and walks that are whole, and with no part of others.

    Args:
        folder: the sweep's folder, locked by this driver.
        found: what is wrong with it.
        before_write: raises if this driver must not write.
        sweep: the text of sweep.yaml, if a hand has changed it as it may.

    Returns:
        The folder within it where the damaged files are; None if there were none.

    Raises:
        LockLost: another driver has taken over.
        StorageError: the disk or the store refuses.
    """
    place = None
    if found.damaged:
        before_write()
        place = f"{SET_ASIDE}/{found.commit.number + 1:09d}"
        folder.set_aside(found.damaged, place)
    commits = Commits(folder, before_write=before_write, sweep=sweep, found=found.commit)
    parts, replaced = _without_partial(commits, found)
    if replaced:
        commits.write(parts, replaced)
    return place


def _without_partial(
    commits: Commits, found: Inspection
) -> tuple[dict[str, NewPart], dict[str, tuple[str, ...]]]:
    """New parts without the rows of trials that are not whole, and the names of those that go."""
    head = commits.head
    partial = found.partial_trials
    name = commits.name()
    parts = {
        table: NewPart.of(name, without(found.tables[table], partial))
        for table in ("steps", "records", "trials")
        if partial and head.of(table)
    }
    replaced = {table: tuple(part.name for part in head.of(table)) for table in parts}
    for table in CONFIRM_TABLES:
        lost = tuple(p.name for p in head.of(table) if walk_of(p.name) not in found.walks)
        if lost:
            replaced[table] = lost
    return parts, replaced
