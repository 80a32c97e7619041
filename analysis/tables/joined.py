"""Parts read and joined under one schema.

A dataset reader takes the schema of the first file and drops what later files have more; here the
schemas of all parts are united first, so that a column never vanishes.

pyarrow imports pandas to compare a column with a value, and to make one of a list: neither is done
here, so that a command that only looks does without.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from analysis.errors import ResultsError
from analysis.tables.commits import Commit, Part
from analysis.tables.config_columns import holds_lists, list_cell
from analysis.tables.folder import SweepFolder, way_out
from analysis.tables.parts import open_part, strangers
from analysis.tables.schema import ADDED, EARLIER, TABLES, no_rows

BASELINES = ("baseline_full", "baseline_default", "baseline_literal")
ROLES = (*BASELINES, "search")
STATUSES = ("completed", "pruned", "failed")
ONE_ROW_PER_TRIAL = ("proposals", "trials")
ROWS_OF_TRIAL = {"steps": "step_rows", "records": "record_rows"}
"""The columns of `trials` that say how many rows a trial has elsewhere."""


def part_schemas(
    folder: SweepFolder,
    commit: Commit,
    sweep_id: str | None = None,
    tables: Sequence[str] = TABLES,
) -> dict[str, list[pa.Schema]]:
    """Schemas of a sweep's parts by table; every part is verified.

    Args:
        folder: the sweep's folder.
        commit: what counts in it.
        sweep_id: the sweep that the parts must belong to; None: all to the same.
        tables: which tables.

    Raises:
        ResultsError: damaged, missing, foreign or future parts, all of them named.
    """
    faults: list[str] = []
    schemas: dict[str, dict[str, pa.Schema]] = {table: {} for table in tables}
    for table in tables:
        for part in commit.of(table):
            path = folder.path(table, part.name)
            try:
                with open_part(folder, table, part) as file:
                    schemas[table][path] = file.schema_arrow
            except ResultsError as error:
                faults.extend(error.faults)
            except FileNotFoundError:
                faults += [f"{path}: missing", way_out(folder.address)]
    everywhere = {path: each for by_path in schemas.values() for path, each in by_path.items()}
    if faults := [*dict.fromkeys(faults)] or strangers(everywhere, sweep_id):
        raise ResultsError(faults)
    return {table: list(by_path.values()) for table, by_path in schemas.items()}


def read_table(
    folder: SweepFolder, table: str, parts: Sequence[Part], verify: bool = True
) -> pa.Table | None:
    """All rows of these parts under their united schema; None if there are no parts.

    Args:
        folder: the sweep's folder.
        table: the table's name.
        parts: what counts of it.
        verify: compare each part with the digest that was committed, once per process.

    Raises:
        ResultsError: damaged, foreign or future parts, or a trial with two rows instead of one.
        FileNotFoundError: a part went away meanwhile; look at the newest commit.
    """
    faults: list[str] = []
    tables: dict[str, pa.Table] = {}
    for part in parts:
        path = folder.path(table, part.name)
        try:
            with open_part(folder, table, part, verify) as file:
                tables[path] = _with_later_columns(file.read(), table)
        except ResultsError as error:
            faults.extend(error.faults)
    if faults := [*dict.fromkeys(faults)] or strangers(
        {path: each.schema for path, each in tables.items()}
    ):
        raise ResultsError(faults)
    if not tables:
        return None
    schema = united([each.schema for each in tables.values()], folder.path(table))
    rows = under(schema, tables.values())
    _check_complete(folder.path(table), rows)
    _check_values(folder.path(table), rows)
    if table in ONE_ROW_PER_TRIAL:
        _check_single(folder.path(table), rows)
    return rows


def _with_later_columns(rows: pa.Table, table: str) -> pa.Table:
    """A part's rows with the columns that its version did not have and that need a value."""
    for column in ADDED.get(table, {}):
        if column in EARLIER and column not in rows.column_names:
            values = pa.py_buffer(array("q", [EARLIER[column]]) * len(rows))
            whole = pa.Array.from_buffers(pa.int64(), len(rows), [None, values])
            # After the trial's number, as later versions have it.
            rows = rows.add_column(1, pa.field(column, pa.int64(), nullable=False), whole)
    return rows


def check_counts(folder: SweepFolder, tables: Mapping[str, pa.Table]) -> None:
    """Compare the rows of each trial in `steps` and `records` with what its own row says.

    Args:
        folder: the sweep's folder.
        tables: those that have been read.

    Raises:
        ResultsError: a trial has more of them or fewer; both tables are named.
    """
    for table, column in ROWS_OF_TRIAL.items():
        if not {table, "trials"} <= tables.keys() or column not in tables["trials"].column_names:
            continue
        told = dict(
            zip(*(tables["trials"][name].to_pylist() for name in ("trial", column)), strict=True)
        )
        counts = pc.value_counts(tables[table]["trial"])
        found = dict(zip(*(each.to_pylist() for each in counts.flatten()), strict=True))
        wrong = [n for n, count in told.items() if count is not None and found.get(n, 0) != count]
        wrong += [n for n in found if n not in told]
        if wrong:
            numbers = ", ".join(map(str, sorted(wrong)[:5]))
            fault = f"not the rows that {folder.path('trials')} tells of, for trial {numbers}"
            raise ResultsError([f"{folder.path(table)}: {fault}", way_out(folder.address)])


def united(schemas: Sequence[pa.Schema], where: str) -> pa.Schema:
    """One schema with the columns of all, and the metadata of the first."""
    try:
        return pa.unify_schemas(list(schemas), promote_options="permissive")
    except pa.ArrowException as error:
        raise ResultsError(f"{where}: parts contradict each other: {error}") from error


def under(schema: pa.Schema, tables: Iterable[pa.Table]) -> pa.Table:
    """The rows of all tables; columns that one does not have are null."""
    return pa.concat_tables([no_rows(schema), *tables], promote_options="permissive")


def _check_complete(where: str, rows: pa.Table) -> None:
    faults = [
        f"{where}: rows without a value in column {field.name}"
        for field, column in zip(rows.schema, rows.columns, strict=True)
        if not field.nullable and column.null_count
    ]
    if faults:
        raise ResultsError(faults)


def _check_values(where: str, rows: pa.Table) -> None:
    """Trials are numbered from 0; roles and statuses are known, and lists are lists."""
    wrong = [
        name
        for name, allowed in (("role", ROLES), ("status", STATUSES))
        if name in rows.schema.names and not {*rows[name].unique().to_pylist()} <= {*allowed}
    ]
    if (pc.min(rows["trial"]).as_py() or 0) < 0:
        wrong.append("trial")
    wrong += [field.name for field in rows.schema if holds_lists(field) and not _lists(rows, field)]
    if wrong:
        raise ResultsError(
            [f"{where}: column {name} has values that no sweep writes" for name in wrong]
        )


def _lists(rows: pa.Table, field: pa.Field) -> bool:
    if not pa.types.is_string(field.type):
        return False
    try:
        for text in rows[field.name].unique().drop_null().to_pylist():
            list_cell(text)
    except ValueError:
        return False
    return True


def _check_single(where: str, rows: pa.Table) -> None:
    if len(rows["trial"].unique()) < len(rows):
        counts = Counter(rows["trial"].to_pylist())
        double = [trial for trial, count in counts.items() if count > 1]
        numbers = ", ".join(map(str, double[:5]))
        raise ResultsError(f"{where}: more than one row for trial {numbers}")
