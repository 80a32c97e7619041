"""What each command imports: nobody waits for a library that the command does not use."""

from __future__ import annotations

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


def imported_by(*arguments: str, code: int = 0) -> set[str]:
    """The heavy modules that a command has imported at its end."""
    command = [sys.executable, "-c", _TELLING, ",".join(HEAVY), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return {*done.stdout.splitlines()[-1].removeprefix("imported:").split()}


def test_help_imports_nothing_heavy() -> None:
    assert imported_by("--help") == imported_by("run", "--help") == set()


def test_a_configuration_needs_optuna_alone() -> None:
    assert imported_by("config") == {"optuna"}


@pytest.mark.parametrize(
    ("line", "needs"),
    [
        *((f"{command} missing", {"pyarrow"}) for command in ("best", "status", "report")),
        *(
            (f"{command} missing", {"pyarrow", "optuna"})
            for command in ("check", "confirm", "resume")
        ),
        ("extend missing --trials 1", {"pyarrow", "optuna"}),
        *((f"export missing {out}", {"pyarrow", "optuna"}) for out in ("out", "tests")),
        *((f"{command} nonsense=1", {"optuna"}) for command in ("run", "edit", "config")),
        ("run --name ..", {"optuna"}),
        ("report missing --out s3://bucket/file", set()),
        *((line, set()) for line in ("extend missing --trials 0", "confirm missing --top 0")),
        *((line, set()) for line in ("report missing --format pdf", "run --nonsense", "nonsense")),
    ],
)
def test_a_refusal_comes_before_what_it_does_not_need(line: str, needs: set[str]) -> None:
    assert imported_by(*line.split(), code=2) <= needs


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


WORKERS = {"torch", "transformers", "scipy"}
"""What a driver leaves to its workers."""


def test_a_driver_that_has_ray_start_imports_nothing_of_its_workers(finished: Path) -> None:
    assert not WORKERS & imported_by("resume", str(finished))
    code = (
        "import search.tune.executor, search.session.session, search.confirm.run\n"
        "import sys\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "ray.tune" in done.stdout.split()
    assert not WORKERS & {*done.stdout.split()}


@pytest.mark.nightly
def test_nor_does_one_that_runs_trials(tmp_path: Path) -> None:
    settings = (f"{key}={value}" for key, value in {**SMALL, "search.trials": 1}.items())
    at = ("--results", str(tmp_path), "--name", "new")
    assert not WORKERS & imported_by("run", *settings, *at)
    more = ("--trials", "1", "search.sampler=random")
    assert not WORKERS & imported_by("extend", str(tmp_path / "new"), *more)
