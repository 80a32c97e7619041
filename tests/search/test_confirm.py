"""`ratchet confirm`: the best settings and the baselines on records that the sweep never edited."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import analysis
from analysis.judging.confirmation import confirmation
from analysis.judging.confirmed import Confirmation
from analysis.tables.confirm_schema import confirm_schemas
from greedy_core.errors import InputError
from greedy_core.inputs.edit_inputs import read_inputs
from greedy_core.inputs.reserve import Reserve
from greedy_core.model.loading import load_model
from greedy_core.model.weights_check import WeightsCheck
from greedy_core.progress import Progress
from greedy_core.walk.edit import run_edit
from search.cli.exit_status import WRONG_INPUT, status_of
from search.cluster.preparation import prepared
from search.confirm.run import confirm_sweep
from search.confirm.session import ConfirmSession
from search.errors import SweepInterrupted, SweepLocked
from search.executors.walks import Walk
from search.results.confirm_log import ConfirmLog
from search.results.lock import SweepLock
from search.results.parts import LocalFolder
from search.session.driver import Options
from search.session.watch import Watch
from search.sweep.file_reader import read_sweep_file
from search.worker.reports import evaluation_values
from search.worker.walk_context import WalkContext
from tests.search import metric_functions
from tests.search.sweeps import (
    HERE,
    driver,
    kill_session,
    recommit,
    recommit_rows,
    sweep,
    unlocked,
    wait_until,
)
from tests.search.test_changed_inputs import Content, rewrite, set_to
from tests.search.test_cli import ended

CHANGES = {
    "edits": 8,
    "batch_size": 4,
    "confirm_records": 17,
    "values.steps": 20,
    "mu": 1e6,  # so heavy a damping that nothing is written
    "search.space": "{name: planted, greedy.steps: {int: [1, 4]}, mu: {choices: [10.0]}}",
    "search.trials": 3,
    "search.sampler": "qmc",
    "search.scheduler": "none",
    "search.max_failures": 1,
}
"""The baselines keep the sweep's own mu, and the search is better than they are, truly."""

TOP, SEQUENCES, BASELINES = 2, 2, 3
WALKS = SEQUENCES * (TOP + BASELINES)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Path:
    """A sweep that is not confirmed."""
    folder = tmp_path_factory.mktemp("results") / "planted"
    sweep(folder, CHANGES, in_process=True)
    return folder


def copied(swept: Path, to: Path) -> Path:
    return Path(shutil.copytree(swept, to / "planted"))


def walk_files(folder: Path) -> dict[str, int]:
    """The committed walks, and when each was written."""
    return {each.name: each.stat().st_mtime_ns for each in (folder / "confirm").glob("walk-*")}


class Stopping(Watch):
    """Sends this process SIGTERM as soon as a walk is done."""

    def confirming(self, progress: Progress, running: int, failed: int) -> None:
        if progress.done:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(scope="module")
def confirmed(swept: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Confirmed by one driver that gets SIGTERM, one that is killed, and one that is left alone.

    What had ended with the first two is compared with what is there in the end.
    """
    folder = copied(swept, tmp_path_factory.mktemp("confirmed"))
    with pytest.raises(SweepInterrupted, match="interrupted by SIGTERM") as caught:
        confirm_sweep(folder, TOP, None, Options(Stopping(), in_process=True))
    assert status_of(caught.value) == 143
    first = walk_files(folder)
    assert 1 <= len(first) < WALKS
    with driver("confirm", str(folder), "--top", str(TOP), "--in-process") as process:
        wait_until(lambda: len(walk_files(folder)) > len(first), process)
        kill_session(process)
    second = walk_files(folder)
    assert confirm_sweep(folder, TOP, None, HERE) == 0
    last = walk_files(folder)
    assert first.items() <= second.items() <= last.items()
    assert len(last) == WALKS
    return folder


@pytest.fixture(scope="module")
def found(confirmed: Path) -> analysis.Sweep:
    return analysis.load(confirmed)


def test_every_setting_walks_every_sequence_once(found: analysis.Sweep) -> None:
    order = analysis.tables.sweep.ranked(found.trials[found.trials["role"] == "search"])["trial"]
    expected = {(trial, n) for trial in (0, 1, 2, *order[:TOP]) for n in range(SEQUENCES)}
    walks = found.confirm
    assert sorted(expected) == [*zip(walks["trial"], walks["sequence"], strict=True)]
    assert {*walks["status"]} == {"completed"} and (walks["attempt"] == 0).all()
    roles = found.trials.set_index("trial")["role"]
    assert (walks["role"] == walks["trial"].map(roles)).all()


def test_sequences_are_disjoint_paired_and_new_to_the_sweep(found: analysis.Sweep) -> None:
    records = found.confirm_records
    per_walk = records.groupby(["sequence", "trial"])["case_id"].agg(tuple).unstack()
    assert per_walk.nunique(axis=1).tolist() == [1, 1]  # the same for all settings
    first, second = ({*per_walk.loc[n].iloc[0]} for n in range(SEQUENCES))
    assert len(first) == len(second) == 8 and not first & second
    assert not (first | second) & {*found.records["case_id"]}
    assert records.groupby(["sequence", "batch"])["case_id"].nunique().tolist() == [4] * 4


def test_a_walk_is_what_editing_those_records_alone_comes_to(
    confirmed: Path, found: analysis.Sweep
) -> None:
    config = read_sweep_file(confirmed).config
    (selection, *_) = Reserve.read(config.edit).sequences(1)
    winner = confirmation_of(found).winner
    row = found.trials.set_index("trial").loc[winner]
    greedy = replace(config.edit.greedy, steps=int(row["config/greedy.steps"]))
    settings = replace(config.edit, mu=10.0, greedy=greedy)
    model = load_model("factworld")
    inputs = read_inputs(settings, model.config.to_dict())
    alone = replace(config.cache, enabled=False)
    inputs, check = replace(inputs, selection=selection), WeightsCheck(model)
    context = WalkContext(inputs, model, check, model.digest(), alone, {}, lambda: None)
    result = run_edit(*context.open(settings))
    walk = found.confirm.set_index(["trial", "sequence"]).loc[winner, 0]
    for name, value in evaluation_values(result.edited).items():
        assert walk[name] == value
    assert walk["composite_unedited"] == float(result.unedited.held_out.composite)
    records = found.confirm_records.set_index(["trial", "sequence"]).loc[winner, 0]
    assert records["case_id"].tolist() == [each.case_id for each in result.edited.records]
    assert records["ns"].tolist() == [float(each.values.ns) for each in result.edited.records]
    plain = [float(each.values.ns) for each in result.unedited.records]
    assert records["ns_unedited"].tolist() == plain


def test_walks_are_the_means_of_their_records(found: analysis.Sweep) -> None:
    means = found.confirm_records.groupby(["trial", "sequence"])[["es", "ps", "ns"]].mean()
    walks = found.confirm.set_index(["trial", "sequence"])
    pd.testing.assert_frame_equal(means, walks[["es", "ps", "ns"]])
    pd.testing.assert_series_equal(means.mean(axis=1), walks["composite"], check_names=False)


def confirmation_of(sweep: analysis.Sweep) -> Confirmation:
    found = confirmation(sweep)
    assert found is not None
    return found


def test_a_planted_winners_lead_is_there_again(found: analysis.Sweep) -> None:
    judged = confirmation_of(found)
    assert len(judged.verdicts) == BASELINES
    for role, lead in judged.lead_confirmed.items():
        assert lead > 0.2
        assert judged.luck[role] == pytest.approx(judged.lead_in_sweep[role] - lead)


def test_the_command_prints_tables_and_sentences_and_runs_nothing_twice(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    confirmed: Path,
    found: analysis.Sweep,
) -> None:
    before = walk_files(confirmed)
    assert ended(monkeypatch, "confirm", str(confirmed), "--top", str(TOP)) == 0
    out = capsys.readouterr().out
    judged = confirmation_of(found)
    assert re.search(rf"best \(trial {judged.winner}\) +{judged.settings[0].composite:.3f} ", out)
    for role, lead in judged.lead_confirmed.items():
        (line,) = (line for line in out.splitlines() if line.startswith(role) and "/2" in line)
        said = re.findall(r"[+-]\d\.\d{3}", line)
        assert (said[1], said[-1]) == (f"{lead:+.3f}", f"{judged.luck[role]:+.3f}")
    assert "On 2 sequences of 8 unseen records, the best setting" in out
    assert "Of its lead over plain EMMET" in out
    assert walk_files(confirmed) == before


def test_a_winner_that_is_not_confirmed_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    confirmed: Path,
    tmp_path: Path,
) -> None:
    folder = copied(confirmed, tmp_path)
    level(folder, "confirm_records", ["es", "ps", "ns"])
    level(folder, "confirm", ["composite", "es", "ps", "ns", "score"])
    options = ("--top", str(TOP), "--json")
    assert ended(monkeypatch, "confirm", str(folder), *options) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["verdicts"] == dict.fromkeys(said["verdicts"], "cannot tell")
    assert said["luck"] == pytest.approx(said["lead_in_sweep"])


@pytest.mark.parametrize("named", [True, False], ids=["named", "of an earlier version"])
def test_a_margin_that_was_changed_by_hand_counts(
    confirmed: Path, tmp_path: Path, named: bool
) -> None:
    folder = copied(confirmed, tmp_path)
    if not named:
        recommit(folder, lambda content: content["config"].pop("verdict"))
    assert confirmation_of(analysis.load(folder)).margin == 0.01
    rewrite(folder, set_to("config", "verdict", value={"margin": 0.5}))
    assert confirm_sweep(folder, TOP, None, HERE) == 0
    assert confirmation_of(analysis.load(folder)).margin == 0.5


def level(folder: Path, table: str, columns: list[str]) -> None:
    """Make all settings equal."""

    def equal(rows: pa.Table) -> pa.Table:
        for name in columns:
            column = rows.schema.get_field_index(name)
            halves = pa.array([0.5] * len(rows))
            rows = rows.set_column(column, rows.schema.field(column), halves)
        return rows

    recommit_rows(folder, table, equal)


def test_more_settings_are_added_with_other_versions_where_these_are_accepted(
    confirmed: Path, tmp_path: Path
) -> None:
    folder = copied(confirmed, tmp_path)
    recommit(folder, set_to("versions", "torch", value="0.0.1"))
    before = walk_files(folder)
    assert confirm_sweep(folder, TOP + 1, 1, HERE, accept_versions=True) == 0
    after = walk_files(folder)
    assert before.items() <= after.items()
    (new,) = {*after} - {*before}
    metadata = pq.read_schema(folder / "confirm" / new).metadata
    assert metadata[b"ratchet.torch"].decode() == torch.__version__
    judged = confirmation_of(analysis.load(folder))
    assert len(judged.left_out) == 1  # it has walked one sequence of two
    assert judged.sequences == (0, 1)


Change = Callable[[Content], None]
REFUSED: dict[str, tuple[Change, str]] = {
    "another model": (set_to("digests", "model", value="0123456789abcdef"), "the model must be"),
    "another dataset": (
        set_to("digests", "dataset", value="0123456789abcdef"),
        "the dataset must be what the sweep started with: was 0123456789ab, is ",
    ),
    "another setting": (set_to("config", "seed", value=7), "seed in sweep.yaml must be what"),
    "a library": (
        set_to("versions", "torch", value="0.0.1"),
        "the installed ones: --accept-versions",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_differs_from_the_sweep_is_refused(swept: Path, tmp_path: Path, case: str) -> None:
    change, message = REFUSED[case]
    folder = copied(swept, tmp_path)
    recommit(folder, change)
    with pytest.raises(InputError, match=message) as caught:
        confirm_sweep(folder, TOP, None, HERE)
    assert status_of(caught.value) == WRONG_INPUT
    assert {each.name for each in folder.iterdir()} == {each.name for each in swept.iterdir()}


def test_too_few_reserved_records_are_refused_with_what_is_possible(swept: Path) -> None:
    with pytest.raises(InputError, match=r"edits=8\): 2 sequences are possible"):
        confirm_sweep(swept, TOP, 3, HERE)


def test_a_sweep_that_is_being_written_is_left_alone(swept: Path) -> None:
    with SweepLock(LocalFolder(swept)), pytest.raises(SweepLocked, match="is in use by process"):
        confirm_sweep(swept, TOP, None, HERE)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--top", "0"], 2, "Invalid value for '--top'"),
        (["--sequences", "0"], 2, "Invalid value for '--sequences'"),
        ([], 2, "no sweep there"),
    ],
)
def test_wrong_arguments_are_told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    assert ended(monkeypatch, "confirm", str(tmp_path), *arguments) == code
    assert message in " ".join(capsys.readouterr().err.split())


class Counting(Watch):
    """Keeps the largest number of walks at once."""

    most = 0

    def confirming(self, progress: Progress, running: int, failed: int) -> None:
        self.most = max(self.most, running)


@pytest.mark.nightly
@pytest.mark.usefixtures("ray_here")
def test_walks_are_tried_again_and_what_fails_says_why(swept: Path, tmp_path: Path) -> None:
    folder = copied(swept, tmp_path)
    file = read_sweep_file(folder)
    search = replace(file.config.search, trial_timeout=6.0, concurrency=2, max_failures=1)
    file = replace(file, config=replace(file.config, search=search))
    edit = file.config.edit
    walks = []
    for number, metric in enumerate(("good", "dies_once", "hangs", "raises")):
        greedy = replace(edit.greedy, metric=f"{metric_functions.__name__}:{metric}")
        setting = replace(edit, greedy=greedy)
        walks.append(Walk(number, "search", number % SEQUENCES, setting))
    shared = prepared(file.config, lambda progress: None, records=False)
    schemas = confirm_schemas(sweep_id=file.sweep_id, sweep_name=file.name, facts={})
    log, watch = ConfirmLog(LocalFolder(folder), schemas), Counting()
    log.open()
    driver = unlocked(watch)
    session = ConfirmSession(driver.executor(file.config), shared, log, driver)
    session.run(walks, Reserve.read(edit).sequences())
    assert session.failed == 2
    assert 1 <= watch.most <= search.concurrency
    rows = analysis.load(folder).confirm
    assert rows["status"].tolist() == ["completed", "completed", "failed", "failed"]
    assert rows["attempt"].tolist() == [0, 1, 1, 1]
    hung, raised = rows["error"].tolist()[2:]
    assert hung.startswith("no sign of life for longer than search.trial_timeout (6 s); the worker")
    assert "metric_functions:raises': it raised ZeroDivisionError: the metric has a bug" in raised
    assert rows["composite"].notna().tolist() == [True, True, False, False]


def test_walks_that_failed_are_told_with_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], confirmed: Path
) -> None:
    monkeypatch.setattr("search.confirm.run.confirm_sweep", lambda *given, **waits: 2)
    assert ended(monkeypatch, "confirm", str(confirmed)) == 1
    captured = capsys.readouterr()
    assert "2 walks failed; see the column error of confirm" in captured.err
    assert "best leads over" in captured.out
