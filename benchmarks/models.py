"""Models that are measured beside the embedded one, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from greedy_core.model.language_model import LanguageModel
from greedy_core.model.loading import load_model

SEED = 0


def gpt2_124m() -> LanguageModel:
    """A model of GPT-2's smallest shape (12 blocks, d = 768, 50,257 tokens) with random weights.

    It reads factworld's own tokenizer, whose ids are all below 50,257: what a forward costs does
    not depend on what the weights say.
    """
    torch.manual_seed(SEED)
    config: Any = GPT2Config()
    config._attn_implementation = "sdpa"
    module = GPT2LMHeadModel(config).float().eval().requires_grad_(False)
    return LanguageModel(module, load_model("factworld", device="cpu").tokenizer)


def save_gpt2_124m(folder: Path) -> Path:
    """Write that model with its tokenizer, so that `ratchet run model=FOLDER` loads it."""
    model = gpt2_124m()
    model.module.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return folder


def tiny_llama(context: int) -> LanguageModel:
    """A Llama of 4 blocks and d = 64 that reads rows of so many tokens of factworld's."""
    torch.manual_seed(SEED)
    tokenizer = load_model("factworld", device="cpu").tokenizer
    config: Any = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=context,
        bos_token_id=0,
        eos_token_id=0,
    )
    config._attn_implementation = "sdpa"
    module = LlamaForCausalLM(config).float().eval().requires_grad_(False)
    return LanguageModel(module, tokenizer)
