"""Whatever is wrong with a file or an argument: exit code, a line or a list of lines, no change."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from search.cli.app import main
from tests.search.bad_cases import CONFIGURATIONS, CUTS, MODELS, OVERRIDES, RECORDS, Case
from tests.search.bad_files import (
    ONE_EDIT,
    index_of,
    lay_out,
    memory_limit,
    model,
    pickle_that_writes,
    seen,
)
from tests.search.sweeps import ROOT, command

SECONDS = 20.0
"""Time for one case on a busy machine; alone, none takes longer than two. A bomb takes for ever."""

BYTES = 2**30
"""Address space that a case may add, imported libraries included; a bomb takes terabytes."""

CASES = [*CONFIGURATIONS, *OVERRIDES, *CUTS, *RECORDS, *MODELS]

AS_COMMANDS = (
    "three mistakes are three lines",
    "aliases that multiply",
    "a name that climbs",
    "a dataset that is a device",
    "inside a character",
    "wrong in a million places",
    "a billion layers",
    "an index of pickles",
)


def refused(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command in this process; the exit code that it ends with."""
    monkeypatch.setattr(sys, "argv", ["ratchet", *arguments])
    monkeypatch.setattr(sys, "path", sys.path.copy())
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def check_lines(err: str, says: tuple[str, ...]) -> None:
    """A line for each fault, that a terminal shows and does not obey."""
    lines = err.splitlines()
    assert len(lines) == len(says), err[:2000]
    for line, part in zip(lines, says, strict=True):
        assert line.startswith("ratchet: ")
        assert line.isprintable()
        assert part in line


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_wrong_input_is_refused_with_its_place_and_nothing_changes(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    case: Case,
) -> None:
    lay_out(tmp_path, case.files)
    monkeypatch.chdir(tmp_path)
    before, started = seen(tmp_path), time.monotonic()
    with memory_limit(BYTES):
        code = refused(monkeypatch, *case.command)
    assert time.monotonic() - started < SECONDS
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    check_lines(captured.err, case.says)
    assert seen(tmp_path) == before


def test_the_table_names_every_case_once() -> None:
    groups = (CONFIGURATIONS, OVERRIDES, CUTS, RECORDS, MODELS)
    assert len(CASES) >= 60
    assert all(len({case.name for case in group}) == len(group) for group in groups)


@pytest.mark.parametrize("name", AS_COMMANDS)
def test_the_command_itself_says_the_same(tmp_path: Path, name: str) -> None:
    (case,) = [case for case in CASES if name in case.name]
    lay_out(tmp_path, case.files)
    before = seen(tmp_path)
    done = subprocess.run(
        command(*case.command),
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    check_lines(done.stderr, case.says)
    assert seen(tmp_path) == before


@pytest.mark.parametrize(
    ("pipe", "argument"),
    [
        ("c.yaml", "c.yaml"),
        ("space.yaml", "search.space=space.yaml"),
        ("records.json", "dataset=records.json"),
        ("corpus.txt", "covariance.corpus=corpus.txt"),
        ("pipe", "model=./pipe"),
        ("model/config.json", "model=model"),
        ("model/model.safetensors", "model=model"),
        ("model/tokenizer.json", "model=model"),
    ],
)
def test_a_pipe_is_never_opened_which_would_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    pipe: str,
    argument: str,
) -> None:
    lay_out(tmp_path, model({}))
    (tmp_path / pipe).unlink(missing_ok=True)
    os.mkfifo(tmp_path / pipe)
    monkeypatch.chdir(tmp_path)
    assert refused(monkeypatch, "run", argument, *ONE_EDIT) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert (Path(pipe).name in line and "must be a fi" in line) or "must be a fo" in line
    assert not (tmp_path / "results").exists()


def test_a_pickle_of_weights_is_never_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    made = tmp_path / "made"
    content = pickle_that_writes(made)
    lay_out(tmp_path, model({}, model__safetensors=None, pytorch_model__bin=content))
    monkeypatch.chdir(tmp_path)
    assert refused(monkeypatch, "edit", "model=model", *ONE_EDIT) == 2
    check_lines(capsys.readouterr().err, ("its weights must be safetensors",))
    assert not made.exists()


@pytest.mark.parametrize("family", ["gpt2", "evil"])
def test_code_in_a_model_folder_is_never_run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    family: str,
) -> None:
    """A family that is known is loaded by the library's own code, any other is refused."""
    made = tmp_path / "made"
    own = {"AutoConfig": "evil.Evil", "AutoModelForCausalLM": "evil.Evil"}
    files = model(
        {"model_type": family, "auto_map": own}, evil__py=f"open({str(made)!r}, 'w')".encode()
    )
    lay_out(tmp_path, files)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["ratchet", "edit", "model=model", *ONE_EDIT])
    try:
        main()
    except SystemExit as ended:
        assert ended.code == (0 if family == "gpt2" else 2)
    assert ("model_type must be" in capsys.readouterr().err) == (family == "evil")
    assert not made.exists()


def test_a_model_on_the_hub_may_not_name_pickles_either(tmp_path: Path) -> None:
    made = tmp_path / "made"
    files = model(
        {},
        model__safetensors=None,
        model__safetensors__index__json=index_of("w.bin"),
        w__bin=pickle_that_writes(made),
    )
    snapshot = "home/.cache/huggingface/hub/models--some--model"
    lay_out(tmp_path, {f"{snapshot}/snapshots/abc/{Path(n).name}": c for n, c in files.items()})
    lay_out(tmp_path, {f"{snapshot}/refs/main": b"abc"})
    done = subprocess.run(
        command("edit", "model=some/model", *ONE_EDIT),
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(ROOT),
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path / "home"),
            "HF_HUB_OFFLINE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2
    assert "must name .safetensors files beside it, but got 'w.bin'" in done.stderr
    assert not made.exists()
