"""The files of a results folder, wherever it lies, as tests look at them and change them."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

import analysis
from analysis.tables.commits import Commit, is_part
from analysis.tables.committed import committed
from analysis.tables.schema import ADDED
from search.results.commits import Commits, NewPart
from search.results.compaction import compact as compact_with
from search.results.parts import ResultsFolder
from tests.search.results.rows import schemas


def names(folder: ResultsFolder) -> list[str]:
    """Every file by its name within the folder, hidden ones too."""
    where = folder.reading
    selector = fs.FileSelector(where.root, recursive=True, allow_not_found=True)
    return [
        info.path.removeprefix(f"{where.root}/")
        for info in where.files.get_file_info(selector)
        if info.type == fs.FileType.File
    ]


def content(folder: ResultsFolder) -> dict[str, bytes]:
    """The same with what is in them."""
    return {name: read(folder, name) for name in names(folder)}


def read(folder: ResultsFolder, name: str) -> bytes:
    with folder.reading.open(*name.split("/")) as file:
        data: bytes = file.read()
        return data


def parts(folder: ResultsFolder, table: str) -> list[str]:
    """Names of a table's parts, hidden ones not."""
    return [name for name in folder.reading.entries(table) if name.startswith("part-")]


def last_part(folder: ResultsFolder, table: str) -> str:
    return f"{table}/{parts(folder, table)[-1]}"


def load(folder: ResultsFolder) -> analysis.Sweep:
    return analysis.load(folder.reading.address)


def plain(folder: ResultsFolder, table: str, columns: list[str] | None = None) -> pd.DataFrame:
    """A table as pandas reads it, which knows nothing of flushes and journals."""
    where = folder.reading
    return pd.read_parquet(f"{where.root}/{table}", filesystem=where.files, columns=columns)


def metadata(folder: ResultsFolder, name: str) -> dict[bytes, bytes]:
    return dict(pq.read_schema(pa.BufferReader(read(folder, name))).metadata)


def recover(folder: ResultsFolder, sweep_id: str | None = None) -> None:
    """Take a sweep over from the driver before, and do nothing with it."""
    Commits(folder, sweep_id)


def compact(folder: ResultsFolder) -> None:
    """Take a sweep over, and merge its parts."""
    compact_with(Commits(folder), folder, schemas())


def newest(folder: ResultsFolder) -> Commit:
    """How the sweep stands."""
    return committed(folder.reading)


def rows_of(folder: ResultsFolder) -> dict[str, bytes]:
    """Every file but the commit and the lock, which say who was here, with what is in it."""
    return {
        name: data
        for name, data in content(folder).items()
        if not name.startswith("commits/") and name != "lock.json"
    }


def as_first_format(folder: ResultsFolder) -> ResultsFolder:
    """The same sweep as the first version would have written it, without commits and digests."""
    for name in names(folder):
        if name.startswith("commits/"):
            folder.remove([name])
        elif is_part(name.rpartition("/")[2]):
            table = pq.read_table(pa.BufferReader(read(folder, name)))
            stamp = {**table.schema.metadata, b"ratchet.schema_version": b"1"}
            later = ADDED.get(name.partition("/")[0], {})
            kept = table.select([each for each in table.column_names if each not in later])
            folder.put(name, parquet(kept.replace_schema_metadata(stamp)))
    return folder


def parquet(rows: pa.Table) -> pa.Buffer:
    """The content of a part."""
    return NewPart.of("part", rows).content
