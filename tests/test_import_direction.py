"""Imports point one way, between packages and within them; pyproject.toml declares the arrows."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
OURS = ("ratchet", "greedy_core", "spaces", "search", "analysis")


def test_every_import_follows_a_declared_arrow() -> None:
    call = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run([sys.executable, "-c", call], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_no_package_imports_the_tests_or_the_benchmarks() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}: {name}"
        for package in OURS
        for file in sorted((ROOT / package).rglob("*.py"))
        for name in imported(file)
        if name in {"tests", "benchmarks"}
    ]
    assert wrong == []


def imported(file: Path) -> list[str]:
    """The top names of all that a file imports, inside functions too."""
    nodes = [*ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    plain = [name.name for node in nodes if isinstance(node, ast.Import) for name in node.names]
    named = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return [name.partition(".")[0] for name in (*plain, *named)]
