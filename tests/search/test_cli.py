from __future__ import annotations

import errno
import json
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
import torch
import typer.main
from typer.testing import CliRunner

import analysis
from analysis.tables.schema import STEPS
from search.cli.app import REPORT, app, main
from search.cli.exit_status import (
    BROKEN_PIPE,
    DAMAGED,
    INTERRUPTED,
    LOCKED,
    OUR_FAULT,
    SOME_FAILED,
    WRONG_INPUT,
)
from search.config.reader import read_config
from search.results.parts import LocalFolder
from tests.search.sweeps import ROOT, SMALL, overrides

COMMANDS = (
    "check",
    "run", "resume", "extend", "edit", "best", "confirm", "report", "export", "status", "config",
)  # fmt: skip
WALK = {key: value for key, value in SMALL.items() if not key.startswith("search.")}


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command in this process; its exit code."""
    monkeypatch.setattr(sys, "argv", ["ratchet", *arguments])
    monkeypatch.setattr(sys, "path", sys.path.copy())
    with pytest.raises(SystemExit) as caught:
        main()
    code = caught.value.code
    return code if isinstance(code, int) else 0


def test_these_are_the_commands() -> None:
    group = typer.main.get_command(app)
    assert sorted(getattr(group, "commands", {})) == sorted(COMMANDS)


def test_help_says_what_exit_codes_mean_and_what_each_command_does() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    assert "..." not in shown.partition("Commands:")[2]
    for code in (0, SOME_FAILED, WRONG_INPUT, DAMAGED, LOCKED, OUR_FAULT, INTERRUPTED, BROKEN_PIPE):
        assert re.search(rf"\b{int(code)}\b", shown.partition("Exit codes:")[2])


def raises(error: BaseException) -> Callable[..., NoReturn]:
    def command(*given: object) -> NoReturn:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ZeroDivisionError("by \x1b[2J zero"), OUR_FAULT),
        (OSError(errno.EPIPE, "somebody else's pipe"), OUR_FAULT),
        (EOFError("of another file"), OUR_FAULT),
        (RecursionError(), OUR_FAULT),
        (SystemExit(1), OUR_FAULT),
        (SystemExit("a library's text"), OUR_FAULT),
        (MemoryError(), WRONG_INPUT),
        (KeyboardInterrupt(), INTERRUPTED),
    ],
    ids=repr,
)
def test_exit_code_1_is_never_an_accident(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
) -> None:
    monkeypatch.setattr("search.config.arguments.split_arguments", raises(error))
    assert ended(monkeypatch, "config") == code
    err = capsys.readouterr().err
    assert (f"ratchet: {REPORT}\nTraceback" in err) == (code == OUR_FAULT)
    assert "\x1b" not in err


@pytest.mark.parametrize("arguments", [["run", "--nonsense"], ["extend"], ["nonsense"], []])
def test_a_wrong_use_is_exit_code_2(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    assert ended(monkeypatch, *arguments) == WRONG_INPUT


def test_the_module_is_the_command_too() -> None:
    for module in ("search.cli.app", "ratchet_tune", "ratchet"):
        line = [sys.executable, "-m", module, "--help"]
        shown = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert "Exit codes:" in shown


NO_TEXT = "\udcff"
"""How Python hands on a byte that is no text."""


def test_an_argument_that_is_no_text_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ended(monkeypatch, "run", f"dataset={NO_TEXT}.json") == 2
    expected = "ratchet: an argument must be UTF-8, but got dataset=\\udcff.json\n"
    assert capsys.readouterr().err == expected


def test_a_working_directory_whose_name_is_no_text_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / NO_TEXT).mkdir()
    monkeypatch.chdir(tmp_path / NO_TEXT)
    assert ended(monkeypatch, "config") == 2
    assert "working directory's name must be UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "place"),
    [("best", "."), ("status", "."), ("resume", "."), ("resume", "trials"), ("check", "trials")],
)
def test_a_file_in_a_sweep_whose_name_is_no_text_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    finished: Path,
    command: str,
    place: str,
) -> None:
    shutil.copytree(finished, tmp_path / "sweep")
    (tmp_path / "sweep" / place / NO_TEXT).touch()
    assert ended(monkeypatch, command, str(tmp_path / "sweep")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("holds a file whose name is not UTF-8")


def test_a_user_without_a_home_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unknown(number: int) -> NoReturn:
        raise KeyError(f"uid not found: {number}")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert ended(monkeypatch, "edit", *overrides(WALK)) == 2
    assert "this user has no home folder" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert f"Example: ratchet {command}" in shown.output


def test_config_prints_a_file_that_gives_the_same_configuration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "printed.yaml"
    given = ["edits=8", "search.space=extended", "layers=[0, 1]", "greedy.min_improvement=0.02"]
    assert ended(monkeypatch, "config", *given) == 0
    printed = capsys.readouterr().out
    file.write_text(printed)
    assert ended(monkeypatch, "config", str(file)) == 0
    assert capsys.readouterr().out == printed
    config = read_config(file, space=False)
    assert (config.edit.edits, config.edit.layers) == (8, (0, 1))


def test_edit_prints_numbers_and_writes_its_steps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    events = tmp_path / "steps.jsonl"
    code = ended(monkeypatch, "edit", *overrides(WALK), "--json", "--events", str(events))
    assert code == 0
    summary = json.loads(capsys.readouterr().out)
    steps = [json.loads(line) for line in events.read_text().splitlines()]
    assert summary["edits"] == 8
    assert summary["steps"] == len(steps)
    assert summary["accept_rate"] == sum(step["accepted"] for step in steps) / len(steps)
    assert 0 <= summary["unedited"]["composite"] <= summary["composite"] <= 1
    assert set(steps[0]) == {column.name for column in STEPS} - {"trial"}


def test_edit_shows_every_step_and_the_metrics(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {**WALK, "greedy.steps": 1, "greedy.accept_by": "always"}
    assert ended(monkeypatch, "edit", *overrides(settings)) == 0
    out = capsys.readouterr().out
    assert re.findall(r"batch (\d) layer \d step 0: +0 -> 1 +kept", out) == list("0123")
    assert re.search(r"unedited +0\.\d{3}", out)
    assert re.search(r"edited +0\.\d{3}", out)


def test_best_agrees_with_the_tables(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    finished: Path,
    tables: analysis.Sweep,
) -> None:
    assert ended(monkeypatch, "best", str(finished), "--json") == 0
    verdict = json.loads(capsys.readouterr().out)
    trials = tables.trials.set_index("trial")
    winner = trials.loc[verdict["trial"]]
    assert winner["role"] == "search"
    assert verdict["metrics"]["composite"] == winner["composite"]
    assert verdict["settings"]["greedy.steps"] == winner["config/greedy.steps"]
    leads = {role: values["lead"] for role, values in verdict["baselines"].items()}
    baselines = trials[trials["role"] != "search"].set_index("role")["composite"]
    assert leads == pytest.approx((winner["composite"] - baselines).to_dict())
    assert ended(monkeypatch, "best", str(finished)) == 0
    assert f"best (trial {verdict['trial']})" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "edit", "config"])
def test_all_faults_are_reported_at_once_and_nothing_heavy_is_imported(
    command: str, tmp_path: Path
) -> None:
    script = (
        "import sys\n"
        "from search.cli.app import main\n"
        "try:\n    main()\n"
        "finally:\n    assert not {'torch', 'ray', 'transformers'} & set(sys.modules)\n"
    )
    wrong = ["greedy.stepz=4", "mu=x", "edits=0"]
    done = subprocess.run(
        [sys.executable, "-c", script, command, *wrong],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert all(line.startswith("ratchet: override ") for line in lines)
    for text, line in zip(wrong, lines, strict=True):
        assert text.partition("=")[0] in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--name", "../elsewhere"], "--name must be letters, digits"),
        (["run", "--name", "a/b"], "--name must be letters, digits"),
        (["run", "--name", ".hidden"], "--name must be letters, digits"),
        (["run", "--name", ""], "--name must be letters, digits"),
        (["run", "a.yaml", "b.yaml"], "one configuration file can be given, but got a.yaml, b."),
        (["run", "no-such.yaml"], "no-such.yaml"),
        (["run", "model=/no/such/folder"], "/no/such/folder"),
        (["run", "dataset=/no/such/file.json"], "/no/such/file.json"),
        (["run", "edits=100000"], "`edits + confirm_records <= records of the dataset`"),
        (["edit", "layers=[99]"], "99"),
        (["edit", "greedy.metric=no_such_module:f"], "No module named 'no_such_module'"),
        (["edit", "--events", "no/such/folder/steps.jsonl"], "--events no/such/folder"),
    ],
)
def test_wrong_input_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ended(monkeypatch, *arguments) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("ratchet: ")
    assert message in line
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_events_that_finds_no_place_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = overrides({**WALK, "edits": 4})
    assert ended(monkeypatch, "edit", *settings, "--json", "--events", "/dev/full") == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1] == (
        "ratchet: --events /dev/full: cannot be written: No space left on device"
    )
    assert captured.out == ""


def test_an_edit_for_which_memory_is_not_enough_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def enormous(*given: object) -> object:
        return torch.empty(2**60, dtype=torch.uint8)

    monkeypatch.setattr("greedy_core.walk.edit.run_edit", enormous)
    assert ended(monkeypatch, "edit", *overrides(WALK)) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("ratchet: memory was not enough; ")


def test_an_endpoint_that_is_no_url_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "store:9000")
    assert ended(monkeypatch, "run", *overrides({"cache.dir": "s3://bucket/cache"})) == 2
    assert "AWS_ENDPOINT_URL must be a URL" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["best", "loop"],
        ["status", "loop"],
        ["run", *overrides({}), "--results", ".", "--name", "loop"],
        ["run", *overrides({}), "--results", "loop"],
    ],
    ids=["best", "status", "run there", "run inside"],
)
def test_a_folder_that_cannot_be_looked_into_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    assert ended(monkeypatch, *arguments) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"ratchet: {tmp_path}/loop")
    assert line.endswith("Too many levels of symbolic links")


def test_a_working_directory_that_was_deleted_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert ended(monkeypatch, "config") == 2
    assert capsys.readouterr().err == (
        "ratchet: the working directory cannot be used: No such file or directory\n"
    )


def test_a_folder_above_that_cannot_be_looked_into_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "exists", refused)
    with pytest.raises(analysis.StorageError, match="cannot be written: Permission denied"):
        LocalFolder(tmp_path / "sweep").create()


@pytest.mark.parametrize(
    ("command", "content"),
    [
        *(("best", content) for content in (None, "{", "- 1")),
        *(("resume", content) for content in (None, "{", "- 1", "", "config: {edits: many}")),
    ],
)
def test_a_missing_sweep_is_exit_code_2_and_a_damaged_one_3(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    command: str,
    content: str | None,
) -> None:
    folder = tmp_path / "sweep"
    if content is not None:
        folder.mkdir()
        (folder / "sweep.yaml").write_text(content)
    assert ended(monkeypatch, command, str(folder)) == (2 if content is None else 3)
    captured = capsys.readouterr()
    assert captured.err.startswith(f"ratchet: {folder}")
    assert "Traceback" not in captured.err
    assert list(tmp_path.iterdir()) == ([] if content is None else [folder])


def test_damaged_parts_are_named(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    finished: Path,
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(finished, folder)
    (part,) = (folder / "trials").iterdir()
    part.write_bytes(part.read_bytes()[:100])
    for command in ("best", "resume"):
        assert ended(monkeypatch, command, str(folder)) == 3
        assert part.name in capsys.readouterr().err
