"""What each command imports: nobody waits for a library that the command does not use."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from search.commands.sweeps import confirm
from tests.search.sweeps import SMALL, sweep

HEAVY = ("torch", "transformers", "ray", "pandas", "pyarrow", "optuna", "scipy", "plotly", "boto3")

_TELLING = """
import atexit, sys

heavy, sys.argv[1:] = sys.argv[1].split(","), sys.argv[2:]
atexit.register(lambda: print("imported:", *(m for m in heavy if m in sys.modules)))
from ratchet_tune import main
main()
"""


def imported_by(*arguments: str) -> set[str]:
    """The heavy modules that a command has imported at its end."""
    command = [sys.executable, "-c", _TELLING, ",".join(HEAVY), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {*done.stdout.splitlines()[-1].removeprefix("imported:").split()}


def test_help_imports_nothing_heavy() -> None:
    assert imported_by("--help") == imported_by("run", "--help") == set()


def test_a_configuration_needs_optuna_alone() -> None:
    assert imported_by("config") == {"optuna"}


def test_looking_at_a_sweep_needs_parquet_alone(finished: Path) -> None:
    assert imported_by("best", str(finished)) == {"pyarrow"}
    assert imported_by("best", str(finished), "--json") == {"pyarrow"}
    assert imported_by("status", str(finished)) == {"pyarrow"}
    assert imported_by("status", str(finished), "--json") == {"pyarrow"}


def test_looking_at_a_confirmed_sweep_needs_no_more(tmp_path: Path, cache_folder: Path) -> None:
    sweep(tmp_path / "confirmed", {"search.trials": 1, "confirm_records": 16}, in_process=True)
    confirm(tmp_path / "confirmed", top=1, in_process=True)
    assert imported_by("best", str(tmp_path / "confirmed")) == {"pyarrow"}
    assert imported_by("status", str(tmp_path / "confirmed")) == {"pyarrow"}


def test_a_driver_leaves_torch_to_its_workers(finished: Path, tmp_path: Path) -> None:
    settings = (f"{key}={value}" for key, value in {**SMALL, "search.trials": 1}.items())
    at = ("--results", str(tmp_path), "--name", "new")
    heavy = {"torch", "transformers", "scipy"}
    assert not heavy & imported_by("run", *settings, *at)
    assert not heavy & imported_by("resume", str(finished))


@pytest.mark.nightly
def test_so_does_one_that_extends(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "more")
    settings = ("--trials", "1", "search.sampler=random")
    heavy = {"torch", "transformers", "scipy"}
    assert not heavy & imported_by("extend", str(tmp_path / "more"), *settings)
