"""Factors: recompression, overlay, merge and rollback."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from greedy_core.model.language_model import LanguageModel
from greedy_core.model.lora import LoraFactors, edited, merge
from tests.greedy_core.tiny_models import FAMILIES, tiny_model

IDS = torch.tensor([[7, 80, 300, 41, 5, 9], [12, 13, 14, 200, 201, 202]])


def factors(d: int, f: int, rank: int, seed: int = 0, scale: float = 1.0) -> LoraFactors:
    generator = torch.Generator().manual_seed(seed)
    u = torch.randn(d, rank, generator=generator, dtype=torch.float64)
    v = torch.randn(f, rank, generator=generator, dtype=torch.float64)
    return LoraFactors(scale * u, v)


def edit_of(model: LanguageModel, layer: int, seed: int = 0) -> LoraFactors:
    d, f = model.projection_weight(layer).shape
    return factors(d, f, 3, seed, scale=0.05)


def logits(model: LanguageModel) -> torch.Tensor:
    with torch.no_grad():
        return model.module(IDS).logits


@pytest.mark.parametrize(
    ("d", "f", "rank", "cap"), [(10, 14, 6, 4), (10, 14, 6, 1), (5, 7, 20, 4), (5, 7, 20, 12)]
)
def test_recompression_equals_the_truncated_dense_svd(d: int, f: int, rank: int, cap: int) -> None:
    edit = factors(d, f, rank)
    left, singular, right = np.linalg.svd(edit.delta().numpy(), full_matrices=False)
    best = (left[:, :cap] * singular[:cap]) @ right[:cap]
    small, error = edit.recompressed(cap)
    assert small.rank <= cap
    np.testing.assert_allclose(small.delta().numpy(), best, atol=1e-9)
    kept = np.linalg.svd(small.delta().numpy(), compute_uv=False)[: small.rank]
    np.testing.assert_allclose(kept, singular[: small.rank], rtol=1e-9)
    lost = np.linalg.norm(singular[cap:]) / np.linalg.norm(singular)
    assert error == pytest.approx(lost, abs=1e-7)


@pytest.mark.parametrize("cap", [None, 3, 8])
def test_within_the_cap_nothing_changes(cap: int | None) -> None:
    edit = factors(10, 14, 3)
    same, error = edit.recompressed(cap)
    assert same is edit and error == 0


def test_recompressing_nothing_loses_nothing() -> None:
    zero = LoraFactors(torch.zeros(4, 3).double(), torch.zeros(6, 3).double())
    small, error = zero.recompressed(2)
    assert error == 0 and float(small.delta().norm()) == 0


def test_norm_and_sum_equal_the_dense_ones() -> None:
    one, two = factors(6, 9, 2, seed=1), factors(6, 9, 3, seed=2)
    both = one.plus(two.u, two.v)
    dense = one.delta() + two.delta()
    assert both.rank == 5
    torch.testing.assert_close(both.delta(), dense)
    assert both.norm == pytest.approx(float(dense.norm()), rel=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_overlay_equals_dense_merged_weights(family: str) -> None:
    model = tiny_model(family)
    edits = {0: edit_of(model, 0, 1), 2: edit_of(model, 2, 2)}
    merged = copy.deepcopy(model.module)
    names = {"gpt2": "transformer.h.{}.mlp.c_proj", "llama": "model.layers.{}.mlp.down_proj"}
    for layer, edit in edits.items():
        weight = merged.get_submodule(names[family].format(layer)).weight
        delta = edit.delta().float()
        weight.data += delta.T if family == "gpt2" else delta  # Conv1D stores (in, out)
    with torch.no_grad():
        expected = merged(IDS).logits
    with edited(model, edits):
        overlaid = logits(model)
    assert (overlaid - expected).abs().max() < 1e-4
    assert (overlaid - logits(model)).abs().max() > 0.1
    merge(model, edits)
    assert (logits(model) - expected).abs().max() < 1e-4


def test_dropping_an_edit_restores_every_bit(model: LanguageModel) -> None:
    weights, before = model.digest(), logits(model)
    with edited(model, {1: edit_of(model, 1)}):
        assert not torch.equal(logits(model), before)
    assert torch.equal(logits(model), before)
    assert model.digest() == weights


def test_dropping_an_inner_edit_restores_the_outer_one(model: LanguageModel) -> None:
    outer = {0: edit_of(model, 0)}
    with edited(model, outer):
        before = logits(model)
        with edited(model, {1: edit_of(model, 1)}):
            assert not torch.equal(logits(model), before)
        assert torch.equal(logits(model), before)


def test_edits_are_dropped_after_an_error(model: LanguageModel) -> None:
    before = logits(model)
    with pytest.raises(RuntimeError, match="stop"), edited(model, {0: edit_of(model, 0)}):
        raise RuntimeError("stop")
    assert torch.equal(logits(model), before)


def test_overlay_on_16_bit_weights_is_rounded_once() -> None:
    model = tiny_model("llama")
    model.module.bfloat16()
    edit = edit_of(model, 1)
    projection = model.projection(1)
    x = torch.randn(4, 64, generator=torch.Generator().manual_seed(1)).bfloat16()
    with edited(model, {1: edit}), torch.no_grad():
        seen = projection(x)
    exact = projection(x).double() + x.double() @ edit.delta().T
    assert seen.dtype == torch.bfloat16
    assert ((seen.double() - exact).abs() <= exact.abs() * 2**-8 + 1e-6).all()
