"""The tables of a confirmation: each walk whole or absent, nothing else of the sweep touched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import analysis
from analysis.tables.confirm_schema import (
    CONFIRM,
    CONFIRM_RECORDS,
    CONFIRM_TABLES,
    bare_schemas,
    confirm_schemas,
)
from analysis.tables.schema import RECORDS, TRIALS
from search.results.confirm_log import ConfirmLog
from search.results.parts import ResultsFolder
from tests.search.results.files import (
    as_first_format,
    compact,
    content,
    load,
    metadata,
    names,
    parquet,
    plain,
    read,
    recover,
    rows_of,
)
from tests.search.results.rows import fill

SCHEMAS = confirm_schemas(sweep_id="a1", sweep_name="tiny", facts={"torch": "2.9"})


def walk(trial: int, sequence: int, **more: Any) -> dict[str, Any]:
    return {
        "trial": trial,
        "role": "search",
        "sequence": sequence,
        "status": "completed",
        "attempt": 0,
        "composite": (trial + sequence) / 10,
        "started": datetime(2026, 1, 1, tzinfo=UTC),
        **more,
    }


def records(trial: int, sequence: int) -> list[dict[str, Any]]:
    return [
        {
            "trial": trial,
            "role": "search",
            "sequence": sequence,
            "batch": 0,
            "case_id": 10 * sequence + n,
            "es": 1.0,
            "ns_unedited": 0.5,
        }
        for n in range(2)
    ]


def failure(trial: int, sequence: int) -> dict[str, Any]:
    return walk(trial, sequence, status="failed", composite=None, error="it was killed")


def confirmed(folder: ResultsFolder) -> ConfirmLog:
    """A small sweep with two walks that ended well and one that failed."""
    fill(folder, flushes=1)
    log = ConfirmLog(folder, SCHEMAS)
    log.open()
    log.write(walk(1, 1), records(1, 1))
    log.write(walk(1, 0), records(1, 0))
    log.write(failure(0, 0), ())
    return log


def test_a_driver_discards_its_own_walks_and_no_others(folder: ResultsFolder) -> None:
    confirmed(folder)
    before = rows_of(folder)
    log = ConfirmLog(folder, SCHEMAS)
    log.open()
    log.write(walk(2, 0), records(2, 0))
    log.write(failure(2, 1), ())
    log.discard()
    assert rows_of(folder) == before
    assert len(load(folder).confirm) == 3


def test_what_is_written_is_read(folder: ResultsFolder) -> None:
    confirmed(folder)
    found = load(folder)
    assert found.confirm[["trial", "sequence", "status"]].values.tolist() == [
        [0, 0, "failed"],
        [1, 0, "completed"],
        [1, 1, "completed"],
    ]
    assert found.confirm["composite"].tolist()[1:] == [0.1, 0.2]
    assert found.confirm_records["case_id"].tolist() == [0, 1, 10, 11]
    assert found.confirm_records["ps"].isna().all()
    assert ConfirmLog(folder, SCHEMAS).completed == {(1, 0), (1, 1)}


def test_pandas_reads_the_tables_as_they_are(folder: ResultsFolder) -> None:
    confirmed(folder)
    wide = plain(folder, "confirm").pivot(index="sequence", columns="trial", values="composite")
    assert wide[1].tolist() == [0.1, 0.2]
    assert plain(folder, "confirm_records")["es"].mean() == 1.0


def test_the_rest_of_the_sweep_neither_changes_nor_is_in_the_way(folder: ResultsFolder) -> None:
    fill(folder, flushes=2)
    before = rows_of(folder)
    log = ConfirmLog(folder, SCHEMAS)
    log.open()
    log.write(walk(1, 0), records(1, 0))
    after = rows_of(folder)
    assert before.items() <= after.items()
    new = {*after} - {*before}
    assert {name.partition("-0000")[0] for name in new} == {"confirm/walk", "confirm_records/walk"}
    recover(folder, "a1")
    compact(folder)
    assert [*load(folder).trials["trial"]] == [*plain(folder, "trials")["trial"]] == [0, 1, 2, 3]
    assert {name: content(folder)[name] for name in new} == {name: after[name] for name in new}


def test_a_walk_that_failed_is_replaced_when_it_is_run_again(folder: ResultsFolder) -> None:
    log = confirmed(folder)
    files = names(folder)
    log.write(walk(0, 0), records(0, 0))
    log.write(failure(0, 0), ())
    again = ConfirmLog(folder, SCHEMAS)
    again.open()
    again.write(walk(0, 0), records(0, 0))
    assert len(names(folder)) == len(files)
    assert load(folder).confirm["status"].tolist() == ["completed"] * 3


def test_a_walk_of_the_first_format_counts_with_its_own_part(folder: ResultsFolder) -> None:
    confirmed(folder)
    as_first_format(folder)
    for name in names(folder):
        table, _, part = name.partition("/walk-")
        if part:
            folder.put(f"{table}/walk-{part[:10]}.parquet", read(folder, name))
            folder.remove([name])
    folder.remove(["confirm/walk-000001-001.parquet"])
    assert load(folder).confirm_records["sequence"].tolist() == [0, 0]
    log = ConfirmLog(folder, SCHEMAS)
    assert log.completed == {(1, 0)}
    log.open()
    log.write(walk(1, 1), records(1, 1))
    log.write(walk(0, 0), records(0, 0))
    assert load(folder).confirm["status"].tolist() == ["completed"] * 3


def test_what_a_kill_left_half_written_is_removed(folder: ResultsFolder) -> None:
    log = confirmed(folder)
    whole = rows_of(folder)
    folder.put("confirm/.walk-000001-002.parquet.tmp", b"half")
    folder.put("confirm/.DS_Store", b"")
    assert len(load(folder).confirm) == 3
    log.open()
    assert rows_of(folder) == {**whole, "confirm/.DS_Store": b""}


def test_a_row_that_no_column_can_hold_writes_nothing(folder: ResultsFolder) -> None:
    log = confirmed(folder)
    before = content(folder)
    for wrong in ({"attempt": 1.5}, {"no such column": 1}):
        with pytest.raises(ValueError, match="column"):
            log.write(walk(2, 0, **wrong), records(2, 0))
    assert content(folder) == before


def test_a_driver_that_must_not_write_does_not(folder: ResultsFolder) -> None:
    allowed = True

    def check() -> None:
        if not allowed:
            raise PermissionError

    fill(folder, flushes=1)
    log = ConfirmLog(folder, SCHEMAS, before_write=check)
    log.open()
    before = content(folder)
    allowed = False
    for attempt in (log.open, lambda: log.write(walk(1, 0), records(1, 0))):
        with pytest.raises(PermissionError):
            attempt()
    assert content(folder) == before


@pytest.mark.parametrize("table", ["confirm", "confirm_records"])
@pytest.mark.parametrize("damage", ["cut off", "deleted", "exchanged"])
def test_damage_to_a_walk_is_noticed(folder: ResultsFolder, table: str, damage: str) -> None:
    confirmed(folder)
    one, other = sorted(n for n in names(folder) if n.startswith(f"{table}/walk-000001"))
    if damage == "deleted":
        folder.remove([one])
    else:
        folder.put(one, read(folder, one)[:-9] if damage == "cut off" else read(folder, other))
    for reading in (lambda: load(folder), lambda: ConfirmLog(folder, SCHEMAS)):
        with pytest.raises(analysis.ResultsError) as caught:
            reading()
        assert caught.value.faults[0].startswith(folder.reading.path(*one.split("/")))


def part(rows: list[dict[str, Any]]) -> pa.Buffer:
    return parquet(pa.Table.from_pylist(rows, SCHEMAS["confirm"]))


WRONG = {
    "a stranger": ("notes.parquet", part([]), "not a part of a confirmation"),
    "twice": ("walk-000007-000.parquet", part([walk(0, 0)]), "more than one row for trial 0 on se"),
    "a new status": (
        "walk-000007-000.parquet",
        part([walk(7, 0, status="lucky")]),
        "column status has values that no sweep writes",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_foreign_parts_of_the_first_format_are_named(folder: ResultsFolder, case: str) -> None:
    name, data, message = WRONG[case]
    fill(folder, flushes=1)
    folder.create_tables(CONFIRM_TABLES)
    folder.put("confirm/walk-000000-000.parquet", part([walk(0, 0)]))
    folder.put(f"confirm/{name}", data)
    as_first_format(folder)
    for reading in (lambda: load(folder), lambda: ConfirmLog(folder, SCHEMAS)):
        with pytest.raises(analysis.ResultsError, match=message) as caught:
            reading()
        assert folder.reading.path("confirm") in str(caught.value)


def test_another_sweeps_confirmation_is_refused(folder: ResultsFolder) -> None:
    confirmed(folder)
    other = confirm_schemas(sweep_id="b2", sweep_name="other", facts={})
    with pytest.raises(analysis.ResultsError, match="confirm: belongs to sweep a1, but this is b2"):
        ConfirmLog(folder, other)
    as_first_format(folder).put("sweep.yaml", b"sweep_id: b2\n")
    with pytest.raises(analysis.ResultsError, match="belongs to sweep a1, but"):
        load(folder)


def test_a_sweep_that_was_not_confirmed_has_empty_tables(folder: ResultsFolder) -> None:
    fill(folder, flushes=1)
    found = load(folder)
    assert found.confirm.empty and found.confirm_records.empty
    assert [*found.confirm] == [column.name for column in CONFIRM]
    assert [*found.confirm_records] == [column.name for column in CONFIRM_RECORDS]
    assert found.confirm["trial"].dtype == "int64"
    assert found.confirm["composite"].dtype == "float64"


def test_a_part_says_where_it_comes_from(folder: ResultsFolder) -> None:
    confirmed(folder)
    said = metadata(folder, max(n for n in names(folder) if n.startswith("confirm/")))
    assert said[b"ratchet.sweep_id"] == b"a1"
    assert said[b"ratchet.schema_version"] == b"3"
    assert said[b"ratchet.torch"] == b"2.9"


def test_columns_are_documented_and_mean_what_they_mean_elsewhere() -> None:
    known = {column.name: column.type for column in (*TRIALS, *RECORDS)}
    for column in (*CONFIRM, *CONFIRM_RECORDS):
        assert len(column.meaning) > 10 or column.name == "status"
        assert known.get(column.name, column.type) == column.type
    for table, schema in bare_schemas().items():
        sink = pa.BufferOutputStream()
        pq.write_table(schema.empty_table(), sink)
        assert pq.read_schema(pa.BufferReader(sink.getvalue())).equals(schema), table
