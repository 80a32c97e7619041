"""Help and tables say of a setting what its declaration says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from greedy_core.ranges import ends_of, number, plain
from search.cli.app import app
from search.config.described import described
from search.config.settings import DECLARED, KEYS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("settings_page", DOCS / "settings_page.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_and_the_readme_are_what_make_docs_writes(writer: ModuleType) -> None:
    assert writer.PAGE.read_text(encoding="utf-8") == writer.page()
    found = writer.README.read_text(encoding="utf-8")
    assert found == writer.readme(found)
    assert all(f"`{key}` |" in writer.page() for key in KEYS)


def test_the_help_of_config_shows_every_setting() -> None:
    shown = CliRunner().invoke(app, ["config", "--help"], env={"COLUMNS": "300"}).output
    for each in described():
        assert f"{each.key} = {each.default}" in shown


def test_help_shows_every_bound() -> None:
    shown = CliRunner().invoke(app, ["config", "--help"], env={"COLUMNS": "300"}).output
    for each in described():
        ends = [end for said in DECLARED[each.key].ranges for end in ends_of(said)]
        assert all(plain(number(end)) in each.values for end in ends)
        assert f"({each.values})" in " ".join(shown.split())
