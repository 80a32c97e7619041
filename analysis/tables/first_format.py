"""Which files of a sweep count that was written before there were commits (schema version 1).

A flush wrote parts of several tables under one flush id, that of `trials` last, so a part of
`steps` or `records` counts only if `trials` has a part of the same flush id. `proposals` need no
such mark.

A compaction merged many parts into one per table. Once its journal exists, the old parts that it
names no longer count and the new ones do, wherever renaming and deleting have got to. A journal
none of whose new parts exists while all the old ones do was written by a driver whose work another
one had taken over: it is void.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from analysis.errors import ResultsError
from analysis.tables.commits import Commit, Part, is_part
from analysis.tables.confirm_schema import CONFIRM_TABLES
from analysis.tables.folder import SweepFolder
from analysis.tables.schema import TABLES

JOURNAL = ".compaction.json"

_PART = re.compile(r"part-(\d{6}-[0-9a-f]{8})\.parquet")
_IGNORED = (".", "_")  # the first characters of names that Parquet readers skip


def flush_id(name: str) -> str | None:
    """Flush id of a part; None if that is no part's name."""
    match = _PART.fullmatch(name)
    return match[1] if match else None


@dataclass(frozen=True)
class Compaction:
    """A compaction that was decided: the parts that go, and the one in each table that comes."""

    new: str
    """Name of the new parts; hidden until they are renamed."""
    old: Mapping[str, tuple[str, ...]]
    """Names of the parts that go, by table."""

    @classmethod
    def parse(cls, text: str) -> Compaction:
        """What a journal says; a ValueError if no sweep could have written it."""
        journal = json.loads(text)
        if not isinstance(journal, dict) or not isinstance(journal.get("old"), dict):
            raise ValueError("not a journal of a compaction")
        new, old = journal.get("new"), {t: tuple(names) for t, names in journal["old"].items()}
        names = [new, *(name for each in old.values() for name in each)]
        if set(old) != set(TABLES) or any(flush_id(str(name)) is None for name in names):
            raise ValueError("not a journal of a compaction")
        return cls(str(new), old)


def first_format(folder: SweepFolder) -> Commit:
    """How a sweep stands, as if somebody had committed it; what does not count is `replaced`.

    Raises:
        ResultsError: files that are no parts, a journal that is no journal, missing parts.
    """
    journal = _journal(folder)
    # Trials first: a part that is listed there had its steps and records before it.
    found = {table: folder.entries(table) for table in reversed(TABLES)}
    _require_parts(folder, found)
    parts = {table: [name for name in found[table] if flush_id(name)] for table in TABLES}
    if journal is not None and not _is_void(journal, found):
        parts = {table: _compacted(folder, table, found[table], journal) for table in TABLES}
    marks = set(parts["trials"])
    counting = {
        table: [name for name in parts[table] if table == "proposals" or name in marks]
        for table in TABLES
    }
    found |= {table: _walks(folder, table) for table in CONFIRM_TABLES}
    committed = [name for name in found["confirm_records"] if name in found["confirm"]]
    walks = {"confirm_records": committed, "confirm": found["confirm"]}
    counted = {**counting, **walks}
    return Commit(
        number=0,
        term=0,
        driver="",
        token="",
        parts={
            table: tuple(Part(name, digest=None, rows=None) for name in names)
            for table, names in counted.items()
        },
        replaced={
            table: tuple(n for n in found[table] if is_part(n) and n not in counted[table])
            for table in found
        },
    )


def steady_first_format(folder: SweepFolder) -> Commit:
    """`first_format` of a folder that may be written to, read until two looks agree."""
    before = first_format(folder)
    for _ in range(20):
        after = first_format(folder)
        if after == before:
            return after
        before = after
    raise ResultsError(f"{folder.address}: keeps changing while it is read")


def _require_parts(folder: SweepFolder, found: Mapping[str, list[str]]) -> None:
    faults = [
        f"{folder.path(table, name)}: not a part of a sweep"
        for table, names in found.items()
        for name in names
        if flush_id(name) is None and not name.startswith(_IGNORED)
    ]
    if faults:
        raise ResultsError(faults)


def _is_void(journal: Compaction, found: Mapping[str, list[str]]) -> bool:
    came = [any(name in found[t] for name in _names(journal)) for t in TABLES]
    all_old = all({*journal.old[table]} <= {*found[table]} for table in TABLES)
    others = any(flush_id(name) for names in found.values() for name in names)
    return not all(came) and (all_old or (others and not any(came)))


def _compacted(folder: SweepFolder, table: str, names: list[str], journal: Compaction) -> list[str]:
    if not any(name in names for name in _names(journal)):
        raise ResultsError(f"{folder.path(table, journal.new)}: missing after a compaction")
    kept = {name for name in names if flush_id(name)} - {*journal.old[table]}
    return sorted(kept | {journal.new})


def _names(journal: Compaction) -> tuple[str, str]:
    return journal.new, f".{journal.new}"


def _walks(folder: SweepFolder, table: str) -> list[str]:
    names = [name for name in folder.entries(table) if not name.startswith(_IGNORED)]
    faults = [
        f"{folder.path(table, name)}: not a part of a confirmation"
        for name in names
        if not is_part(name) or not name.startswith("walk-")
    ]
    if faults:
        raise ResultsError(faults)
    return names


def _journal(folder: SweepFolder) -> Compaction | None:
    text = folder.text(JOURNAL)
    try:
        return None if text is None else Compaction.parse(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise ResultsError(f"{folder.path(JOURNAL)}: not a journal of a compaction") from error
