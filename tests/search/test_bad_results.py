"""Results folders that are damaged, foreign or mixed: exit code 3, every fault named, no change."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from analysis.tables.schema import SCHEMA_VERSION, TABLES
from search.config.arguments import resolved_config
from search.results.log import SweepLog
from search.results.parts import LocalFolder
from search.session.session import SETTINGS_COLUMNS
from search.sweep.file import SweepFile
from tests.search.bad_files import seen
from tests.search.results.files import as_first_format
from tests.search.results.rows import CONFIG, end_trial, schemas, trial_row
from tests.search.test_bad_inputs import check_lines, refused

HINTS = {key: hint for key, hint in SETTINGS_COLUMNS.items() if key not in CONFIG}
SPACE = "{name: small, greedy.steps: {int: [1, 4]}}"


def write_results(
    path: Path, sweep_id: str = "a1", statuses: tuple[str, ...] = ("completed", "completed")
) -> Path:
    """A sweep's folder as a driver leaves it, without a sweep that ran."""
    config = resolved_config(None, ["edits=8", "search.trials=4", f"search.space={SPACE}"])
    path.mkdir(parents=True)
    folder = LocalFolder(path)
    file = SweepFile(
        sweep_id,
        path.name,
        "2026-01-01",
        0,
        {"0": "a few trials"},
        {"python": "3.11"},
        {},
        None,
        {},
        config.self_contained(),
    )
    folder.put("sweep.yaml", file.text().encode())
    log = SweepLog(folder, schemas(sweep_id, HINTS))
    for trial, status in enumerate(statuses, start=3):
        log.propose(trial, "search", 0, CONFIG)
        if status == "completed":
            end_trial(log, trial)
        else:
            lost = {"composite": None, "score": None} if status == "failed" else {}
            log.end(trial_row(trial, status=status, **lost), [], [])
    log.flush()
    return path


def last_part(folder: Path, table: str) -> Path:
    return max((folder / table).glob("part-*.parquet"))


def rewritten(
    table: str, change: Callable[[pa.Table], pa.Table], **metadata: str
) -> Callable[[Path], None]:
    """Changes the rows of a part, and what it says of its origin."""

    def damage(folder: Path) -> None:
        path = last_part(folder, table)
        rows = pq.read_table(path)
        stamp = {
            **rows.schema.metadata,
            **{f"ratchet.{k}".encode(): v for k, v in metadata.items()},
        }
        pq.write_table(change(rows).replace_schema_metadata(stamp), path)

    return damage


def column(name: str, values: list[Any], kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    def change(rows: pa.Table) -> pa.Table:
        field = rows.schema.field(name).with_type(kind)
        cells = pa.array((values * rows.num_rows)[: rows.num_rows], kind)
        return rows.set_column(rows.schema.get_field_index(name), field, cells)

    return change


def as_it_is(rows: pa.Table) -> pa.Table:
    return rows


def content(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Changes the bytes of a file, the last part if it names a table."""

    def damage(folder: Path) -> None:
        path = last_part(folder, name) if name in TABLES else folder / name
        path.write_bytes(change(path.read_bytes() if path.exists() else b""))

    return damage


def sweep_yaml(**changes: Any) -> Callable[[Path], None]:
    """Changes entries of sweep.yaml; None takes one out."""

    def damage(folder: Path) -> None:
        path = folder / "sweep.yaml"
        found = {**yaml.safe_load(path.read_text()), **changes}
        gone = {key for key, value in changes.items() if value is None}
        path.write_text(yaml.safe_dump({k: v for k, v in found.items() if k not in gone}))

    return damage


def mixed(folder: Path) -> None:
    other = write_results(folder.parent / "other", "b2")
    as_first_format(LocalFolder(other))
    shutil.copy(last_part(other, "trials"), folder / "trials" / "part-000009-00000000.parquet")
    shutil.rmtree(other)


def merged_bomb(depth: int) -> bytes:
    """Merge keys, each of which doubles the one before."""
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, depth)]
    return "\n".join(lines).encode()


FUTURE = str(SCHEMA_VERSION + 1)
NAN = float("nan")

BOTH = {
    "a part cut": (content("trials", lambda b: b[:100]), "damaged or not Parquet"),
    "a part without an end": (content("steps", lambda b: b[:-8]), "damaged or not Parquet"),
    "an empty part": (content("trials", lambda b: b""), "damaged or not Parquet"),
    "text as a part": (content("records", lambda b: b"trial,es\n1,2\n"), "damaged or not Parquet"),
    "a strange file": (content("trials/notes.txt", lambda b: b"x"), "not a part of a sweep"),
    "a later version": (
        rewritten("trials", as_it_is, schema_version=FUTURE),
        f"has schema version {FUTURE}",
    ),
    "another program's": (
        rewritten("trials", as_it_is, schema_version="x"),
        "not written by a sweep",
    ),
    "parts of two sweeps": (mixed, "belongs to sweep b2, but"),
    "a column of another type": (
        rewritten("trials", column("trial", ["3", "4"], pa.string())),
        "columns trial are missing or wrong",
    ),
    "a column lost": (
        rewritten("trials", lambda rows: rows.drop_columns(["status"])),
        "columns status are missing or wrong",
    ),
    "a rung of nothing": (
        rewritten("trials", lambda rows: rows.append_column("rung_x", rows["composite"])),
        "columns rung_x are missing or wrong",
    ),
    "a role of nobody": (
        rewritten("trials", column("role", ["\x1b]0;x\x07"], pa.string())),
        "column role has values that no sweep writes",
    ),
    "a status of nothing": (
        rewritten("trials", column("status", ["won"], pa.string())),
        "column status has values that no sweep writes",
    ),
    "a trial below 0": (
        rewritten("proposals", column("trial", [-1, -2], pa.int64())),
        "column trial has values that no sweep writes",
    ),
    "a trial twice": (
        rewritten("trials", column("trial", [3, 3], pa.int64())),
        "more than one row for trial 3",
    ),
    "no journal": (content(".compaction.json", lambda b: b"{"), "not a journal of a compaction"),
    "a journal that climbs": (
        content(".compaction.json", lambda b: b'{"new": "../../x", "old": {}}'),
        "not a journal of a compaction",
    ),
    "a journal of a terabyte": (
        lambda folder: (folder / ".compaction.json").touch() or _grow(folder / ".compaction.json"),
        "larger than any that a sweep writes",
    ),
    "parts of another sweep than sweep.yaml's": (sweep_yaml(sweep_id="b2"), "belongs to sweep a1"),
    "sweep.yaml is no mapping": (content("sweep.yaml", lambda b: b"- 1"), "mapping"),
    "sweep.yaml is no YAML": (content("sweep.yaml", lambda b: b"a: ["), "sweep.yaml"),
    "sweep.yaml is cut": (content("sweep.yaml", lambda b: b[: len(b) // 2]), ""),
    "sweep.yaml is binary": (content("sweep.yaml", lambda b: bytes(range(256))), "cannot be read"),
    "sweep.yaml multiplies": (content("sweep.yaml", lambda b: merged_bomb(12)), "sweep.yaml"),
    "sweep.yaml is deep": (content("sweep.yaml", lambda b: b"[" * 5000), "sweep.yaml"),
    "sweep.yaml makes objects": (
        content("sweep.yaml", lambda b: b + b"x: !!python/object/apply:os.getcwd []\n"),
        "sweep.yaml",
    ),
    "sweep.yaml is a terabyte": (lambda folder: _grow(folder / "sweep.yaml"), "sweep.yaml"),
    "no space in sweep.yaml": (sweep_yaml(config={"edits": 8}), ""),
}

RESUME_ONLY = {
    "a list that is none": (
        rewritten("proposals", column("config/layers", ["{a: 1}"], pa.string())),
        "column config/layers has values that no sweep writes",
    ),
    "a list that multiplies": (
        rewritten("trials", column("config/layers", ["[&a [1], *a]"], pa.string())),
        "column config/layers has values that no sweep writes",
    ),
    "no id": (sweep_yaml(sweep_id=None), "sweep_id is missing"),
    "an id that is a list": (sweep_yaml(sweep_id=[1]), "sweep_id must be text"),
    "a generation of text": (sweep_yaml(generation="x"), "generation must be a whole number"),
    "digests as text": (sweep_yaml(digests="x"), "digests must be a mapping"),
    "a version that is a list": (sweep_yaml(versions={"a": [1]}), "versions must be text"),
}


def _grow(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(2**40)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the first format, in which only Parquet itself notices damage, and what was read."""
    path = write_results(tmp_path_factory.mktemp("results") / "sweep")
    as_first_format(LocalFolder(path))
    return path


@pytest.mark.parametrize(
    ("command", "name"),
    [
        *(("best", name) for name in BOTH),
        *(("resume", name) for name in {**BOTH, **RESUME_ONLY}),
    ],
)
def test_damaged_results_are_named_and_left_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    sound: Path,
    command: str,
    name: str,
) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(sound, folder)
    damage, message = {**BOTH, **RESUME_ONLY}[name]
    damage(folder)
    before = seen(tmp_path)
    assert refused(monkeypatch, command, str(folder)) == 3
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert all(line.startswith("ratchet: ") and line.isprintable() for line in lines)
    assert any(message in line for line in lines), captured.err
    assert str(folder) in captured.err
    assert seen(tmp_path) == before


@pytest.mark.parametrize("table", TABLES)
def test_a_resume_that_is_refused_makes_no_tables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sound: Path, table: str
) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(sound, folder)
    for other in TABLES:
        if other != table:
            shutil.rmtree(folder / other)
    (folder / table / "notes.txt").touch()
    before = seen(tmp_path)
    assert refused(monkeypatch, "resume", str(folder)) == 3
    assert seen(tmp_path) == before


def test_best_without_sweep_yaml_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    sound: Path,
) -> None:
    shutil.copytree(sound, tmp_path / "sweep")
    (tmp_path / "sweep" / "sweep.yaml").unlink()
    assert refused(monkeypatch, "best", str(tmp_path / "sweep")) == 3
    check_lines(capsys.readouterr().err, ("sweep.yaml: has no search space written out",))


@pytest.mark.parametrize(
    ("statuses", "counts"),
    [
        ((), " yet"),
        (("pruned",) * 3, " (3 pruned)"),
        (("failed",) * 2, " (2 failed)"),
        (("pruned", "failed", "pruned"), " (2 pruned, 1 failed)"),
    ],
)
def test_best_of_a_sweep_without_a_completed_trial_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    statuses: tuple[str, ...],
    counts: str,
) -> None:
    folder = write_results(tmp_path / "sweep", statuses=statuses)
    for options in ([], ["--json"]):
        assert refused(monkeypatch, "best", str(folder), *options) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err == f"ratchet: {folder}: no search trial has been completed{counts}\n"


def test_text_in_results_is_inert_where_best_shows_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    sound: Path,
) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(sound, folder)
    hostile = "[bold]\x1b]0;title\x07\u202ekcab :bomb:\r"
    key = "config/model"
    rewritten("trials", column(key, [hostile], pa.string()))(folder)
    path = folder / "sweep.yaml"
    path.write_text(path.read_text().replace("greedy.steps: {int", "model: {int"))
    content("sweep.yaml", lambda b: b.replace(b"name: small", b"model: {}"))(folder)
    monkeypatch.setattr("sys.argv", ["ratchet", "best", str(folder)])
    from search.cli.app import app

    app(["best", str(folder)], standalone_mode=False)
    out = capsys.readouterr().out
    assert "[bold]" in out
    assert ":bomb:" in out
    assert all(line.isprintable() for line in out.splitlines())
