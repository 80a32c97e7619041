"""Where each family of models keeps the modules that editing needs.

The rewrite module is the MLP's down projection W (d_out x d_in): its input is the key, and its
output is added to the residual stream.
"""

from __future__ import annotations

from dataclasses import dataclass

from greedy_core.errors import ModelError


@dataclass(frozen=True)
class Architecture:
    """Module names of one family of models, relative to the language model's root."""

    embedding: str
    """Token embedding."""
    positions: str | None
    """Learned position embedding, added to the token embedding."""
    rotary: str | None
    """Module that turns positions into the rotations that every block's attention applies."""
    blocks: str
    """List of decoder blocks; each returns the residual stream."""
    norm: str
    """Last normalization before the vocabulary projection."""
    head: str
    """Vocabulary projection."""
    attention_norm: str
    """Normalization before a block's attention, relative to the block like all that follow."""
    attention: str
    """Its attention; what it puts out is added to the residual stream."""
    mlp_norm: str
    """Normalization before its MLP."""
    mlp: str
    """Its MLP; what it puts out is added to the residual stream."""
    projection: str
    """The MLP's down projection."""
    fan_in_fan_out: bool
    """Whether the projection stores its weight as (d_in, d_out), as Conv1D does."""


ARCHITECTURES = {
    "gpt2": Architecture(
        embedding="transformer.wte",
        positions="transformer.wpe",
        rotary=None,
        blocks="transformer.h",
        norm="transformer.ln_f",
        head="lm_head",
        attention_norm="ln_1",
        attention="attn",
        mlp_norm="ln_2",
        mlp="mlp",
        projection="mlp.c_proj",
        fan_in_fan_out=True,
    ),
    "llama": Architecture(
        embedding="model.embed_tokens",
        positions=None,
        rotary="model.rotary_emb",
        blocks="model.layers",
        norm="model.norm",
        head="lm_head",
        attention_norm="input_layernorm",
        attention="self_attn",
        mlp_norm="post_attention_layernorm",
        mlp="mlp",
        projection="mlp.down_proj",
        fan_in_fan_out=False,
    ),
}


def architecture_of(model_type: str) -> Architecture:
    """Look up a family by the `model_type` of its Hugging Face configuration.

    Raises:
        ModelError: if the family is not supported.
    """
    if model_type not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise ModelError(f"model_type must be one of {known}, but got {model_type!r}")
    return ARCHITECTURES[model_type]
