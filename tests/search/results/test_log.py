"""The log's promises: rows checked at once, committed together, lost by no failure of the disk."""

from __future__ import annotations

import errno
import math
import os
from pathlib import Path
from typing import Any

import pytest

import analysis
from analysis.errors import StorageError
from search.errors import LockLost
from search.results import log as log_module
from search.results.log import SweepLog
from search.results.parts import LocalFolder, ResultsFolder
from search.results.recovery import FolderState
from tests.search.results.files import content, last_part, load, metadata, parts, plain
from tests.search.results.rows import (
    CONFIG,
    end_trial,
    fill,
    record_rows,
    run_trial,
    schemas,
    step_rows,
    trial_row,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_every_table_can_be_read_plainly_from_the_start(folder: ResultsFolder) -> None:
    SweepLog(folder, schemas())
    for table, schema in schemas().items():
        frame = plain(folder, table)
        assert frame.empty
        assert [*frame.columns] == schema.names


def test_a_flush_gives_its_parts_one_id_and_its_origin(folder: ResultsFolder) -> None:
    fill(folder, flushes=1)
    assert len({parts(folder, table)[-1] for table in schemas()}) == 1
    origin = metadata(folder, last_part(folder, "steps"))
    assert origin[b"ratchet.schema_version"] == b"3"
    assert origin[b"ratchet.sweep_id"] == b"a1"
    assert origin[b"ratchet.git_sha"] == b"0123abc"


def test_a_trial_reads_as_it_was_written(folder: ResultsFolder) -> None:
    log = SweepLog(folder, schemas())
    log.propose(3, "search", 1, CONFIG)
    log.end(trial_row(3, composite=math.nan, rung_8=None, score=None), [], [])
    log.flush()
    (ended,) = FolderState.read(folder).ended
    assert (ended.trial, ended.role, ended.generation) == (3, "search", 1)
    assert ended.config == CONFIG
    assert ended.rungs == {4: 0.25}
    assert ended.composite is not None and math.isnan(ended.composite)
    assert ended.score is None


def test_flushes_come_every_five_seconds_or_two_hundred_trials(folder: ResultsFolder) -> None:
    clock = Clock()
    log = SweepLog(folder, schemas(), clock=clock)
    log.propose(1000, "search", 0, CONFIG)
    clock.now = 4.9
    log.maybe_flush()
    assert len(parts(folder, "proposals")) == 1
    clock.now = 5.0
    log.maybe_flush()
    assert (len(parts(folder, "proposals")), len(parts(folder, "trials"))) == (2, 1)
    for trial in range(200):
        assert len(parts(folder, "trials")) == 1
        run_trial(log, trial)
        log.maybe_flush()
    assert len(parts(folder, "trials")) == 2


def test_many_parts_are_compacted_and_closing_leaves_one(
    folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "COMPACT_PARTS", 5)
    log = SweepLog(folder, schemas())
    counts = []
    for trial in range(6):
        run_trial(log, trial)
        log.flush()
        counts.append(len(parts(folder, "trials")))
    assert counts == [2, 3, 4, 1, 2, 3]
    log.close()
    assert [len(parts(folder, table)) for table in schemas()] == [1, 1, 1, 1]
    steps = load(folder).steps
    assert [*steps[steps["trial"] == 5]["step"]] == [0, 1, 0, 1]  # as they came


@pytest.mark.parametrize(
    "row, message",
    [
        ({"composit": 1.0}, "no such column: composit"),
        ({"steps": 1.5}, "column steps cannot hold"),
        ({"composite": "high"}, "column composite cannot hold"),
        ({"composite": True}, "column composite cannot hold"),
        ({"started": 1.7e9}, "column started cannot hold"),
        ({"status": None}, "column status must have a value"),
        ({"config/greedy.step": 1}, "no such column: config/greedy.step"),
    ],
)
def test_a_wrong_row_is_refused_at_once_and_whole(
    folder: ResultsFolder, row: dict[str, Any], message: str
) -> None:
    log = SweepLog(folder, schemas())
    log.propose(0, "search", 0, CONFIG)
    with pytest.raises(ValueError, match=message):
        log.end(trial_row(0, **row), step_rows(0), record_rows(0))
    end_trial(log, 0)
    log.close()
    assert len(load(folder).steps) == 4


def test_text_that_is_no_unicode_is_kept_escaped(folder: ResultsFolder) -> None:
    log = SweepLog(folder, schemas())
    log.propose(0, "search", 0, CONFIG)
    log.end(trial_row(0, status="failed", error="bad byte \udcff"), [], [])
    log.close()
    assert FolderState.read(folder).ended[0].error == r"bad byte \udcff"


def test_a_trial_is_proposed_once_and_ends_once(folder: ResultsFolder) -> None:
    log = SweepLog(folder, schemas())
    run_trial(log, 0)
    log.propose(1, "search", 0, CONFIG)
    with pytest.raises(ValueError, match="trial 0 is not open"):
        end_trial(log, 0)
    log.close()
    log = SweepLog(folder, schemas())
    for trial in (0, 1):
        with pytest.raises(ValueError, match="was proposed before"):
            log.propose(trial, "search", 0, CONFIG)
    assert [each.trial for each in FolderState.read(folder).pending] == [1]
    assert FolderState.read(folder).pending[0].config == CONFIG
    end_trial(log, 1)


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_a_full_disk_loses_no_row_and_doubles_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """The n-th call fails, for every n that a flush gets to; then there is space again."""
    for n in range(100):
        path = tmp_path / str(n)
        log = SweepLog(LocalFolder(path), schemas())
        run_trial(log, 0)
        left = iter(range(n, -1, -1))
        real = getattr(os, call)

        def failing(*arguments: Any, left: Any = left, real: Any = real) -> Any:
            if next(left, None) == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*arguments)

        with monkeypatch.context() as broken:
            broken.setattr(os, call, failing)
            try:
                log.flush()
            except StorageError as error:
                assert str(error) == f"{path}: cannot be written: No space left on device"
            else:
                assert n >= 4  # a file for each table
                return
        run_trial(log, 1)
        log.maybe_flush()  # what failed is tried again, whatever the time
        log.close()
        sweep = analysis.load(path)
        assert [*sweep.trials["trial"]] == [0, 1]
        assert [len(sweep.steps), len(sweep.records), len(sweep.proposals)] == [8, 6, 2]
        assert [*path.glob("*/.*")] == []
    raise AssertionError("the flush never got through")


def test_a_driver_without_its_lock_writes_nothing(folder: ResultsFolder) -> None:
    taken = False

    def check() -> None:
        if taken:
            raise LockLost("tiny", "process 7 on node3")

    log = SweepLog(folder, schemas(), before_write=check)
    run_trial(log, 0)
    before = content(folder)
    taken = True
    with pytest.raises(LockLost, match="taken over by process 7 on node3"):
        log.close()
    assert content(folder) == before


def test_a_later_generation_may_add_columns_and_drop_none(folder: ResultsFolder) -> None:
    fill(folder, flushes=2)
    log = SweepLog(folder, schemas(more={"search.audit": int}))
    log.propose(9, "search", 1, {**CONFIG, "search.audit": 2})
    end_trial(log, 9)
    log.flush()
    for frame in (plain(folder, "trials"), load(folder).trials):
        assert frame.set_index("trial")["config/search.audit"].to_dict()[9] == 2
    log = SweepLog(folder, schemas())
    run_trial(log, 10)
    log.close()
    assert load(folder).trials["config/search.audit"].count() == 1
