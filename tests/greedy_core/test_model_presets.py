"""Published settings by family and size."""

from __future__ import annotations

from typing import Any

import pytest

from greedy_core.errors import ModelError
from greedy_core.inputs.model_presets import preset_for, resolve
from greedy_core.settings import EditSettings, ValuesSettings


def config(family: str, layers: int) -> dict[str, Any]:
    return {"model_type": family, "n_layer" if family == "gpt2" else "num_hidden_layers": layers}


@pytest.mark.parametrize(
    ("family", "size", "layers", "mu", "steps", "clamp", "weight_decay"),
    [
        ("gpt2", 12, (6,), 100.0, 20, 0.75, 0.5),
        ("gpt2", 24, (8,), 100.0, 20, 0.75, 0.5),
        ("gpt2", 36, (13,), 100.0, 20, 0.75, 0.5),
        ("gpt2", 48, (17,), 100.0, 20, 0.75, 0.5),
        ("llama", 32, (5,), 0.1, 25, 4.0, 1e-3),
        ("llama", 28, (12,), 0.1, 25, 4.0, 1e-3),
        ("llama", 16, (2,), 0.1, 25, 4.0, 1e-3),
        ("llama", 64, (10,), 0.1, 25, 4.0, 1e-3),
        ("gpt2", 96, (34,), 100.0, 20, 0.75, 0.5),
    ],
)
def test_presets(
    family: str,
    size: int,
    layers: tuple[int, ...],
    mu: float,
    steps: int,
    clamp: float,
    weight_decay: float,
) -> None:
    preset = preset_for(config(family, size))
    found = (preset.layers, preset.mu, preset.steps, preset.clamp, preset.weight_decay)
    assert found == (layers, mu, steps, clamp, weight_decay)
    assert preset.lr == 0.5
    assert max(preset.layers) < size


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("size", [1, 6, 11])
def test_small_models_share_a_preset_for_their_lowest_layer(family: str, size: int) -> None:
    preset = preset_for(config(family, size))
    assert preset == preset_for(config("gpt2", 2))
    assert preset.layers == (0,)


def test_factworld_has_a_preset_of_its_own() -> None:
    """It is chosen by name: a user's model of the same size takes the small models'."""
    shipped = resolve(EditSettings(model="factworld"), config("gpt2", 6))
    other = resolve(EditSettings(model="folder"), config("gpt2", 6))
    assert shipped.values.clamp != other.values.clamp


@pytest.mark.parametrize(
    "broken", [{}, {"model_type": "gpt2"}, {"n_layer": 12}, config("gpt2", 0), config("bert", 12)]
)
def test_configurations_that_no_preset_fits(broken: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="model_type"):
        preset_for(broken)


def test_only_what_is_open_is_filled_in() -> None:
    asked = EditSettings(
        model="gpt2", layers=(3,), values=ValuesSettings(clamp=2.0, weight_decay=0.0)
    )
    resolved = resolve(asked, config("gpt2", 12))
    assert (resolved.layers, resolved.mu) == ((3,), 100.0)
    assert resolved.values == ValuesSettings(steps=20, lr=0.5, clamp=2.0, weight_decay=0.0)
    assert resolve(resolved, config("llama", 32)) == resolved
