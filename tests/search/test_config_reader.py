from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from search.config.places import PLACES
from search.config.reader import ConfigError, read_config
from search.config.settings import KEYS, SweepConfig

FREE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("sweep.yaml")


def changed(config: SweepConfig) -> dict[str, object]:
    return {key: value for key, value in config.flat().items() if value != DEFAULTS[key]}


def faults(path: Path | None, *overrides: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read_config(path, overrides)
    return caught.value.faults


DEFAULTS = SweepConfig().flat()
CORE_CHANGED = {"preset": "core", "greedy.steps": {"int": [1, 4]}}


def test_without_anything_it_is_the_defaults() -> None:
    assert read_config(None, []) == SweepConfig()


@pytest.mark.parametrize(
    ("override", "values"),
    [
        ("greedy.steps=4", {"greedy.steps": 4}),
        (" greedy.steps = 4", {"greedy.steps": 4}),
        ("greedy={steps: 4, patience: 0}", {"greedy.steps": 4, "greedy.patience": 0}),
        ("greedy=", {}),
        ("mu=1e-3", {"mu": 0.001}),
        ("mu=100", {"mu": 100.0}),
        ("layers=[0,1]", {"layers": (0, 1)}),
        ("composite_weights=[1,1,3]", {"composite_weights": (1.0, 1.0, 3.0)}),
        ("cache.dir=null", {}),
        ("cache.dir=a=b", {"cache.dir": "a=b"}),
        ("model='2024'", {"model": "2024"}),
        ("trust.enabled=True", {"trust.enabled": True}),
        ("search.space=core", {}),
        ("search.space=extended", {"search.space": "extended"}),
        ("search.space.greedy.steps={int: [1, 4]}", {"search.space": CORE_CHANGED}),
        ("search.space.greedy={steps: {int: [1, 4]}}", {"search.space": CORE_CHANGED}),
        (
            "search.space={greedy.steps: {int: [1, 4]}}",
            {"search.space": {"greedy.steps": {"int": [1, 4]}}},
        ),
        (
            "search.space.fixed.trust.enabled=true",
            {"search.space": {"preset": "core", "fixed.trust.enabled": True}},
        ),
    ],
)
def test_overrides(override: str, values: dict[str, object]) -> None:
    assert changed(read_config(None, [override])) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("greedy:\n  # steps: 4\n", {}),
        ("greedy: {steps: 4}\ngreedy.patience: 0\n", {"greedy.steps": 4, "greedy.patience": 0}),
        (
            "search:\n  space:\n    greedy: {steps: {int: [1, 4]}}\n",
            {"search.space": {"greedy": {"steps": {"int": [1, 4]}}}},
        ),
        ("greedy:\n  {}\n", {}),
    ],
)
def test_files(file: Path, text: str, values: dict[str, object]) -> None:
    file.write_text(text)
    assert changed(read_config(file, [])) == values


STEPS = {"greedy.steps": {"int": [1, 4]}}
ONE_SETTING_OF_THE_SPACE = [
    ({"search.space.greedy.steps": STEPS["greedy.steps"]}, CORE_CHANGED),
    ({"search.space": "core", "search.space.greedy.steps": STEPS["greedy.steps"]}, CORE_CHANGED),
    ({"search.space.greedy.steps": STEPS["greedy.steps"], "search.space": "core"}, CORE_CHANGED),
    (
        {"search.space.greedy.steps": STEPS["greedy.steps"], "search.space": "extended"},
        {"preset": "extended", **STEPS},
    ),
    (
        {"search.space": {"mu": {"choices": [1]}}, "search.space.greedy.steps": {"int": [1, 4]}},
        {"mu": {"choices": [1]}, **STEPS},
    ),
    ({"search.space": STEPS}, STEPS),
    ({"search.space.name": "mine"}, {"preset": "core", "name": "mine"}),
    ({"search.space.greedy.steps": None}, {"preset": "core", "greedy.steps": None}),
    ({"search.space.fixed.mu": 10}, {"preset": "core", "fixed.mu": 10}),
]


@pytest.mark.parametrize(("values", "space"), ONE_SETTING_OF_THE_SPACE)
def test_a_setting_of_the_space_means_the_same_in_a_file_an_override_and_python(
    file: Path, values: dict[str, Any], space: dict[str, Any]
) -> None:
    file.write_text(yaml.safe_dump(values, sort_keys=False))
    overrides = [f"{key}={json.dumps(value)}" for key, value in values.items()]
    assert changed(read_config(file, [])) == {"search.space": space}
    assert changed(read_config(None, overrides)) == {"search.space": space}
    assert changed(SweepConfig.from_values(values)) == {"search.space": space}


@pytest.mark.parametrize("preset", ["core", "extended"])
def test_what_config_prints_is_read_as_the_same_space(file: Path, preset: str) -> None:
    override = ["search.space.greedy.steps={int: [1, 4]}", f"search.space={preset}"]
    for config in (read_config(None, override), read_config(None, override).self_contained()):
        file.write_text(config.to_yaml())
        assert read_config(file).search_space() == config.search_space()


def test_a_space_on_the_command_line_replaces_the_files_with_all_its_changes(file: Path) -> None:
    file.write_text("search.space.greedy.steps: {int: [1, 4]}\n")
    assert changed(read_config(file, ["search.space=extended"])) == {"search.space": "extended"}
    overrides = ["search.space.greedy.patience={int: [1, 2]}"]
    assert changed(read_config(file, overrides)) == {
        "search.space": {**CORE_CHANGED, "greedy.patience": {"int": [1, 2]}}
    }


def test_overrides_beat_the_file_and_later_ones_beat_earlier_ones(file: Path) -> None:
    file.write_text(
        "greedy: {steps: 2, patience: 3}\nsearch.space: {greedy.steps: {int: [1, 2]}}\n"
    )
    overrides = ["greedy.steps=3", "greedy.steps=4", "search.space.greedy.steps={int: [1, 3]}"]
    assert changed(read_config(file, overrides)) == {
        "greedy.steps": 4,
        "greedy.patience": 3,
        "search.space": {"greedy.steps": {"int": [1, 3]}},
    }


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("foo", "must be of the form key=value"),
        ("=4", "must be of the form key=value"),
        ("greedy.stepz=4", "'greedy.stepz' is not a setting (did you mean `greedy.steps`?)"),
        (
            "steps=4",
            "'steps' is not a setting (did you mean `values.steps` or `greedy.steps`?)",
        ),
        ("greedy=4", "'greedy' is a group of settings, such as `greedy.steps`"),
        ("greedy=[]", "'greedy' is a group of settings, such as `greedy.steps`"),
        ("greedy=false", "'greedy' is a group of settings, such as `greedy.steps`"),
        ("greedy.steps=", "greedy.steps must be a whole number, but got null"),
        ("greedy.steps=4.0", "greedy.steps must be a whole number, but got 4.0"),
        ("greedy.steps=true", "greedy.steps must be a whole number, but got true"),
        ("greedy.steps=[4]", "greedy.steps must be a whole number, but got [4]"),
        ("mu=.nan", "mu must be a number or null, but got nan"),
        ("mu=-.inf", "mu must be a number or null, but got -inf"),
        ("model=2024", "model must be text, but got 2024"),
        (
            "greedy.signal=margins",
            "greedy.signal must be one of margin, success, but got 'margins'",
        ),
        ("layers=0", "layers must be a list of whole numbers or null, but got 0"),
        (
            "composite_weights=[1,1]",
            "composite_weights must be a list of 3 numbers, but got [1, 1]",
        ),
        ("search.space=[core]", "search.space must be text or a mapping, but got ['core']"),
        ("greedy.steps=0", "`greedy.steps >= 1` must hold, but got (greedy.steps=0)"),
        ("edits=0", "`edits >= 1` must hold, but got (edits=0)"),
        ("layers=*a", "must be YAML without aliases (*name)"),
        ("layers=[1", "expected ',' or ']', but got '<stream end>'"),
        ("layers=!x 1", "tags are not read, but got '!x'"),
        ("greedy={steps: 1, steps: 2}", "'steps' is set a second time"),
        ("search.space=cor", "search.space: a space must be a preset (core, extended)"),
        (
            "search.space.greedy.stepz=null",
            "search.space: greedy.stepz: cannot be searched (did you mean `greedy.steps`?)",
        ),
        (
            "search.space.fixed.greedy.steps=0",
            "search.space: greedy.steps: must be at least 1 and at most 256, but got 0",
        ),
        (
            "search.space.batch_size={choices: [2, 4]}",
            "search.space: batch_size: cannot be searched where search.scheduler is asha",
        ),
    ],
)
def test_overrides_that_are_refused(override: str, fault: str) -> None:
    found = faults(None, override)
    assert len(found) == 1
    assert found[0].startswith(f"override '{override}': {fault}") or (
        found[0].startswith(f'override "{override}": {fault}')
    )


def test_all_faults_come_at_once_each_with_its_place(file: Path) -> None:
    file.write_text(
        "edits: 20\n"
        "batch_size: 0\n"
        "greedy: {min_improvement: 2, stepz: 3}\n"
        "search:\n"
        "  trials: 0\n"
        "  space:\n"
        "    preset: core\n"
        "    greedy.patienc: {int: [1, 2]}\n"
        "    fixed: {mu: -1}\n"
        "  sampler: tpa\n"
        "edits: 20\n"
    )
    assert faults(file, "values.lr=0", "foo", "trust.scale=x") == (
        "sweep.yaml:11: 'edits' is set a second time",
        "override 'foo': must be of the form key=value",
        "sweep.yaml:3: 'greedy.stepz' is not a setting (did you mean `greedy.steps`?)",
        "sweep.yaml:10: search.sampler must be one of tpe, random, qmc, but got 'tpa'",
        "override 'trust.scale=x': trust.scale must be a number, but got 'x'",
        "override 'values.lr=0': `values.lr > 0` must hold, but got (values.lr=0.0)",
        "sweep.yaml:3: `0 <= greedy.min_improvement <= 1` must hold, "
        "but got (greedy.min_improvement=2.0)",
        "sweep.yaml:2: `batch_size >= 1` must hold, but got (batch_size=0)",
        "sweep.yaml:5: `search.trials >= 1` must hold, but got (search.trials=0)",
        "sweep.yaml:8: search.space: greedy.patienc: cannot be searched "
        "(did you mean `greedy.patience`?)",
        "sweep.yaml:9: search.space: mu: must be at least 0 and at most 1e9, but got -1.0",
    )


def test_a_value_that_could_not_be_read_causes_no_further_faults() -> None:
    assert faults(None, "edits=x", "batch_size=40") == (
        "override 'edits=x': edits must be a whole number, but got 'x'",
    )


def test_a_key_both_nested_and_dotted_is_a_fault(file: Path) -> None:
    file.write_text("greedy: {steps: 4}\ngreedy.steps: 4\n")
    assert faults(file) == ("sweep.yaml:1: 'greedy.steps' is set a second time",)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "sweep.yaml: cannot be read: No such file or directory"),
        (b"\xff", "sweep.yaml: cannot be read: it must be UTF-8, but byte 0 is not"),
        (b"- 1", "sweep.yaml: must be a mapping of keys to values, not [1]"),
        (b"a: [" * 50_000, "sweep.yaml:1: "),
        (b"[" * 1_000_000, "sweep.yaml:1: must be YAML nested 20 levels deep at most"),
        (b"#" * 2_000_000, "sweep.yaml: a file may hold 1048576 bytes at most"),
        (b"a: &x [y]\nb: *x", "sweep.yaml:2: must be YAML without aliases (*name)"),
    ],
)
def test_files_that_cannot_be_read_still_leave_the_overrides_checked(
    file: Path, content: bytes | None, fault: str
) -> None:
    if content is not None:
        file.write_bytes(content)
    found = faults(file, "mu=x")
    assert found[0].startswith(fault)
    assert found[-1] == "override 'mu=x': mu must be a number or null, but got 'x'"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert faults(tmp_path) == (f"{tmp_path}: cannot be read: it must be a file, not a folder",)


def test_a_single_edit_needs_no_space_that_fits() -> None:
    assert any("preset core" in fault for fault in faults(None, "greedy.accept_by=always"))
    read_config(None, ["greedy.accept_by=always"], space=False)


def _values(key: str) -> st.SearchStrategy[Any]:
    """Values of one key's type, without regard to conditions."""
    strategies: dict[Any, st.SearchStrategy[Any]] = {
        int: st.integers(0, 2**40),
        float: st.floats(0, 1e6),
        bool: st.booleans(),
        str: st.text() | st.sampled_from(["null", "1e-3", "yes", "2024-01-01", "~", "*a", "[1]"]),
        type(None): st.none(),
    }

    def of(kind: Any) -> st.SearchStrategy[Any]:
        origin, arguments = get_origin(kind), get_args(kind)
        if kind in strategies:
            return strategies[kind]
        if origin is Literal:
            return st.sampled_from(arguments)
        if origin is tuple and arguments[-1] is not Ellipsis:
            return st.tuples(*map(of, arguments))
        if origin is tuple:
            return st.sets(st.integers(0, 50), min_size=1).map(lambda s: tuple(sorted(s)))
        if origin is Mapping:
            return st.just({"greedy.steps": {"int": [1, 4]}, "fixed": {"rank": None}})
        return st.one_of(*map(of, arguments))

    if key in PLACES:
        return st.sampled_from(
            ["null", "1e3", "08", "yes", "~", "*a", "[1]", "a b\u202e", "./s3:/x"]
        )
    return of(KEYS[key])


@FREE
@given(st.data())
def test_what_is_written_is_read_back(tmp_path: Path, data: st.DataObject) -> None:
    config = SweepConfig()
    for key in data.draw(st.lists(st.sampled_from(list(KEYS)), max_size=12, unique=True)):
        try:
            config = config.with_values({key: data.draw(_values(key), key)})
        except ValueError:
            continue  # a condition; the other keys do as well
    file = tmp_path / "round.yaml"
    file.write_text(config.to_yaml(), encoding="utf-8")
    assert read_config(file, [], space=False) == config


@FREE
@given(
    st.lists(
        st.text() | st.tuples(st.sampled_from([*KEYS, "search.space.mu"]), st.text()).map("=".join)
    )
)
@example(["mu=" + "[" * 2000, "\udc80=\udc80", "a.b.c=" + "{a: " * 2000, "search.space=a\0.yaml"])
@example(["seed=" + "9" * 5000, "a" + ".a" * 5000 + "=1", "search.space.preset=x.yaml"])
def test_any_overrides_are_a_configuration_or_a_config_error(overrides: list[str]) -> None:
    try:
        assert isinstance(read_config(None, overrides), SweepConfig)
    except ConfigError as error:
        assert error.faults
        assert all(fault.isprintable() for fault in error.faults)


def test_reading_a_configuration_is_light() -> None:
    code = (
        "import sys, search.config.reader as r; r.read_config(None, ['search.space=extended']);"
        "print(sorted({'torch', 'ray', 'transformers', 'pandas', 'pyarrow'} & sys.modules.keys()))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
