"""Folders and environments that a sweep must not be misled by."""

from __future__ import annotations

import os
from pathlib import Path

FOREIGN = (
    *("analysis", "greedy_core", "ratchet", "search", "spaces"),
    *("optuna", "pandas", "pyarrow", "random", "ray", "tempfile", "torch", "yaml"),
)
"""Names of ours, of what we need, and of Python's own."""
METRIC = """
import helper_of_mine
import sys

def metric_fn(model, tokenizer, requests):
    return {"es": 1.0, "ps": 1.0, "ns": 1.0, "composite": helper_of_mine.COMPOSITE}

def hostile(model, tokenizer, requests):
    print("told by a worker \\x1b[2J \\x9b31m", file=sys.stderr)
    raise ValueError(helper_of_mine.TEXT)
"""
HOSTILE = "\x1b]0;title\x07 \x1b[2J \x9b31m \u202e \u2028 \rgone \udc9b"


def crowd(folder: Path) -> Path:
    """Make a folder with modules and packages that are named as ours, and a metric function."""
    folder.mkdir()
    for number, name in enumerate(FOREIGN):
        if number % 3:
            (folder / f"{name}.py").write_text(f"raise RuntimeError('foreign {name}')\n")
        else:
            (folder / name).mkdir()
            (folder / name / "__init__.py").write_text(f"raise RuntimeError('foreign {name}')\n")
    (folder / "metric_of_mine.py").write_text(METRIC)
    (folder / "helper_of_mine.py").write_text(f"COMPOSITE = 0.75\nTEXT = {HOSTILE!r}\n")
    return folder


def clean_environment(**changes: str) -> dict[str, str]:
    """The tests' own environment, without what says where to import from."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, **changes}
