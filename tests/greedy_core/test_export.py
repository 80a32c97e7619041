from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from greedy_core.factworld import MODEL_DIR
from greedy_core.model.export import (
    logit_difference,
    logits,
    merged_copy,
    write_adapter,
    write_model,
)
from greedy_core.model.language_model import LanguageModel, weights_digest
from greedy_core.model.loading import load_model
from greedy_core.model.lora import LoraFactors, edited
from greedy_core.walk.edit import run_edit
from tests.greedy_core.tiny_models import FAMILIES, TEXTS, tiny_model, tiny_module, tiny_tokenizer
from tests.greedy_core.tiny_plans import open_tiny, settings

RANKS = [{1: 2}, {0: 3, 2: 3}, {0: 1, 1: 4, 2: 2}]
"""Ranks by layer: one layer; several of one rank; several of different ranks."""

MODELS = ["gpt2", "llama", "llama tied"]
PROMPTS = [text[:30] for text in TEXTS]


def model_of(name: str) -> LanguageModel:
    if name in FAMILIES:
        return tiny_model(name)
    module = tiny_module("llama")
    config = type(module.config)(**{**module.config.to_dict(), "tie_word_embeddings": True})
    tied: Any = type(module)(config)
    return LanguageModel(tied.float().eval().requires_grad_(False), tiny_tokenizer())


def random_factors(model: LanguageModel, ranks: dict[int, int]) -> dict[int, LoraFactors]:
    """Edits that are a noticeable part of each weight."""
    generator = torch.Generator().manual_seed(7)
    found = {}
    for layer, rank in ranks.items():
        d, f = model.projection_weight(layer).shape
        u, v = (torch.randn(n, rank, dtype=torch.float64, generator=generator) for n in (d, f))
        found[layer] = LoraFactors(0.1 * u, 0.1 * v)
    return found


def in_memory(model: LanguageModel, factors: dict[int, LoraFactors]) -> list[torch.Tensor]:
    with edited(model, factors):
        return [logits(model, prompt) for prompt in PROMPTS]


def reloaded(folder: Path, dtype: torch.dtype = torch.float32) -> LanguageModel:
    """The model and tokenizer in a folder, as other people load them."""
    module = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True)
    return LanguageModel(module.eval(), AutoTokenizer.from_pretrained(folder))


def with_adapter(base: Path, adapter: Path, dtype: torch.dtype = torch.float32) -> LanguageModel:
    """The base model with PEFT's adapter in it; PEFT replaces modules in place."""
    model = reloaded(base, dtype)
    PeftModel.from_pretrained(model.module, adapter)
    return model


def largest(ours: list[torch.Tensor], model: LanguageModel) -> float:
    theirs = [logits(model, prompt) for prompt in PROMPTS]
    return max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("ranks", RANKS, ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_both_exports_reload_with_the_logits_of_the_edited_model(
    name: str, ranks: dict[int, int], tmp_path: Path
) -> None:
    model = model_of(name)
    factors = random_factors(model, ranks)
    for folder in ("base", "adapter", "merged"):
        (tmp_path / folder).mkdir()
    write_model(model, tmp_path / "base")
    write_adapter(model, factors, tmp_path / "adapter", "base")
    merged = merged_copy(model, factors)
    write_model(merged, tmp_path / "merged")

    ours = in_memory(model, factors)
    assert largest(ours, model) > 0.1
    assert largest(ours, with_adapter(tmp_path / "base", tmp_path / "adapter")) <= 1e-5
    assert largest(ours, reloaded(tmp_path / "merged")) <= 1e-5
    in_copy = [logits(merged, prompt) for prompt in PROMPTS]
    assert largest(in_copy, reloaded(tmp_path / "merged")) == 0


@pytest.mark.parametrize("rank", [None, 2])
def test_the_last_state_of_a_walk_over_two_layers_is_what_reloads(
    model: LanguageModel, rank: int | None, tmp_path: Path
) -> None:
    chosen = settings(greedy={"accept_by": "always", "steps": 1}, layers=(0, 2), rank=rank)
    scores = open_tiny(model, chosen)
    factors = scores.tree.factors(run_edit(scores, chosen).run.state)
    assert {each.rank for each in factors.values()} == {rank or 4}
    for folder in ("base", "adapter"):
        (tmp_path / folder).mkdir()
    write_model(model, tmp_path / "base")
    write_adapter(model, factors, tmp_path / "adapter", "base")
    ours = in_memory(model, factors)
    assert largest(ours, model) > 0.1
    assert largest(ours, with_adapter(tmp_path / "base", tmp_path / "adapter")) <= 1e-5
    assert largest(ours, merged_copy(model, factors)) <= 1e-5


def test_merging_leaves_the_model_that_it_copies_as_it_is(model: LanguageModel) -> None:
    before = weights_digest(model.module)
    merged = merged_copy(model, random_factors(model, {0: 2}))
    assert weights_digest(model.module) == before != weights_digest(merged.module)


def test_factworld_takes_an_adapter_in_its_own_folder(tmp_path: Path) -> None:
    model = load_model("factworld")
    factors = random_factors(model, {0: 4, 3: 2})
    write_adapter(model, factors, tmp_path, str(MODEL_DIR))
    assert largest(in_memory(model, factors), with_adapter(MODEL_DIR, tmp_path)) <= 1e-5


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_an_adapter_of_a_16_bit_model_stays_in_float32(
    name: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    for folder in ("base", "adapter"):
        (tmp_path / folder).mkdir()
    write_model(model_of(name), tmp_path / "base")
    model = reloaded(tmp_path / "base", dtype)
    factors = random_factors(model, {0: 2, 1: 3})
    write_adapter(model, factors, tmp_path / "adapter", "base")
    stored = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert {each.dtype for each in stored.values()} == {torch.float32}
    ours = in_memory(model, factors)
    one_bit = max(float(each.abs().max()) for each in ours) * torch.finfo(dtype).eps
    assert largest(ours, with_adapter(tmp_path / "base", tmp_path / "adapter", dtype)) <= one_bit


def test_a_16_bit_weight_loses_part_of_an_edit_and_the_difference_says_so() -> None:
    exact, rounded = model_of("gpt2"), model_of("gpt2")
    rounded.module.to(torch.bfloat16)
    factors = random_factors(exact, {1: 2})
    merged = merged_copy(rounded, factors)
    assert merged.dtype == torch.bfloat16
    ours = in_memory(rounded, factors)
    assert logit_difference(rounded, factors, merged, PROMPTS) == largest(ours, merged) > 1e-3
    assert logit_difference(exact, factors, merged_copy(exact, factors), PROMPTS) <= 1e-5


@pytest.mark.parametrize("ranks", RANKS, ids=str)
def test_alpha_is_the_rank_in_every_module(
    model: LanguageModel, ranks: dict[int, int], tmp_path: Path
) -> None:
    told = write_adapter(model, random_factors(model, ranks), tmp_path, "somewhere/base")
    config: Any = LoraConfig.from_pretrained(str(tmp_path))
    names = {model.projection_name(layer): rank for layer, rank in ranks.items()}
    assert told == names
    assert config.target_modules == set(names)
    assert {n: config.rank_pattern.get(n, config.r) for n in names} == names
    assert {n: config.alpha_pattern.get(n, config.lora_alpha) for n in names} == names
    assert (config.task_type, config.bias, config.lora_dropout) == ("CAUSAL_LM", "none", 0)
    assert config.inference_mode and config.base_model_name_or_path == "somewhere/base"
    stored_as_conv1d = type(model.projection(0)).__name__ == "Conv1D"
    assert config.fan_in_fan_out == stored_as_conv1d


@pytest.mark.parametrize(
    ("given", "written"), [("base", "{}/base"), ("./base/..", "{}"), ("who/base", "who/base")]
)
def test_a_folder_is_found_from_another_working_directory_too(
    given: str,
    written: str,
    model: LanguageModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("base").mkdir()
    write_adapter(model, random_factors(model, {0: 1}), tmp_path, given)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == written.format(tmp_path)


def test_layers_whose_names_begin_alike_are_told_apart(tmp_path: Path) -> None:
    model = tiny_model("gpt2", layers=12)
    ranks = {layer: layer + 1 for layer in (0, 1, 10, 11)}
    for folder in ("base", "adapter"):
        (tmp_path / folder).mkdir()
    write_model(model, tmp_path / "base")
    write_adapter(model, random_factors(model, ranks), tmp_path / "adapter", "base")
    loaded: Any = with_adapter(tmp_path / "base", tmp_path / "adapter")
    adapted = [layer for layer in range(12) if hasattr(loaded.projection(layer), "lora_A")]
    assert {layer: loaded.projection(layer).r["default"] for layer in adapted} == ranks
    assert {loaded.projection(layer).scaling["default"] for layer in adapted} == {1.0}


def test_a_rank_above_what_the_weight_can_have_is_cut_and_nothing_is_lost(
    model: LanguageModel, tmp_path: Path
) -> None:
    d = model.projection_weight(0).shape[0]
    edit = random_factors(model, {0: 3 * d})[0]
    write_adapter(model, {0: edit}, tmp_path, "base")
    assert json.loads((tmp_path / "adapter_config.json").read_text())["r"] == d
    stored = load_file(tmp_path / "adapter_model.safetensors")
    name = f"base_model.model.{model.projection_name(0)}"
    a, b = stored[f"{name}.lora_A.weight"], stored[f"{name}.lora_B.weight"]
    assert torch.allclose(b @ a, edit.delta().float(), atol=1e-5)


def test_no_edit_is_no_adapter(model: LanguageModel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="edited layers >= 1"):
        write_adapter(model, {}, tmp_path, "base")
    assert list(tmp_path.iterdir()) == []
