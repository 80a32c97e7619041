"""Scoring as published code does it: one prompt at a time, one forward for each target.

Full model, logits for every position. Nothing of greedy_core's layout is used.

Source: MEMIT, eval_utils_counterfact.test_batch_prediction, without its batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from greedy_core.model.scoring import Question


def plain_scores(module: Any, tokenizer: Any, questions: Sequence[Question]) -> np.ndarray:
    """Mean log-probability per target token, ``(Q, 2)``: new target, true target."""
    return np.array(
        [
            [_score(module, tokenizer, q.prompt, t) for t in (q.target_new, q.target_true)]
            for q in questions
        ]
    )


def _score(module: Any, tokenizer: Any, prompt: str, target: str) -> float:
    before = len(tokenizer(prompt)["input_ids"])
    ids = torch.tensor([tokenizer(f"{prompt} {target}")["input_ids"]])
    with torch.no_grad():
        log_p = module(ids).logits[0].log_softmax(dim=-1)  # (T, v)
    targets = ids[0, before:]
    return float(log_p[torch.arange(before - 1, ids.shape[1] - 1), targets].mean())
