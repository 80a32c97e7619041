"""The files of a results folder, wherever it lies, as tests look at them and change them."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

import analysis
from search.results.parts import ResultsFolder


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
