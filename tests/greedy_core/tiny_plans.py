"""Small datasets, and the states that they open on a tiny model."""

from __future__ import annotations

from typing import Any

from greedy_core.inputs.corpus import Corpus
from greedy_core.inputs.edit_inputs import Inputs
from greedy_core.inputs.records import EditRecord, EditRequest
from greedy_core.inputs.selection import select
from greedy_core.model.language_model import LanguageModel
from greedy_core.settings import (
    CovarianceSettings,
    EditSettings,
    GreedySettings,
    TrustSettings,
    ValuesSettings,
)
from greedy_core.states.state_scores import StateScores
from greedy_core.store.artefacts import MemoryStore, Store
from greedy_core.walk.edit import open_states
from tests.greedy_core.tiny_models import TEXTS

_SUBJECTS = ("Danielle Darrieux", "Toko Yasuda", "Henri de Régnier", "Kathy Saltzman", "Sega")

RECORDS = [
    EditRecord(
        EditRequest(number, subject, "He said: {} is", "that", "French", f"P{number}"),
        (f"{subject}, by", f"Where is {subject}?"),
        tuple(f"The {name} of {number} was" for name in ("weather", "guitar", "language")),
    )
    for number, subject in enumerate(_SUBJECTS)
]

CORPUS = Corpus.of([text[start:] for text in TEXTS for start in range(0, 30, 3)])


def settings(
    greedy: dict[str, Any] | None = None, trust: dict[str, Any] | None = None, **changed: Any
) -> EditSettings:
    """Resolved settings for four edits in two batches."""
    plain: dict[str, Any] = {
        "model": "tiny",
        "dataset": "tiny",
        "edits": 4,
        "batch_size": 2,
        "layers": (1,),
        "mu": 0.1,
        "values": ValuesSettings(steps=6, lr=0.5, clamp=2.0, weight_decay=0.01),
        "covariance": CovarianceSettings(ridge=0.01),
        "device": "cpu",
    }
    return EditSettings(
        **{**plain, **changed},
        greedy=GreedySettings(**{"steps": 4, **(greedy or {})}),
        trust=TrustSettings(**(trust or {})),
    )


def open_tiny(
    model: LanguageModel,
    chosen: EditSettings | None = None,
    store: Store | None = None,
    records: list[EditRecord] = RECORDS,
    memory: Store | None = None,
) -> StateScores:
    """The states of a plan on a tiny model."""
    chosen = chosen or settings()
    inputs = Inputs(chosen, select(records, chosen), CORPUS)
    return open_states(inputs, model, MemoryStore() if store is None else store, memory=memory)
