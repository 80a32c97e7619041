"""How well a trained model's facts can be edited: what decides between training runs."""

from __future__ import annotations

import torch
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

from greedy_core.inputs.edit_inputs import read_inputs
from greedy_core.model.language_model import LanguageModel
from greedy_core.settings import EditSettings, GreedySettings, ValuesSettings
from greedy_core.store.artefacts import MemoryStore
from greedy_core.walk.edit import open_states, run_edit
from greedy_core.walk.evaluation import Evaluation

EDITED_LAYER = 0
SELECTIONS = 3


def plain_emmet(
    model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, clamp: float, seed: int = 0
) -> Evaluation:
    """Edit 20 records in batches of 4 without any greedy choice; ``seed`` selects the records."""
    threads = torch.get_num_threads()
    settings = EditSettings(
        edits=20,
        batch_size=4,
        layers=(EDITED_LAYER,),
        mu=0.1,
        values=ValuesSettings(steps=20, lr=0.5, clamp=clamp, weight_decay=0.5),
        greedy=GreedySettings(steps=1, accept_by="always"),
        device="cpu",
        threads=threads,
        seed=seed,
    )
    language_model = LanguageModel(model.eval().requires_grad_(False), tokenizer)
    inputs = read_inputs(settings, model.config.to_dict())
    scores = open_states(inputs, language_model, MemoryStore())
    return run_edit(scores, inputs.settings).edited


def quality(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast) -> float:
    """Mean held-out composite of plain EMMET with clamp 2, over a few selections of records."""
    return (
        sum(
            float(plain_emmet(model, tokenizer, 2.0, seed).held_out.composite)
            for seed in range(SELECTIONS)
        )
        / SELECTIONS
    )
