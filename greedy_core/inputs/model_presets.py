"""Published settings by family and size of model; they fill in what a configuration leaves open.

Sources: the hparams files of unified-model-editing (EMMET), MEMIT and EasyEdit. mu is the product
of the published emmet_lambda and mom2_update_weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from greedy_core.errors import ModelError
from greedy_core.inputs.model_config import layers_of
from greedy_core.settings import EditSettings


@dataclass(frozen=True)
class ModelPreset:
    """The published settings for editing a model."""

    layers: tuple[int, ...]
    """Edited layers."""
    mu: float
    """Damping."""
    steps: int
    """Gradient steps of a target value."""
    lr: float
    """Its learning rate."""
    clamp: float
    """Its clamp."""
    weight_decay: float
    """Its weight decay."""


# EMMET, gpt2 and gpt2-xl
_GPT2 = ModelPreset((6,), 100.0, 20, 0.5, 0.75, 0.5)
# EMMET, llama2-7b
_LLAMA = ModelPreset((5,), 0.1, 25, 0.5, 4.0, 1e-3)
# measured on factworld; ROME's clamp
_FACTWORLD = ModelPreset((0,), 10.0, 20, 0.5, 4.0, 0.5)
# measured on a GPT-2 taught CounterFact
_SMALL = ModelPreset((0,), 0.1, 20, 0.5, 1.25, 0.5)

_PRESETS: dict[tuple[str, int], ModelPreset] = {
    ("gpt2", 12): _GPT2,
    ("gpt2", 24): replace(_GPT2, layers=(8,)),
    ("gpt2", 36): replace(_GPT2, layers=(13,)),
    ("gpt2", 48): replace(_GPT2, layers=(17,)),
    ("llama", 28): replace(_LLAMA, layers=(12,)),  # EMMET, llama3.2-3b
    ("llama", 32): _LLAMA,
}
"""By model_type and number of layers; medium and large GPT-2 at the relative depth of gpt2-xl."""

PRESET = (
    "layers",
    "mu",
    "values.steps",
    "values.lr",
    "values.clamp",
    "values.weight_decay",
)
"""The settings that a preset fills in."""

_FAMILIES = frozenset(family for family, _ in _PRESETS)


def preset_for(config: Mapping[str, Any]) -> ModelPreset:
    """Choose a preset by a Hugging Face configuration's model_type and number of layers.

    Models of fewer than 12 layers take the small models' preset; sizes that nobody has published
    take their family's, at the same relative depth.

    Raises:
        ModelError: if the configuration names neither, or a family that is not supported.
    """
    family, layers = config.get("model_type"), layers_of(config)
    if family not in _FAMILIES:
        raise ModelError(f"model_type must be one of {sorted(_FAMILIES)}, but got {family!r:.80}")
    if (family, layers) in _PRESETS:
        return _PRESETS[family, layers]
    if layers < 12:
        return _SMALL
    known = max(size for name, size in _PRESETS if name == family)
    preset = _PRESETS[family, known]
    return replace(preset, layers=(round(preset.layers[0] * layers / known),))


def resolve(settings: EditSettings, config: Mapping[str, Any]) -> EditSettings:
    """Fill in layers, mu and values from the model's preset; what is set stays as it is."""
    preset = _FACTWORLD if settings.model == "factworld" else preset_for(config)
    values = settings.values
    return replace(
        settings,
        layers=preset.layers if settings.layers is None else settings.layers,
        mu=preset.mu if settings.mu is None else settings.mu,
        values=replace(
            values,
            steps=preset.steps if values.steps is None else values.steps,
            lr=preset.lr if values.lr is None else values.lr,
            clamp=preset.clamp if values.clamp is None else values.clamp,
            weight_decay=(
                preset.weight_decay if values.weight_decay is None else values.weight_decay
            ),
        ),
    )
