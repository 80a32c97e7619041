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

from analysis.errors import ResultsError
from analysis.folder import Listing, SweepFolder
from analysis.schema import METADATA_PREFIX, SCHEMA_VERSION, TABLES

ONE_ROW_PER_TRIAL = ("proposals", "trials")


def part_schemas(folder: SweepFolder, parts: Listing) -> dict[str, list[pa.Schema]]:
    """Schemas of the committed parts by table, from every footer.

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
    if faults := faults or _strangers(everywhere):
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
    if table in ONE_ROW_PER_TRIAL:
        _check_single(folder.path(table), rows)
    return rows


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
            if fault := _wrong_version(path, file.schema_arrow):
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


def _strangers(schemas: Mapping[str, pa.Schema]) -> list[str]:
    """One line for each part that does not belong to the sweep of the first."""
    owners = {path: _stamp(schema, "sweep_id") for path, schema in schemas.items()}
    first = next(iter(owners.items()), None)
    return [
        f"{path}: belongs to sweep {owner}, but {first[0]} to sweep {first[1]}"
        for path, owner in owners.items()
        if first and owner != first[1]
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


def _check_single(where: str, rows: pa.Table) -> None:
    counts = pc.value_counts(rows["trial"])
    double = counts.filter(pc.greater(counts.field("counts"), 1)).field("values").to_pylist()
    if double:
        numbers = ", ".join(map(str, double[:5]))
        raise ResultsError(f"{where}: more than one row for trial {numbers}")
