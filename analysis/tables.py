"""Parts read and joined under one schema.

A dataset reader takes the schema of the first file and drops what later files have more; here the
schemas of all parts are united first, so that a column never vanishes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.config_columns import holds_lists, list_cell
from analysis.confirm_schema import CONFIRM, CONFIRM_RECORDS
from analysis.errors import ResultsError
from analysis.folder import Listing, SweepFolder
from analysis.schema import (
    METADATA_PREFIX,
    PROPOSALS,
    RECORDS,
    SCHEMA_VERSION,
    STEPS,
    TABLES,
    TRIALS,
)

COLUMNS = {
    "proposals": PROPOSALS,
    "steps": STEPS,
    "records": RECORDS,
    "trials": TRIALS,
    "confirm": CONFIRM,
    "confirm_records": CONFIRM_RECORDS,
}
BASELINES = ("baseline_full", "baseline_default", "baseline_literal")
ROLES = (*BASELINES, "search")
STATUSES = ("completed", "pruned", "failed")
RUNG = "rung_"
ONE_ROW_PER_TRIAL = ("proposals", "trials")


def part_schemas(
    folder: SweepFolder, parts: Listing, sweep_id: str | None = None
) -> dict[str, list[pa.Schema]]:
    """Schemas of the committed parts by table, from every footer.

    Args:
        folder: the sweep's folder.
        parts: what is in it.
        sweep_id: the sweep that the parts must belong to; None: all to the same.

    Raises:
        ResultsError: damaged, foreign or future parts, all of them named.
        FileNotFoundError: a part went away meanwhile; list the folder again.
    """
    faults: list[str] = []
    schemas: dict[str, dict[str, pa.Schema]] = {table: {} for table in TABLES}
    for table in TABLES:
        for name in parts.committed[table]:
            try:
                with _part(folder, table, name) as file:
                    schemas[table][folder.path(table, name)] = file.schema_arrow
            except ResultsError as error:
                faults.extend(error.faults)
    everywhere = {path: each for by_path in schemas.values() for path, each in by_path.items()}
    if faults := faults or _strangers(everywhere, sweep_id):
        raise ResultsError(faults)
    return {table: list(by_path.values()) for table, by_path in schemas.items()}


def read_table(folder: SweepFolder, table: str, names: Sequence[str]) -> pa.Table | None:
    """All rows of these parts under their united schema; None if there are no parts.

    Raises:
        ResultsError: damaged, foreign or future parts, or a trial with two rows where it has one.
        FileNotFoundError: a part went away meanwhile; list the folder again.
    """
    faults: list[str] = []
    tables: dict[str, pa.Table] = {}
    for name in names:
        path = folder.path(table, name)
        try:
            with _part(folder, table, name) as file:
                tables[path] = file.read()
        except ResultsError as error:
            faults.extend(error.faults)
    if faults := faults or _strangers({path: each.schema for path, each in tables.items()}):
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


def sweep_id_of(schema: pa.Schema) -> str | None:
    """The sweep that a part was written by; None where its schema does not say."""
    return _stamp(schema, "sweep_id")


def united(schemas: Sequence[pa.Schema], where: str) -> pa.Schema:
    """One schema with the columns of all, and the metadata of the first."""
    try:
        return pa.unify_schemas(list(schemas), promote_options="permissive")
    except pa.ArrowException as error:
        raise ResultsError(f"{where}: parts contradict each other: {error}") from error


def under(schema: pa.Schema, tables: Iterable[pa.Table]) -> pa.Table:
    """The rows of all tables; columns that one does not have are null."""
    return pa.concat_tables([schema.empty_table(), *tables], promote_options="permissive")


@contextmanager
def _part(folder: SweepFolder, table: str, name: str) -> Iterator[pq.ParquetFile]:
    """An open part of this project and version; whatever is wrong with it is a ResultsError."""
    path = folder.path(table, name)
    try:
        with folder.open(table, name) as source:
            file = pq.ParquetFile(source, page_checksum_verification=True)
            schema = file.schema_arrow
            if fault := _wrong_version(path, schema) or _wrong_columns(path, table, schema):
                raise ResultsError(fault)
            yield file
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        line = " ".join(str(error).split())
        raise ResultsError(f"{path}: damaged or not Parquet: {line}") from error


def _wrong_version(path: str, schema: pa.Schema) -> str | None:
    stamp = _stamp(schema, "schema_version")
    if stamp is None or not stamp.isdecimal() or "trial" not in schema.names:
        return f"{path}: not written by a sweep"
    if int(stamp) > SCHEMA_VERSION:
        return f"{path}: has schema version {stamp}, this program reads up to {SCHEMA_VERSION}"
    return None


def _wrong_columns(path: str, table: str, schema: pa.Schema) -> str | None:
    """Columns of this version that are missing or of another type."""
    known = {column.name: column for column in COLUMNS[table]}
    wrong = [name for name, column in known.items() if column.required and name not in schema.names]
    wrong += [
        field.name
        for field in schema
        if (field.name in known and field.type != known[field.name].type)
        or (field.name.startswith(RUNG) and not _is_rung(field))
    ]
    if not wrong:
        return None
    return f"{path}: not written by a sweep: columns {', '.join(wrong)} are missing or wrong"


def _is_rung(field: pa.Field) -> bool:
    return field.name.removeprefix(RUNG).isdecimal() and pa.types.is_floating(field.type)


def _strangers(schemas: Mapping[str, pa.Schema], sweep_id: str | None = None) -> list[str]:
    """One line for each part that does not belong to this sweep, or else to that of the first."""
    owners = {path: sweep_id_of(schema) for path, schema in schemas.items()}
    first = ("this is", sweep_id) if sweep_id else next(iter(owners.items()), ("", None))
    return [
        f"{path}: belongs to sweep {owner}, but {first[0]} {'' if sweep_id else 'to '}sweep "
        f"{first[1]}"
        for path, owner in owners.items()
        if owner != first[1]
    ]


def _stamp(schema: pa.Schema, key: str) -> str | None:
    value = (schema.metadata or {}).get((METADATA_PREFIX + key).encode())
    return None if value is None else value.decode(errors="replace")


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
        if name in rows.schema.names
        and not pc.all(pc.is_in(rows[name], pa.array(allowed)), min_count=0).as_py()
    ]
    if pc.any(pc.less(rows["trial"], 0)).as_py():
        wrong.append("trial")
    wrong += [field.name for field in rows.schema if holds_lists(field) and not _lists(rows, field)]
    if wrong:
        raise ResultsError([f"{where}: column {name} has values of no sweep" for name in wrong])


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
    counts = pc.value_counts(rows["trial"])
    double = counts.filter(pc.greater(counts.field("counts"), 1)).field("values").to_pylist()
    if double:
        numbers = ", ".join(map(str, double[:5]))
        raise ResultsError(f"{where}: more than one row for trial {numbers}")
