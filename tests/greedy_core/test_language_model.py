"""Running a model block by block gives what the whole model gives."""

from __future__ import annotations

import pytest
import torch

from greedy_core.errors import ModelError
from greedy_core.model.language_model import LanguageModel, weights_digest
from greedy_core.model.tokens import encode_documents
from tests.greedy_core.tiny_models import tiny_model, tiny_module, tiny_tokenizer

IDS = torch.tensor([[7, 80, 300, 41, 5, 9], [12, 13, 14, 200, 201, 202]])


def test_families_have_their_modules_where_the_table_says(model: LanguageModel) -> None:
    width = model.module.config.hidden_size
    assert model.layers == 3
    assert model.context_length == 128
    for layer in range(model.layers):
        weight = model.projection_weight(layer)
        assert weight.shape[0] == width < weight.shape[1]


def test_other_families_are_refused_by_name() -> None:
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    with pytest.raises(ModelError, match="one of gpt2, llama, but got 'bert'"):
        LanguageModel(BertForMaskedLM(config), tiny_tokenizer())


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_running_in_two_parts_equals_the_whole_model(model: LanguageModel, cut: int) -> None:
    with torch.no_grad():
        below = model.run(model.embed(IDS), 0, cut)
        log_p = model.log_probabilities(model.run(below, cut, model.layers))
        expected = model.module(IDS).logits.log_softmax(-1)
    assert (log_p - expected).abs().max() <= 1e-5


def test_cutting_elsewhere_changes_no_bit(model: LanguageModel) -> None:
    with torch.no_grad():
        whole = model.run(model.embed(IDS), 0, 3)
        parts = model.run(model.run(model.embed(IDS), 0, 2), 2, 3)
    assert torch.equal(whole, parts)


@pytest.mark.parametrize("start", [0, 2, 3])
def test_running_to_the_end_gives_the_last_block_where_it_is_read(
    model: LanguageModel, start: int
) -> None:
    rows, positions = torch.tensor([0, 1, 1]), torch.tensor([5, 0, 3])
    with torch.no_grad():
        below = model.run(model.embed(IDS), 0, start)
        expected = model.run(below, start, 3)[rows, positions]
        read = model.run_to_end(below, start, rows, positions)
    assert torch.allclose(read, expected, atol=1e-5)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_stopping_at_a_projection_changes_no_bit(model: LanguageModel, layer: int) -> None:
    with torch.no_grad():
        hidden = model.run(model.embed(IDS), 0, layer)
        residual, keys = model.run_to_projection(hidden, layer)
        assert torch.equal(
            model.run_from_projection(residual, keys, layer), model.run(hidden, layer, layer + 1)
        )


def test_padding_on_the_right_is_never_seen(model: LanguageModel) -> None:
    padded = torch.cat([IDS, torch.zeros(2, 5, dtype=torch.long)], dim=1)
    with torch.no_grad():
        short = model.run(model.embed(IDS), 0, 3)
        long = model.run(model.embed(padded), 0, 3)[:, : IDS.shape[1]]
    assert torch.allclose(short, long, atol=1e-5)


def test_captured_keys_are_the_projections_inputs_and_the_hooks_go_away(
    model: LanguageModel,
) -> None:
    with torch.no_grad():
        before = model.run(model.embed(IDS), 0, 1)
        with model.captured_keys([0, 1]) as keys:
            model.run(before, 1, 2)
        assert list(keys) == [1]
        projected = model.projection(1)(keys[1])
        bias = getattr(model.projection(1), "bias", None)
        expected = keys[1] @ model.projection_weight(1).T + (0 if bias is None else bias)
    assert torch.allclose(projected, expected, atol=1e-5)
    assert not model.projection(1)._forward_pre_hooks


def test_hooks_go_away_after_an_error(model: LanguageModel) -> None:
    with pytest.raises(RuntimeError, match="stop"), model.captured_keys([0]):
        raise RuntimeError("stop")
    assert not model.projection(0)._forward_pre_hooks


def test_digest_tells_weights_and_tokenizers_apart() -> None:
    digests = {
        tiny_model("gpt2").digest(),
        tiny_model("gpt2", seed=1).digest(),
        tiny_model("llama").digest(),
        tiny_model("gpt2", tokenizer=tiny_tokenizer(bos=True)).digest(),
    }
    assert len(digests) == 4
    assert tiny_model("gpt2").digest() in digests


def test_digest_sees_a_single_bit_and_the_type() -> None:
    module = tiny_module("gpt2")
    before = weights_digest(module)
    weight = module.transformer.h[1].mlp.c_proj.weight
    weight.view(torch.int32)[0, 0] ^= 1
    assert weights_digest(module) != before
    weight.view(torch.int32)[0, 0] ^= 1
    assert weights_digest(module) == before
    assert weights_digest(module.bfloat16()) != before


def test_digest_does_not_depend_on_what_was_tokenized_before() -> None:
    model = tiny_model("gpt2")
    before = model.digest()
    encode_documents(model, ["The weather was fine."])
    assert model.digest() == before
    left = tiny_model("gpt2", tokenizer=tiny_tokenizer(padding_side="left"))
    left.tokenizer(["one", "two three"], padding=True)
    assert left.digest() == before
