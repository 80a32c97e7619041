"""The name that people import: what it has, what importing it costs, and what type checkers see."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import ratchet
from search.trainable import GreedyEditTrainable

ROOT = Path(__file__).parents[1]

SCRIPT = """
import ratchet
from ratchet import GreedyEditTrainable, analysis

config = ratchet.Config.from_values({"search.trials": 4})
try:
    outcome = ratchet.run(config, "results/first")
except ratchet.SweepExists as error:
    reveal_type(error.folder)
reveal_type(outcome.trials)
reveal_type(ratchet.confirm("results/first", top=1).confirmation)
reveal_type(ratchet.edit(config).run.edits)
sweep = ratchet.load("results/first")
reveal_type(sweep)
reveal_type(analysis.selected_interval(sweep, trial=5))
reveal_type(ratchet.status("results/first").asked)
reveal_type(ratchet.factworld.MODEL_DIR)
reveal_type(ratchet.__version__)
reveal_type(GreedyEditTrainable())
ratchet.run(config)
ratchet.nonsense
"""
"""What a user writes, with two mistakes at the end."""
SEEN = (
    "str",
    "int",
    "analysis.judging.confirmed.Confirmation | None",
    "int",
    "analysis.tables.sweep.Sweep",
    "tuple[float, float, float, fallback=analysis.judging.intervals.Interval]",
    "int",
    "pathlib.Path",
    "str",
    "search.tune.trainable.GreedyEditTrainable",
)
"""The types in it, in a checkout."""
SETTINGS = """
[mypy]
follow_imports = silent
[mypy-ray.*,torch.*,transformers.*,safetensors.*,pyarrow.*,optuna.*,boto3.*,botocore.*,plotly.*,\
scipy.*,statsmodels.*,numpy.*,pandas.*,typer.*,rich.*,jinja2.*,nbformat.*,yaml.*]
follow_imports = skip
ignore_missing_imports = true
"""


def test_every_name_is_there() -> None:
    assert [name for name in ratchet.__all__ if not hasattr(ratchet, name)] == []
    assert dir(ratchet) == ratchet.__all__ == sorted(ratchet.__all__)
    assert not hasattr(ratchet, "nonsense")
    assert ratchet.GreedyEditTrainable is GreedyEditTrainable


def test_every_error_that_people_catch_has_a_name() -> None:
    """`OutputLost` is the command line's own."""
    owned = {
        node.name
        for package in ("analysis", "greedy_core", "search")
        for node in ast.parse((ROOT / package / "errors.py").read_text("utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
    assert owned - {"OutputLost"} <= set(ratchet.__all__)


def test_importing_it_and_checking_a_configuration_load_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("torch", "transformers", "ray", "pandas", "plotly")
    script = (
        "import sys, ratchet\n"
        "early = [m for m in ('typing', 'optuna', 'numpy') if m in sys.modules]\n"
        "ratchet.run, ratchet.InputError, ratchet.Watch\n"
        "ratchet.Config.from_values({'edits': 4})\n"
        f"print(early, [m for m in {heavy} if m in sys.modules])\n"
    )
    # Without the start-up files of installed packages, which may import what they like.
    line = [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}\n{script}"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.strip() == "[] []", done.stdout + done.stderr


def test_type_checkers_see_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(SCRIPT)
    (tmp_path / "mypy.ini").write_text(SETTINGS)
    line = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "user.py"]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True)
    notes = [text for text in done.stdout.splitlines() if "Revealed type is" in text]
    assert [text.split('"')[1] for text in notes] == [*SEEN], done.stdout + done.stderr
    errors = [
        text.partition(" error: ")[2] for text in done.stdout.splitlines() if "error:" in text
    ]
    assert errors == [
        'Missing positional argument "folder" in call to "run"  [call-arg]',
        'Module has no attribute "nonsense"  [attr-defined]',
    ]
