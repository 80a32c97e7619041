"""The packages' imports point one way: search uses the others, and none of them uses search."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"greedy_core", "spaces", "search", "analysis"}

FORBIDDEN = [
    ("greedy_core", {"ray", "optuna", "pandas", "pyarrow", "spaces", "search", "analysis"}),
    ("spaces", {"ray", "torch", "transformers", "greedy_core", "search", "analysis"}),
    ("analysis", {"ray", "torch", "transformers", "greedy_core", "spaces", "search"}),
]


def imports(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every module that the files of a folder import, inside functions too, by its top name."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for name in node.names:
                    yield file, name.name.partition(".")[0]
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                yield file, node.module.partition(".")[0]


@pytest.mark.parametrize(("package", "forbidden"), FORBIDDEN, ids=[p for p, _ in FORBIDDEN])
def test_a_package_imports_nothing_it_must_not_know(package: str, forbidden: set[str]) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}: {name}"
        for file, name in imports(ROOT / package)
        if name in forbidden
    ]
    assert wrong == []


def test_search_alone_imports_ray() -> None:
    users = {package for package in OURS for _, name in imports(ROOT / package) if name == "ray"}
    assert users == {"search"}


def test_no_package_imports_the_tests_or_the_benchmarks() -> None:
    wrong = [
        str(file)
        for package in OURS
        for file, name in imports(ROOT / package)
        if name in {"tests", "benchmarks"}
    ]
    assert wrong == []
