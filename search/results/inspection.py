"""Every file of a sweep looked at: what is damaged, and what is whole all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from analysis.errors import ResultsError
from analysis.tables.commits import (
    MOST_BYTES,
    Commit,
    Part,
    commit_name,
    commit_numbers,
    digest_of,
    newest_sound,
)
from analysis.tables.committed import committed
from analysis.tables.confirm_schema import CONFIRM_TABLES
from analysis.tables.first_format import first_format
from analysis.tables.folder import COMMITS, CONFIG, SweepFolder, way_out
from analysis.tables.joined import read_table
from analysis.tables.parts import open_part
from analysis.tables.schema import TABLES
from search.results.takeover import EVERY_TABLE, strange
from search.results.wholeness import Walk, walk_of, whole_trials, whole_walks


@dataclass(frozen=True)
class Inspection:
    """What was found in a sweep's folder."""

    commit: Commit
    """What counts, of the sound parts alone."""
    is_made_up: bool
    """Whether the commit was lost, and this one is made of the parts that lie there."""
    tables: Mapping[str, pa.Table]
    """The rows of the sound parts, by table."""
    faults: tuple[str, ...]
    """A line for everything that is not as the sweep has written it."""
    damaged: tuple[str, ...]
    """Damaged files, and strange ones, by their names in the folder."""
    trials: frozenset[int]
    """Trials that are whole."""
    walks: frozenset[Walk]
    """Walks of the confirmation that are whole."""
    incomplete: frozenset[str]
    """Tables of which a part is damaged or missing."""

    @property
    def lost_walks(self) -> bool:
        """Whether a part of the confirmation is lost, or a walk that is not whole is left."""
        parts = (part for table in CONFIRM_TABLES for part in self.commit.of(table))
        return bool({*CONFIRM_TABLES} & self.incomplete) or any(
            walk_of(part.name) not in self.walks for part in parts
        )

    @property
    def lost_trials(self) -> bool:
        """Whether a part of another table is lost, or was never committed."""
        return self.is_made_up or bool({*TABLES} & self.incomplete or self.partial_trials)

    @property
    def partial_trials(self) -> set[int]:
        """Trials of which something is sound, and something is not."""
        tables = [rows["trial"] for name, rows in self.tables.items() if name in _OF_TRIALS]
        return {n for column in tables for n in column.to_pylist()} - self.trials


_OF_TRIALS = ("trials", "steps", "records")


def misplaced(folder: SweepFolder) -> tuple[str, ...]:
    """Names of the folders of a sweep in whose place something else lies, such as a file or a pipe.

    Raises:
        SweepNotFound: the sweep's folder is not a folder.
        StorageError: it cannot be listed.
    """
    present = folder.entries()
    others = folder.no_folders()
    return tuple(each for each in (COMMITS, *EVERY_TABLE) if each in present and each in others)


def inspect(folder: SweepFolder) -> Inspection:
    """Look at every file that counts; nothing is changed.

    Raises:
        SweepNotFound: there is no sweep.
        ResultsError: files of a sweep without a commit that are no parts.
        StorageError: the folder cannot be read.
    """
    folder.require()
    commit, faults, damaged = _commit(folder)
    made_up = bool(faults) and not commit.token
    faults += _copies(folder)
    tables: dict[str, pa.Table] = {}
    sound: dict[str, tuple[Part, ...]] = {}
    for table in EVERY_TABLE:
        sound[table], rows, wrong, names = _sound(folder, commit, table)
        faults, damaged = faults + wrong, damaged + names
        if rows is not None:
            tables[table] = rows
    for table in EVERY_TABLE:  # hidden ones, which a driver would fail to remove
        for name in folder.no_files(table):
            if name.startswith("."):
                faults.append(f"{folder.path(table, name)}: must be a file")
                damaged.append(f"{table}/{name}")
    for table, name in strange(folder, commit):
        faults.append(f"{folder.path(table, name)}: not a part of this sweep")
        damaged.append(f"{table}/{name}")
    wrong, names = _file(folder, commit)
    complete = {table: len(sound[table]) == len(commit.of(table)) for table in EVERY_TABLE}
    trials = frozenset(whole_trials(tables, complete))
    # Only the commit could say after which of them the weights were checked.
    unchecked = tuple(sorted(trials)) if made_up else commit.unchecked
    return Inspection(
        commit=replace(commit, parts=sound, unchecked=unchecked, rescued=made_up or commit.rescued),
        is_made_up=made_up,
        tables=tables,
        faults=(*faults, *wrong),
        damaged=(*damaged, *names),
        trials=trials,
        walks=frozenset(whole_walks(tables, complete)),
        incomplete=frozenset(table for table in EVERY_TABLE if not complete[table]),
    )


def _commit(folder: SweepFolder) -> tuple[Commit, list[str], list[str]]:
    """The newest commit, or one made of what lies there; what is wrong, and which files are."""
    others = [f"{COMMITS}/{name}" for name in folder.no_files(COMMITS)]
    faults = [
        f"{folder.path(name)}: must be a file, not a folder, pipe or device" for name in others
    ]
    if others and (sound := newest_sound(folder)) is not None:
        return sound, faults, others
    try:
        return committed(folder), faults, others
    except ResultsError as error:
        faults = faults or _without_way_out(error, folder)
    numbers = commit_numbers(folder)
    found = first_format(folder)
    uncommitted = [f"{table}/{name}" for table, names in found.replaced.items() for name in names]
    number = max(numbers, default=0)
    lost = dict.fromkeys([*others, *(f"{COMMITS}/{commit_name(n)}" for n in numbers)])
    commit = replace(found, number=number, replaced={}, sweep=_shown(folder))
    return commit, faults, [*lost, *uncommitted]


def _shown(folder: SweepFolder) -> str | None:
    """The text of sweep.yaml; None where there is none to be had."""
    try:
        return folder.text(CONFIG)
    except ResultsError:
        return None


def _copies(folder: SweepFolder) -> list[str]:
    """Whether one of the newest commit's two copies is damaged."""
    others = folder.no_files(COMMITS)
    numbers = [n for n in commit_numbers(folder) if commit_name(n) not in others]
    for number in numbers[:1]:
        content = folder.content(COMMITS, commit_name(number), most=MOST_BYTES)
        found = Commit.parse(content)
        if found is not None and found.to_bytes() != content:
            path = folder.path(COMMITS, commit_name(number))
            return [f"{path}: one of its two copies is damaged; the other one is used"]
    return []


def _sound(
    folder: SweepFolder, commit: Commit, table: str
) -> tuple[tuple[Part, ...], pa.Table | None, list[str], list[str]]:
    """A table's sound parts and their rows; what is wrong, and which files are."""
    faults: list[str] = []
    damaged: list[str] = []
    sound: list[Part] = []
    for part in commit.of(table):
        try:
            with open_part(folder, table, part) as file:
                file.read()
            sound.append(part)
        except FileNotFoundError:
            faults.append(f"{folder.path(table, part.name)}: missing")
        except ResultsError as error:
            faults += _without_way_out(error, folder)
            damaged.append(f"{table}/{part.name}")
    try:
        return tuple(sound), read_table(folder, table, sound), faults, damaged
    except ResultsError as error:  # parts that contradict each other
        names = [f"{table}/{part.name}" for part in sound]
        return (), None, faults + _without_way_out(error, folder), damaged + names


def _file(folder: SweepFolder, commit: Commit) -> tuple[list[str], list[str]]:
    """Whether sweep.yaml shows what was committed."""
    if commit.sweep is None:
        return [], []
    path = folder.path(CONFIG)
    try:
        text = folder.text(CONFIG)
    except ResultsError as error:
        return list(error.faults), [CONFIG]
    if text is None:
        return [f"{path}: missing"], []
    if text == commit.sweep or digest_of(text.encode()) in commit.earlier:
        return [], []
    was, now = commit.sweep.splitlines(), text.splitlines()
    lines = [n for n, (a, b) in enumerate(zip(was, now, strict=False), 1) if a != b]
    where = f"line {lines[0]}" if lines else "its end"
    return [f"{path}: not what the sweep has written, from {where} on"], [CONFIG]


def _without_way_out(error: ResultsError, folder: SweepFolder) -> list[str]:
    return [fault for fault in error.faults if fault != way_out(folder.address)]
