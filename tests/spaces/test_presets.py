from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from optuna.distributions import IntDistribution

from spaces import SearchSpace, SpaceError, decode, load_space, preset_names

CONFIG: Mapping[str, object] = {
    "batch_size": 4,
    "edits": 20,
    "greedy.accept_by": "probes",
    "trust.enabled": False,
    "search.scheduler": "asha",
}
CORE = ("greedy.steps", "greedy.min_improvement", "greedy.patience", "greedy.max_probes")


def refused(spec: Any, config: Mapping[str, object] = CONFIG) -> tuple[str, ...]:
    with pytest.raises(SpaceError) as caught:
        load_space(spec, config)
    return caught.value.faults


def test_core_searches_the_walk_alone() -> None:
    space = load_space("core", CONFIG)
    assert tuple(space.distributions) == CORE
    assert space.fixed == {}
    assert space.columns[0] == "config/greedy.steps"


def test_max_probes_reaches_up_to_the_batch() -> None:
    space = load_space("core", {**CONFIG, "batch_size": 7})
    assert space.distributions["greedy.max_probes"] == IntDistribution(1, 7)


def test_extended_adds_rules_trust_and_plan() -> None:
    space = load_space("extended", CONFIG)
    added = set(space.distributions) - set(CORE)
    assert added == {
        "greedy.step_rule",
        "greedy.signal",
        "trust.threshold",
        "trust.action",
        "mu",
        "rank",
        "values.clamp",
        "layers",
    }
    assert space.fixed == {"trust.enabled": True}


@pytest.mark.parametrize("name", preset_names())
def test_a_space_survives_being_written_and_pickled(name: str) -> None:
    space = load_space(name, CONFIG)
    assert load_space(space.to_dict(), CONFIG) == space
    assert pickle.loads(pickle.dumps(space)) == space


def test_suggested_values_become_settings() -> None:
    space = load_space("extended", CONFIG)
    assert decode({"layers": "[0, 1]", "rank": None}) == {"layers": (0, 1), "rank": None}
    assert space.settings({"layers": "[1]"}) == {"trust.enabled": True, "layers": (1,)}


def test_a_preset_with_one_setting_redefined_and_one_left_out() -> None:
    changes = {"preset": "core", "greedy": {"steps": {"int": [2, 4]}}, "greedy.patience": None}
    space = load_space(changes, CONFIG)
    assert space.name == "core, changed"
    assert space.distributions["greedy.steps"] == IntDistribution(2, 4)
    assert "greedy.patience" not in space.distributions


def test_fixing_a_setting_ends_its_search_and_the_other_way_round() -> None:
    space = load_space({"preset": "core", "fixed": {"greedy.steps": 4}}, CONFIG)
    assert "greedy.steps" not in space.distributions
    assert space.fixed == {"greedy.steps": 4}
    choices = {"preset": "extended", "trust.enabled": {"choices": [True, False]}}
    assert load_space(choices, CONFIG).fixed == {}


def test_a_file_and_a_file_on_top_of_it(tmp_path: Path) -> None:
    below, above = tmp_path / "below.yaml", tmp_path / "above.yaml"
    below.write_text("greedy:\n  steps: {int: [1, 4]}\nfixed:\n  trust: {enabled: true}\n")
    above.write_text(f"preset: {below}\nname: mine\ngreedy.patience: {{int: [1, 2]}}\n")
    assert load_space(str(below), CONFIG).name == "below"
    space = load_space(str(above), CONFIG)
    assert space.name == "mine"
    assert list(space.distributions) == ["greedy.steps", "greedy.patience"]
    assert space.fixed == {"trust.enabled": True}


def test_the_faults_of_a_file_have_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("greedy:\n  stepz: {int: [1, 4]}\n  steps: {int: [0, 4]}\nfixed: {seed: 1}\n")
    assert refused(str(file)) == (
        f"{file}:2: greedy.stepz: cannot be searched (did you mean `greedy.steps`?)",
        f"{file}:4: seed: cannot be searched",
        f"{file}:3: greedy.steps: must be at least 1 and at most 256, but got 0",
    )


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({}, "a search space must search at least 1 setting"),
        ({"fixed": {"mu": 1}}, "a search space must search at least 1 setting"),
        (
            "cor",
            "a space must be a preset (core, extended) or the path of a .yaml file, "
            "but got 'cor' (did you mean `core`?)",
        ),
        ("absent.yaml", "absent.yaml: cannot be read: No such file or directory"),
        ({"preset": 3}, "preset: must be text, but got 3"),
        ({"preset": "core", "name": []}, "name: must be text, but got []"),
        ({"preset": "core", "fixed": 3}, "fixed: must be a mapping, but got 3"),
        ({"preset": "core", "fixed": {"mu": "x"}}, "mu: must be a number or null, but got 'x'"),
        ({"preset": "core", "trust.scale": None}, "trust.scale: must be {int: [low, high]}"),
        (
            {"mu": {"choices": [1]}, "fixed": {"mu": 1}},
            "mu: is both searched and fixed",
        ),
        (
            {"greedy": {"steps": {"int": [1, 2]}}, "greedy.steps": {"int": [1, 3]}},
            "greedy.steps: is set a second time",
        ),
        (
            {"preset": "core", "\x1b[2J": {"int": [1, 2]}},
            "\\x1b[2J: cannot be searched",
        ),
    ],
)
def test_descriptions_that_are_refused(spec: Any, fault: str) -> None:
    assert any(found.startswith(fault) for found in refused(spec)), refused(spec)


def test_a_file_cannot_be_its_own_preset(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(f"preset: {file}\n")
    assert refused(str(file)) == (f"{file}: is its own preset",)


def test_a_space_made_by_hand_is_checked_as_well() -> None:
    with pytest.raises(SpaceError) as caught:
        SearchSpace("s", {"edits": IntDistribution(1, 2), "mu": IntDistribution(1, 2)}, {"rank": 0})
    assert [fault.partition(":")[0] for fault in caught.value.faults] == ["edits", "mu", "rank"]
    with pytest.raises(SpaceError, match="at least 1 setting"):
        SearchSpace("s", {})


@pytest.mark.parametrize(
    ("definitions", "fault"),
    [
        ({"greedy.steps": {"int": [2, 4]}}, None),
        ({"greedy.steps": {"choices": [2, 4]}}, None),
        ({"layers": {"choices": [[0], [2]]}}, None),
        (
            {"greedy.steps": {"int": [2, 9]}},
            "greedy.steps: must lie within what the space searches",
        ),
        ({"layers": {"choices": [[3]]}}, "layers: must lie within what the space searches now"),
        ({"trust.scale": {"float": [0.1, 0.2]}}, "trust.scale: is not searched in the space"),
    ],
)
def test_narrowing(definitions: dict[str, Any], fault: str | None) -> None:
    space = load_space("extended", CONFIG)
    if fault is None:
        assert space.narrowed(definitions, CONFIG).to_dict().items() >= definitions.items()
        return
    with pytest.raises(SpaceError) as caught:
        space.narrowed(definitions, CONFIG)
    assert caught.value.faults[0].startswith(fault)
