"""The shipped model can be edited, at a price that a search can lower."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from greedy_core.factworld import MODEL_DIR
from greedy_core.metrics import Metrics
from greedy_core.teaching.quality import plain_emmet, quality


@pytest.fixture(scope="module")
def by_clamp() -> dict[float, Metrics]:
    """Held-out metrics of plain EMMET on the shipped model."""
    model = AutoModelForCausalLM.from_pretrained(MODEL_DIR, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR)
    return {clamp: plain_emmet(model, tokenizer, clamp).held_out for clamp in (1.0, 2.0, 4.0)}


@pytest.mark.nightly
def test_plain_emmet_succeeds_at_the_best_clamp(by_clamp: dict[float, Metrics]) -> None:
    best = max(by_clamp.values(), key=lambda metrics: metrics.composite)
    assert best.es >= 0.95
    assert best.ps >= 0.90
    assert best.composite >= 0.88


@pytest.mark.nightly
def test_a_larger_clamp_costs_neighborhood_success(by_clamp: dict[float, Metrics]) -> None:
    assert by_clamp[1.0].ns - by_clamp[4.0].ns > 0.08
    assert by_clamp[1.0].ns >= by_clamp[2.0].ns >= by_clamp[4.0].ns


def test_quality_is_the_mean_over_selections(monkeypatch: pytest.MonkeyPatch) -> None:
    class Edited:
        def __init__(self, seed: int) -> None:
            self.held_out = Metrics(es=1, ps=1, ns=1, composite=seed / 2)

    monkeypatch.setattr(
        "greedy_core.teaching.quality.plain_emmet",
        lambda model, tokenizer, clamp, seed: Edited(seed),
    )
    assert quality(None, None) == pytest.approx(0.5)
