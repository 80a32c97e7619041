"""An editor that knows the schema marks what the reader refuses, and nothing that it takes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from greedy_core.errors import SettingsError
from greedy_core.ranges import ends_of, number
from search.cli.app import app
from search.config.reader import ConfigError, read_config
from search.config.schema import schema
from search.config.settings import DECLARED, KEYS, SweepConfig
from spaces.parameters import PARAMETERS


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
        {"search.space.fixed.trust.enabled": True, "search.space.fixed.trust": {"scale": 0.5}},
        {"search": {"space.fixed": {"mu": 10}, "space.fixed.greedy.accept_by": "probes"}},
        {"search.space.greedy": {"steps": {"int": [1, 2]}}, "search.space.fixed": None},
        {"search.space": {"preset": "core", "name": None, "fixed.greedy": {"layers": None}}},
        {"greedy": {}, "values": None, "search": {"seed": 2**63 - 1}, "ray.gpus_per_trial": 0},
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
        ("values.lr", "0.5"),
        ("greedy.steps", "5"),
        ("search.seed", 2**63),
        ("device", "tpu"),
        ("composite_weights", [0, 0, 0]),
        ("layers", [1, 1]),
        ("ray.gpus_per_trial", 1e-9),
        ("search.space", "no_such_preset"),
        ("search.space", {"fixed": []}),
        ("search.space", {"preset": "core", "name": ""}),
        ("search.space", {"preset": "core", "greedy": None}),
        ("search.space", {"greedy.steps": {"int": [1, "8"]}}),
        ("search.space", {"greedy.steps": {"int": [0, 4]}}),
        ("search.space", {"greedy.steps": {"choices": [4, 4]}}),
        ("search.space", {"greedy.steps": {"int": [1, 4], "log": True, "step": 1}}),
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


ODD = (
    *(None, True, False, 0, 1, -1, 2, 0.5, -0.5, 4.0, 1e300, math.nan, math.inf),
    *(2**63 - 1, 2**63, -(2**63), "", "x", "5", "0.5", "1e-3", "null", " ", "a b", "a/b:1"),
    *(
        "auto",
        "cpu",
        "cuda:1",
        "cuda:x",
        "cuda:\u0663",
        "host:6379",
        "host:port",
        "m:f",
        "m.:f",
        "m.n:\u00fc",
    ),
    *("m:", ":f", "a:b:c", f"m:{'f' * 249}", "s3://bucket/p", "gs://x/y", "s3:x", "C:x", "core"),
    *("extended", "no.yaml", [], [0], [0, 1], [1, 0], [0, 0], [-1], ["0"], [0.5], [None], [2**63]),
    *([1, 1, 1], [0, 0, 0], [1, -1, 1], [1, 1], [1, 1, 1, 1], [1e10, 1, 1], ["1", 1, 1], {}),
    *({"a": 1}, {"int": [1, 2]}),
)
BESIDE: Mapping[str, Mapping[str, object]] = {
    "greedy.max_probes": {"batch_size": 1_000_000},
    "search.audit": {"search.trials": 1_000_000},
    "search.grace": {"search.resource": "steps"},
    "greedy.accept_by": {"trust.enabled": True},
}
"""Settings without which another one's range would not be seen."""
WIDER: Mapping[str, tuple[str, Any, Callable[[str, Any], bool]]] = {
    "4.0 is a whole number to JSON schemas": ("edits", 4.0, lambda _, v: 4.0 in _numbers(v)),
    "nan is no JSON": ("mu", math.nan, lambda _, v: any(math.isnan(n) for n in _numbers(v))),
    "the order in a list cannot be said": (
        "layers",
        [1, 0],
        lambda key, v: (
            (key.endswith("layers") and v == [1, 0]) or _definition_in(v).get("choices") == [[1, 0]]
        ),
    ),
    "letters of all scripts cannot be named": (
        "greedy.metric",
        "m.:f",
        lambda key, v: key.endswith("greedy.metric") and v in ("m.:f", "cuda:\u0663"),
    ),
    "addresses without a slash are many": ("model", "s3:x", lambda _, v: v == "s3:x"),
    "whether a file exists cannot be said": (
        "search.space",
        "no.yaml",
        lambda _, v: v == "no.yaml",
    ),
    "what a space searches may be given beside it": (
        "search.space",
        {},
        lambda key, v: key == "search.space" and not v,
    ),
    "what several settings say together": (
        "greedy.accept_by",
        "distance",
        lambda key, v: (
            (key.endswith("greedy.accept_by") and v in ("always", "distance"))
            or (isinstance(v, dict) and not {"greedy.accept_by", "trust.enabled"}.isdisjoint(v))
        ),
    ),
    "which end is the lower one cannot be said": (
        "search.space",
        {"greedy.steps": {"int": [4, 1]}},
        lambda _, v: _ends_in(v) == sorted(_ends_in(v), reverse=True) != [],
    ),
    "how many steps a range has cannot be said": (
        "search.space",
        {"greedy.steps": {"int": [1, 4], "step": 2}},
        lambda _, v: bool(_definition_in(v).get("step")),
    ),
    "what another setting's name stands for cannot be said": (
        "search.space",
        {"greedy.steps": {"int": [1, "covariance.tokens"]}},
        lambda _, v: any(isinstance(end, str) for end in _definition_in(v).get("int") or []),
    ),
}
"""What an editor does not mark although the reader refuses it: why, an example, and which."""


def _definition_in(value: Any) -> dict[str, Any]:
    """How the only setting of a space is searched."""
    found = next(iter(value.values()), None) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _ends_in(value: Any) -> list[float]:
    """The numbers at the ends of that setting's range."""
    definition = _definition_in(value)
    ends = definition.get("int", definition.get("float"))
    return [end for end in ends if isinstance(end, int | float)] if isinstance(ends, list) else []


def _numbers(value: Any) -> list[float]:
    """The numbers with a point that a value has at any depth."""
    if isinstance(value, dict | list):
        below = value.values() if isinstance(value, dict) else value
        return [number for each in below for number in _numbers(each)]
    return [value] if isinstance(value, float) else []


def drawn(key: str) -> list[Any]:
    """Values at and next to the bounds of a setting, its choices, and all odd ones."""
    declared = DECLARED[key]
    found: list[Any] = [declared.default, *ODD]
    for end in (end for each in declared.ranges for end in ends_of(each)):
        found += [number(end), number(end) + 1, number(end) - 1, str(number(end))]
    found += [value for each in DECLARED.values() for value in _names_in(each.annotation)]
    return [list(each) if isinstance(each, tuple) else each for each in found]


def _names_in(annotation: Any) -> list[str]:
    return [each for each in getattr(annotation, "__args__", ()) if isinstance(each, str)]


def accepted(values: Mapping[str, Any], space: bool) -> bool:
    """Whether the reader takes a file with these values."""
    try:
        read_config(
            None, [f"{key}={_as_yaml(value)}" for key, value in values.items()], space=space
        )
    except ConfigError:
        return False
    return True


def _as_yaml(value: object) -> str:
    text = json.dumps(value)
    return text.replace("NaN", ".nan").replace("Infinity", ".inf")


def compare(
    editor: jsonschema.Draft202012Validator, key: str, cases: list[Any], beside: Mapping[str, Any]
) -> None:
    """Never narrower, and wider only for a reason with a name."""
    for value in cases:
        values = {**beside, key: value}
        taken, valid = accepted(values, key.startswith("search.space")), editor.is_valid(values)
        reasons = [name for name, (*_, holds) in WIDER.items() if holds(key, value)]
        assert valid or not taken, f"narrower: {key}: {value!r}"
        assert taken or not valid or reasons, f"wider: {key}: {value!r}"


STRIDES = [7, pytest.param(1, marks=pytest.mark.nightly)]
"""Every seventh of the values that are drawn; at night, all of them."""


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("key", KEYS)
def test_schema_and_reader_take_the_same_values(
    editor: jsonschema.Draft202012Validator, key: str, stride: int
) -> None:
    compare(editor, key, part(key, drawn(key), stride), BESIDE.get(key, {}))


def part(key: str, cases: Iterable[Any], stride: int) -> list[Any]:
    """Every so many of a setting's cases; settings begin at different places."""
    return [*cases][len(key) % stride :: stride]


SEARCHED_BESIDE = {
    "search.scheduler": "none",
    "trust.enabled": True,
    "trust.action": "scale",
    "edits": 1_000_000,
}


def definitions(key: str) -> Iterator[dict[str, Any]]:
    """Ways to search a setting: of each kind, with ends and choices at its bounds and beyond."""
    ends = [number(end) for each in DECLARED[key].ranges for end in ends_of(each)] or [1, 4]
    low, high = ends[0], ends[-1]
    both = (
        [low, high],
        [high, low],
        [low, low],
        [low - 1, high],
        [low, high + 1],
        [low + 0.5, high],
    )
    more = ([low], [low, high, high], ["1", 2], [low, "batch_size"], [key, high], [None, high])
    last = ([low, "no.such"], [low, "mu"], ["1e-3", high], [math.nan, high], [low, True], "x", None)
    for kind in ("int", "float"):
        yield from ({kind: each} for each in (*both, *more, *last))
        for step in (1, 0, -1, 0.25, "1", None, 3):
            yield {kind: [low, high], "step": step}
        for log in (True, False, None, 1):
            yield {kind: [low, high], "log": log}
        yield {kind: [low + 1, high], "log": True, "step": 1}
        yield {kind: [low, high], "log": True, "step": None}
        yield {kind: [low, high], "setp": 1}
    yield from ({"choices": each} for each in ([], None, 4, [None], [1, 1], [1, 2, 3, 4, 5], [{}]))
    yield from ({"choices": [value]} for value in (low, high, low - 1, high + 1, "x", "5", True))
    yield from (
        {"choices": [value]} for value in (*_names_in(DECLARED[key].annotation), [0], [1, 0])
    )
    yield from ({"choices": [1, 2], "log": True}, {"choices": [1], "int": [1, 2]}, {"log": True})
    yield from ({}, {"integer": [1, 2]})


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("key", PARAMETERS)
def test_schema_and_reader_take_the_same_spaces(
    editor: jsonschema.Draft202012Validator, key: str, stride: int
) -> None:
    beside = (
        SEARCHED_BESIDE if key == "batch_size" else {**SEARCHED_BESIDE, "batch_size": 1_000_000}
    )
    spaces = [{key: each} for each in part(key, definitions(key), stride)]
    compare(editor, "search.space", spaces, beside)


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("key", PARAMETERS)
def test_schema_and_reader_take_the_same_fixed_values(
    editor: jsonschema.Draft202012Validator, key: str, stride: int
) -> None:
    beside = {"search.space": "core", "edits": 1_000_000, "batch_size": 1_000_000}
    compare(editor, f"search.space.fixed.{key}", part(key, drawn(key), stride), beside)


@pytest.mark.parametrize("reason", WIDER)
def test_what_is_listed_as_wider_is(editor: jsonschema.Draft202012Validator, reason: str) -> None:
    key, value, holds = WIDER[reason]
    assert holds(key, value)
    assert editor.is_valid({key: value})
    assert not accepted({key: value}, key.startswith("search.space"))
