"""One part of a table: opened, verified, and known to be of this sweep and of a known version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.errors import ResultsError
from analysis.tables.commits import Part, digest_of
from analysis.tables.confirm_schema import CONFIRM, CONFIRM_RECORDS
from analysis.tables.folder import SweepFolder, way_out
from analysis.tables.schema import (
    ADDED,
    METADATA_PREFIX,
    PROPOSALS,
    RECORDS,
    SCHEMA_VERSION,
    STEPS,
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
RUNG = "rung_"

_verified: set[tuple[str, str, int | None]] = set()
"""Paths, digests and times of writing of parts that this process has found to be what was
committed."""


@contextmanager
def open_part(
    folder: SweepFolder, table: str, part: Part, verify: bool = True
) -> Iterator[pq.ParquetFile]:
    """An open part of this project and version; whatever is wrong with it is a ResultsError.

    Raises:
        FileNotFoundError: it is not there.
    """
    path = folder.path(table, part.name)
    try:
        with ExitStack() as until:
            source = _opened(folder, table, part, until)
            if verify:
                source = _verified_content(folder, table, part, source)
            file = pq.ParquetFile(source, page_checksum_verification=True)
            schema = file.schema_arrow
            if fault := _wrong_version(path, schema) or _wrong_columns(path, table, schema):
                raise ResultsError(fault)
            if part.rows not in (None, found := file.metadata.num_rows):
                fault = f"{path}: damaged: it has {found} rows where {part.rows} were committed"
                raise ResultsError([fault, way_out(folder.address)])
            yield file
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        line = " ".join(str(error).split())
        raise ResultsError(
            [f"{path}: damaged or not Parquet: {line}", way_out(folder.address)]
        ) from error


def _opened(folder: SweepFolder, table: str, part: Part, until: ExitStack) -> pa.NativeFile:
    """A part's file, whether its driver has got to showing it or not."""
    for name in (part.name, part.staged):
        with suppress(FileNotFoundError):
            return until.enter_context(folder.open(table, name))
    # It got its name between the two looks, or it is gone.
    return until.enter_context(folder.open(table, part.name))


def _verified_content(
    folder: SweepFolder, table: str, part: Part, source: pa.NativeFile
) -> pa.NativeFile:
    path = folder.path(table, part.name)
    if part.digest is None:
        return source
    known = (path, part.digest, folder.written(table, part.name))
    if known in _verified:
        return source
    content = source.read_buffer()
    if digest_of(content) != part.digest:
        raise ResultsError(
            [f"{path}: damaged: it is not what the sweep has written", way_out(folder.address)]
        )
    _verified.add(known)
    return pa.BufferReader(content)


def schema_version(schema: pa.Schema) -> int:
    """The version of the tables that a part was written with; 0 if it does not say."""
    stamp = _stamp(schema, "schema_version") or ""
    return int(stamp) if stamp.isdecimal() else 0


def _wrong_version(path: str, schema: pa.Schema) -> str | None:
    version = schema_version(schema)
    if version == 0 or "trial" not in schema.names:
        return f"{path}: not written by a sweep"
    if version > SCHEMA_VERSION:
        return f"{path}: has schema version {version}, this program reads up to {SCHEMA_VERSION}"
    return None


def _wrong_columns(path: str, table: str, schema: pa.Schema) -> str | None:
    """Columns of the part's version that are missing or of another type."""
    known = {column.name: column for column in COLUMNS[table]}
    wrong = [
        name
        for name in known
        if "<" not in name  # a family of columns, which may have no members
        and name not in schema.names
        and ADDED.get(table, {}).get(name, 1) <= schema_version(schema)
    ]
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
    is_number: bool = pa.types.is_floating(field.type)
    return field.name.removeprefix(RUNG).isdecimal() and is_number


def sweep_id_of(schema: pa.Schema) -> str | None:
    """The sweep that a part was written by; None where its schema does not say."""
    return _stamp(schema, "sweep_id")


def strangers(schemas: Mapping[str, pa.Schema], sweep_id: str | None = None) -> list[str]:
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
