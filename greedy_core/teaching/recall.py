"""How much of the world a model knows."""

from __future__ import annotations

import torch
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

from greedy_core.factworld.world import facts


def recall(
    model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, phrasing: int | None = None
) -> float:
    """The share of all facts whose object is the most likely next token.

    Over all phrasings, or over one of them; phrasing 0 is the rewrite prompt.
    """
    asked = [
        (fact.prompt(position), fact.obj)
        for fact in facts()
        for position in range(len(fact.relation.phrasings))
        if phrasing in (None, position)
    ]
    hits = 0
    for start in range(0, len(asked), 128):
        chunk = asked[start : start + 128]
        rows = [tokenizer.encode(prompt) for prompt, _ in chunk]
        ids = torch.full((len(rows), max(map(len, rows))), tokenizer.pad_token_id)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens)] = torch.tensor(tokens)
        # Padding stands on the right, where a causal model does not see it.
        with torch.no_grad():
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        for row, (tokens, (_, obj)) in enumerate(zip(rows, chunk, strict=True)):
            best = logits[row, len(tokens) - 1].argmax().item()
            hits += best == tokenizer.encode(f" {obj}")[0]
    return hits / len(asked)
