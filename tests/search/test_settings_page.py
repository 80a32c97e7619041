"""Help, tables and the schema say of a setting what its declaration says."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from greedy_core.errors import SettingsError
from search.cli.app import app
from search.config.described import described
from search.config.reader import read_config
from search.config.schema import schema
from search.config.settings import KEYS, SweepConfig

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


def test_the_schema_is_one_and_is_printed() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    printed = CliRunner().invoke(app, ["config", "--schema"]).output
    assert json.loads(printed) == json.loads(json.dumps(schema()))


@pytest.fixture(scope="module")
def editor() -> jsonschema.Draft202012Validator:
    """An editor that knows the schema."""
    return jsonschema.Draft202012Validator(schema())


@pytest.mark.parametrize(
    "right",
    [
        {},
        yaml.safe_load(SweepConfig().to_yaml()),
        yaml.safe_load(SweepConfig().self_contained().to_yaml()),
        {"greedy": {"steps": 4}, "trust.enabled": True},
        {"layers": [0, 2], "values": {"clamp": 1.5}, "composite_weights": [1, 1, 3]},
        {"search": {"space": {"greedy.steps": {"int": [1, 4]}, "fixed": {"rank": 4}}}},
        {"search": {"space": {"greedy": {"steps": {"int": [1, "batch_size"]}}}}},
        {"search.space": {"preset": "extended", "mu": None, "rank": {"choices": [None, 4]}}},
        {"search.space.greedy.min_improvement": {"float": [0.01, 1], "log": True}},
        {"search": {"space.greedy.min_improvement": {"float": [0, 0.05], "step": 0.01}}},
        {"search": {"space": {"name": "x", "mu": {"choices": [1, 2.5]}, "fixed": {}}}},
        {"search.space.preset": "core", "search.space.name": "mine"},
        {"search.space": {"greedy.steps": {"int": [1, 2]}}, "search.space.fixed": {"mu": 10}},
        {"greedy": None, "search": None, "values": {"lr": 1e-3}, "mu": 10},
    ],
)
def test_what_ratchet_takes_an_editor_does_not_mark(
    right: Mapping[str, Any], editor: jsonschema.Draft202012Validator, tmp_path: Path
) -> None:
    file = tmp_path / "given.yaml"
    file.write_text(yaml.safe_dump(right))
    read_config(file)
    editor.validate(right)


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("greedy.steps", 0),
        ("greedy.steps", 2.5),
        ("greedy.stepz", 4),
        ("greedy.signal", "margins"),
        ("trust.scale", 1),
        ("values.clamp", 0),
        ("layers", []),
        ("model", ""),
        ("search.seed", -1),
        ("cache.limit_gb", 0),
        ("composite_weights", [1, 1]),
        ("ray.address", 6379),
        ("values.lr", "fast"),
        ("search.space", {"greedy.steps": {"integer": [1, 4]}}),
        ("search.space", {"greedy.steps": {"int": [1, 4, 8]}}),
        ("search.space", {"greedy.steps": 4}),
        ("search.space", {"greedy.steps": {"int": [1, 4], "choices": [1]}}),
        ("search.space", {"mu": {"float": [1.0, 2.0]}}),
        ("search.space", {"mu": {"choices": []}}),
        ("search.space", {"mu": {"choices": [1, 2, 3, 4, 5]}}),
        ("search.space", {"seed": {"choices": [1]}}),
        ("search.space", {"greedy.steps": {"int": [1, 4]}, "fixed": {"trust.scale": 1}}),
    ],
)
def test_what_ratchet_refuses_an_editor_marks(
    editor: jsonschema.Draft202012Validator, key: str, wrong: Any
) -> None:
    with pytest.raises(SettingsError):
        SweepConfig().with_values({key: wrong}).search_space()
    group, _, name = key.rpartition(".")
    for spelled in ({key: wrong}, {group: {name: wrong}} if group else {key: wrong}):
        with pytest.raises(jsonschema.ValidationError):
            editor.validate(spelled)
