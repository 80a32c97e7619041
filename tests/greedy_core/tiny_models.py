"""Small models with random weights, and a small byte-level tokenizer, made on the spot."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from greedy_core.model.language_model import LanguageModel

FAMILIES = ("gpt2", "llama")

TEXTS = (
    "The mother tongue of Danielle Darrieux is French. Danielle Darrieux, a native French",
    "The official religion of Edwin of Northumbria is Christianity. Toko Yasuda, the guitar",
    "Anaal Nathrakh, that was created in Birmingham. Where is Kathy Saltzman? Minnesota!",
    "Henri de Régnier was born in Zürich; São Paulo lies in Brazil. Sonic Drift 2, by Sega.",
    "The weather was fine that day. Therefore it was said again. Because of this we know more.",
    "I have read about it before. You may have heard of it. He speaks English and Russian.",
)

_SPECIAL = ("<pad>", "<s>", "</s>")


@cache
def _backend() -> str:
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=420,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=list(_SPECIAL),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer.to_str()


def tiny_tokenizer(
    bos: bool = False, eos: bool = False, padding_side: str = "right"
) -> PreTrainedTokenizerFast:
    """Byte-level BPE of 420 tokens; may add BOS and EOS to everything that it encodes."""
    backend = Tokenizer.from_str(_backend())
    if bos or eos:
        backend.post_processor = processors.TemplateProcessing(
            single="<s> " * bos + "$A" + " </s>" * eos,
            special_tokens=[(token, backend.token_to_id(token)) for token in _SPECIAL],
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        padding_side=padding_side,
        clean_up_tokenization_spaces=False,
    )


def tiny_module(family: str, seed: int = 0, vocabulary: int = 420, layers: int = 3) -> Any:
    """A model whose weights are large enough for predictions that are far from uniform."""
    torch.manual_seed(seed)
    common: dict[str, Any] = {
        "vocab_size": vocabulary,
        "initializer_range": 0.3,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "attn_implementation": "sdpa",
    }
    module: Any
    if family == "gpt2":
        config = GPT2Config(n_layer=layers, n_embd=32, n_head=2, n_positions=128, **common)
        module = GPT2LMHeadModel(config)
    else:
        module = LlamaForCausalLM(
            LlamaConfig(
                num_hidden_layers=layers,
                hidden_size=32,
                intermediate_size=64,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=128,
                tie_word_embeddings=False,
                **common,
            )
        )
    return module.float().eval().requires_grad_(False)


def tiny_model(family: str, seed: int = 0, tokenizer: Any = None, layers: int = 3) -> LanguageModel:
    """A tiny model with the tiny tokenizer, or with another one."""
    return LanguageModel(tiny_module(family, seed, layers=layers), tokenizer or tiny_tokenizer())
