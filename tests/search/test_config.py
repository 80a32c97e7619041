from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from greedy_core.errors import SettingsError
from greedy_core.settings import EditSettings, GreedySettings, TrustSettings
from search.config.settings import (
    KEYS,
    CacheSettings,
    RaySettings,
    SearchSettings,
    SweepConfig,
    VerdictSettings,
    edit_settings,
)
from spaces import load_space, preset_names


def test_keys_are_the_documented_ones_in_their_order() -> None:
    keys = list(SweepConfig().flat())
    assert keys == list(KEYS)
    assert keys[:5] == ["model", "dataset", "edits", "confirm_records", "batch_size"]
    assert keys.index("greedy.steps") < keys.index("trust.enabled") < keys.index("search.trials")
    assert keys[-1] == "verdict.margin"


@pytest.mark.parametrize(
    ("settings", "values", "fault"),
    [
        (SearchSettings, {"trials": 0}, "`trials >= 1` must hold, but got (trials=0)"),
        (SearchSettings, {"seed": -1}, "`seed >= 0` must hold, but got (seed=-1)"),
        (SearchSettings, {"grace": 0}, "`grace >= 1` must hold, but got (grace=0)"),
        (SearchSettings, {"reduction_factor": 1}, "`reduction_factor >= 2` must hold"),
        (SearchSettings, {"concurrency": 0}, "`concurrency >= 1` must hold"),
        (SearchSettings, {"max_failed": 0}, "`max_failed >= 1` must hold"),
        (SearchSettings, {"max_failures": -1}, "`max_failures >= 0` must hold"),
        (SearchSettings, {"trial_timeout": 0.0}, "`trial_timeout > 0` must hold"),
        (
            SearchSettings,
            {"audit": 5, "trials": 4},
            "`audit <= trials` must hold, but got (audit=5, trials=4)",
        ),
        (
            CacheSettings,
            {"limit_gb": 0.0},
            "`0 < limit_gb <= 1e9` must hold, but got (limit_gb=0.0)",
        ),
        (CacheSettings, {"dir": ""}, "dir must be a folder or null, but got (dir='')"),
        (RaySettings, {"cpus_per_trial": 0.0}, "`cpus_per_trial >= 0.0001` must hold"),
        (RaySettings, {"cpus_per_trial": 2e6}, "`cpus_per_trial <= 1000000` must hold"),
        (
            RaySettings,
            {"gpus_per_trial": 1e-9},
            "`gpus_per_trial == 0 or 0.0001 <= gpus_per_trial <= 1000000` must hold, "
            "but got (gpus_per_trial=1e-09)",
        ),
        (RaySettings, {"gpus_per_trial": -1.0}, "`gpus_per_trial == 0 or 0.0001 <= gpus_per"),
        (
            VerdictSettings,
            {"margin": -0.01},
            "`0 <= margin <= 1` must hold, but got (margin=-0.01)",
        ),
        (VerdictSettings, {"margin": 1.5}, "`0 <= margin <= 1` must hold, but got (margin=1.5)"),
        (SearchSettings, {"space": ["core"]}, "space must be text or a mapping, but got ['core']"),
        (CacheSettings, {"enabled": 1}, "enabled must be true or false, but got 1"),
        (SweepConfig, {"edit": {"edits": 4}}, "edit must be EditSettings, but got {'edits': 4}"),
        (
            SweepConfig,
            {"search": SearchSettings(grace=21)},
            "`search.grace <= edits * search.sequences` must hold where search.resource is edits, "
            "but got (search.grace=21, edits=20, search.sequences=1)",
        ),
        (
            SweepConfig,
            {"search": SearchSettings(grace=41, sequences=2)},
            "`search.grace <= edits * search.sequences` must hold where search.resource is edits, "
            "but got (search.grace=41, edits=20, search.sequences=2)",
        ),
    ],
)
def test_conditions(settings: Any, values: dict[str, Any], fault: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**values)
    assert caught.value.faults[0].startswith(fault)


def test_grace_in_steps_has_nothing_to_do_with_edits() -> None:
    SweepConfig(search=SearchSettings(grace=21, resource="steps"))


def test_with_values_changes_only_what_it_names() -> None:
    config = SweepConfig().with_values({"greedy.steps": 4, "layers": [0, 1], "mu": 1e-3})
    changed = {k: v for k, v in config.flat().items() if v != SweepConfig().flat()[k]}
    assert changed == {"layers": (0, 1), "mu": 0.001, "greedy.steps": 4}


def test_with_values_reports_types_names_and_conditions_together() -> None:
    with pytest.raises(SettingsError) as caught:
        SweepConfig().with_values({"greedy.steps": 0, "greedy.stepz": 1, "mu": "x", "search": 3})
    assert caught.value.faults == (
        "'greedy.stepz' is not a setting (did you mean `greedy.steps`?)",
        "mu must be a number or null, but got 'x'",
        "'search' is a group of settings, such as `search.trials`",
        "`greedy.steps >= 1` must hold, but got (greedy.steps=0)",
    )


def test_edit_settings_nest_what_is_dotted() -> None:
    values = {"edits": 8, "greedy.steps": 4, "layers": (1,), "trust.enabled": True}
    assert edit_settings(values) == EditSettings(
        edits=8, layers=(1,), greedy=GreedySettings(steps=4), trust=TrustSettings(enabled=True)
    )
    assert edit_settings(SweepConfig().flat()) == EditSettings()


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"greedy.stepz": 4}, "'greedy.stepz' is not a setting (did you mean `greedy.steps`?)"),
        ({"greedy.steps": 4.0}, "greedy.steps must be a whole number, but got 4.0"),
        ({"greedy.steps": 0}, "`greedy.steps >= 1` must hold, but got (greedy.steps=0)"),
        (
            {"greedy.max_probes": 5},
            "`greedy.max_probes <= batch_size` must hold, but got "
            "(greedy.max_probes=5, batch_size=4)",
        ),
    ],
)
def test_edit_settings_refuse(values: dict[str, object], fault: str) -> None:
    with pytest.raises(SettingsError) as caught:
        edit_settings(values)
    assert caught.value.faults == (fault,)


def test_a_space_that_does_not_fit_is_refused_where_it_is_asked_for() -> None:
    config = SweepConfig().with_values({"greedy.accept_by": "always"})
    with pytest.raises(
        SettingsError, match=r"search\.space: preset core:\d+: greedy\.signal|steps"
    ):
        config.search_space()


def test_a_self_contained_configuration_needs_no_other_file(tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_text("greedy.max_probes: {int: [1, batch_size]}\n")
    config = SweepConfig().with_values({"search.space": str(file)}).self_contained()
    file.unlink()
    assert config.search_space().distributions == {"greedy.max_probes": IntDistribution(1, 4)}
    assert config.search_space().name == "space"


def _any_value(distribution: object) -> st.SearchStrategy[object]:
    if isinstance(distribution, CategoricalDistribution):
        return st.sampled_from(distribution.choices)
    if isinstance(distribution, IntDistribution):
        return st.integers(distribution.low, distribution.high)
    assert isinstance(distribution, FloatDistribution)
    return st.floats(distribution.low, distribution.high)


@pytest.mark.parametrize("name", preset_names())
def test_whatever_a_preset_suggests_is_an_edit(name: str) -> None:
    config = SweepConfig()
    space = load_space(name, config.flat())
    suggestions = {key: _any_value(d) for key, d in space.distributions.items()}

    @given(st.fixed_dictionaries(suggestions))
    def check(params: dict[str, object]) -> None:
        settings = edit_settings(config.flat() | space.settings(params))
        assert settings.greedy.steps == params["greedy.steps"]

    check()


def test_a_configuration_is_a_value_whatever_becomes_of_what_it_was_made_of() -> None:
    space: dict[str, Any] = {"greedy.steps": {"int": [1, 4]}}
    config = SweepConfig.from_values({"search.space": space})
    before = hash(config), config.to_yaml()
    space["greedy.steps"]["int"][1] = 8
    space["mu"] = {"choices": [1.0]}
    assert (hash(config), config.to_yaml()) == before
    assert config == SweepConfig.from_values({"search.space": {"greedy.steps": {"int": [1, 4]}}})
    assert hash(SearchSettings(space={"a": [1]})) == hash(SearchSettings(space={"a": (1,)}))


@pytest.mark.parametrize("base", ["core", {"preset": "core"}, {"greedy.steps": {"int": [1, 8]}}])
def test_a_single_setting_of_the_space_can_be_given_by_its_key(base: object) -> None:
    values = {"search.space": base, "search.space.greedy.steps": {"int": [2, 3]}}
    space = SweepConfig.from_values(values).search_space()
    assert space.distributions["greedy.steps"] == IntDistribution(2, 3)
    whole = SweepConfig.from_values({"search.space": base}).search_space()
    assert space.distributions.keys() == whole.distributions.keys()


def test_a_setting_of_the_space_changes_the_space_that_is_there() -> None:
    config = SweepConfig.from_values({"search.space": "extended"}).self_contained()
    narrowed = config.with_values({"search.space.mu": {"choices": [10.0]}}).search_space()
    assert narrowed.distributions["mu"] == CategoricalDistribution([10.0])
    assert narrowed.distributions.keys() == config.search_space().distributions.keys()
    preset = SweepConfig.from_values({"search.space": "extended"})
    left_out = preset.with_values({"search.space.mu": None}).search_space()
    assert left_out.distributions.keys() == config.search_space().distributions.keys() - {"mu"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (None, "settings must be a mapping of dotted keys to values, but got null"),
        (["edits=4"], "settings must be a mapping of dotted keys to values, but got ['edits=4']"),
        ({1: 2}, "'1' is not a setting"),
        ({"search.space": 5, "search.space.mu": {"choices": [1.0]}}, "search.space must be"),
    ],
)
def test_what_is_no_mapping_of_settings_is_one_clear_line(values: Any, said: str) -> None:
    with pytest.raises(SettingsError, match="^" + re.escape(said)):
        SweepConfig.from_values(values)
