"""Edits as files that other people load: a LoRA adapter in PEFT's layout, or a merged model.

The adapter is written without PEFT, which is not needed to edit: two files, adapter_config.json and
adapter_model.safetensors. alpha equals the rank, so PEFT's scale alpha / r is 1 and its
``(x lora_A^T) lora_B^T`` is the sum that editing itself ran with.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from greedy_core.inputs.model_config import model_address
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.lora import LoraFactors, edited, merge

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"

COMPARED_PROMPTS = 32
"""Prompts at which a merged model is compared; each costs two forwards of the whole model."""

_ROOT = "base_model.model."
"""What PEFT puts before a module's name."""


def write_adapter(
    model: LanguageModel, factors: Mapping[int, LoraFactors], folder: Path, base_model: str
) -> dict[str, int]:
    """Write edits as an adapter that ``peft.PeftModel.from_pretrained`` loads.

    For a weight ``(d, f)`` and an edit of rank r, lora_A is ``(r, f)`` and lora_B ``(d, r)``, in
    float32 whatever the model's type is, because editing ran with them so. A rank above what the
    weight can have is cut to that, which loses nothing.

    Args:
        model: unedited.
        factors: edits by layer, at least one.
        folder: an existing folder.
        base_model: the name by which ``AutoModelForCausalLM.from_pretrained`` finds the unedited
            model; a folder is written down as an absolute path.

    Returns:
        Each edited module's rank.

    Raises:
        ValueError: if there are no edits; an adapter of rank 0 does not exist.
        OSError: if the files cannot be written.

    Example:
        >>> write_adapter(model, scores.tree.factors(run.state), Path("adapter"), "gpt2-xl")
        {'transformer.h.17.mlp.c_proj': 20}
    """
    if not factors:
        raise ValueError("`edited layers >= 1` must hold, but got (edited layers=0)")
    weights: dict[str, Tensor] = {}
    ranks: dict[str, int] = {}
    for layer, edit in sorted(factors.items()):
        name = model.projection_name(layer)
        compact, _ = edit.recompressed(min(edit.u.shape[0], edit.v.shape[0]))
        ranks[name] = compact.rank
        weights[f"{_ROOT}{name}.lora_A.weight"] = _stored(compact.v.T)
        weights[f"{_ROOT}{name}.lora_B.weight"] = _stored(compact.u)
    config = _adapter_config(ranks, model.architecture.fan_in_fan_out, model_address(base_model))
    text = json.dumps(config, indent=2) + "\n"
    (folder / ADAPTER_CONFIG).write_text(text, encoding="utf-8")
    save_file(weights, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    return ranks


def merged_copy(model: LanguageModel, factors: Mapping[int, LoraFactors]) -> LanguageModel:
    """A private copy of the model with the edits in its weights, rounded to the weights' type."""
    private = copy.deepcopy(model)
    merge(private, factors)
    return private


def write_model(model: LanguageModel, folder: Path) -> None:
    """Write a model and its tokenizer so that ``AutoModelForCausalLM.from_pretrained`` loads them.

    Weights are safetensors in the type that they have in memory, and reload bit by bit.

    Raises:
        OSError: if the files cannot be written.

    Example:
        >>> write_model(merged_copy(model, scores.tree.factors(run.state)), Path("merged"))
    """
    model.module.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)


def logit_difference(
    model: LanguageModel,
    factors: Mapping[int, LoraFactors],
    merged: LanguageModel,
    prompts: Sequence[str],
) -> float:
    """Largest absolute difference of logits between the edited model and a merged one.

    In float32 it is rounding; a 16-bit weight cannot hold a small edit, and the difference says how
    much of it was lost.

    Args:
        model: unedited.
        factors: edits by layer.
        merged: the model that has them in its weights.
        prompts: texts to compare at every position; only the first COMPARED_PROMPTS are used.
    """
    largest = 0.0
    for prompt in prompts[:COMPARED_PROMPTS]:
        with edited(model, factors):
            one = logits(model, prompt)
        largest = max(largest, float((one - logits(merged, prompt)).abs().max()))
    return largest


def logits(model: LanguageModel, text: str) -> Tensor:
    """The whole model's logits ``(T, v)`` for a text, in float32."""
    ids = torch.tensor([model.tokenizer(text)["input_ids"]], device=model.device)
    with torch.no_grad():
        found: Tensor = model.module(input_ids=ids).logits[0].float()
    return found


def _adapter_config(
    ranks: Mapping[str, int], fan_in_fan_out: bool, base_model: str
) -> dict[str, Any]:
    """The fields of peft.LoraConfig that differ from its defaults, or that readers look for."""
    top = max(ranks.values())
    # PEFT takes the names in both patterns for regular expressions that must match a module's whole
    # name, from its beginning or from a dot on; a full name matches its own module alone.
    others = {name: rank for name, rank in ranks.items() if rank != top}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model,
        "inference_mode": True,
        "r": top,
        "lora_alpha": top,
        "rank_pattern": others,
        "alpha_pattern": others,
        "target_modules": list(ranks),
        "fan_in_fan_out": fan_in_fan_out,
        "lora_dropout": 0.0,
        "bias": "none",
    }


def _stored(factor: Tensor) -> Tensor:
    return factor.to("cpu", torch.float32).contiguous()
