"""The second moment of the keys against numpy over one document at a time."""

from __future__ import annotations

import copy
import random
import time
from typing import Any

import numpy as np
import pytest
import torch

from greedy_core.emmet.covariance import (
    DEFAULT_RIDGE,
    FEW_TOKENS,
    TOKENS_PER_FORWARD,
    estimate_covariances,
)
from greedy_core.errors import CorpusError
from greedy_core.model.language_model import LanguageModel
from greedy_core.progress import Progress
from greedy_core.settings import CovarianceSettings
from tests.greedy_core.tiny_models import TEXTS, tiny_tokenizer

PROJECTIONS = {"gpt2": "transformer.h.{}.mlp.c_proj", "llama": "model.layers.{}.mlp.down_proj"}
DOCUMENTS = [text[start:] for text in TEXTS for start in range(0, 40, 5)]
NO_RIDGE = CovarianceSettings(ridge=0.0)


def plain_keys(module: Any, layer: int, ids: list[int]) -> np.ndarray:
    """Inputs of a projection for every token of one text."""
    seen: list[torch.Tensor] = []
    projection = module.get_submodule(PROJECTIONS[module.config.model_type].format(layer))
    handle = projection.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0]))
    with torch.no_grad():
        module(torch.tensor([ids]))
    handle.remove()
    return seen[0].double().numpy()


def plain_moment(model: LanguageModel, layer: int, rows: list[list[int]]) -> np.ndarray:
    keys = np.concatenate([plain_keys(model.module, layer, ids) for ids in rows])
    return keys.T @ keys / len(keys)


def encoded(model: LanguageModel, documents: list[str]) -> list[list[int]]:
    return [model.tokenizer(text)["input_ids"] for text in documents]


def test_moment_equals_numpys_over_one_document_at_a_time(model: LanguageModel) -> None:
    documents = [*DOCUMENTS, *(text[::-1] for text in DOCUMENTS)]
    assert sum(map(len, encoded(model, documents))) > TOKENS_PER_FORWARD
    matrices = estimate_covariances(model, [0, 2], documents, NO_RIDGE)
    assert sorted(matrices) == [0, 2]
    exact = LanguageModel(copy.deepcopy(model.module).double(), model.tokenizer)
    rows = encoded(model, documents)
    for layer, matrix in matrices.items():
        expected = plain_moment(exact, layer, rows)
        error = np.linalg.norm(matrix.numpy() - expected) / np.linalg.norm(expected)
        assert error < 1e-6
        assert matrix.dtype == torch.float64


@pytest.mark.parametrize("limit", [1, 3, 100, 700])
def test_no_more_tokens_are_read_than_asked_for(gpt2: LanguageModel, limit: int) -> None:
    rows, left = [], limit
    for ids in encoded(gpt2, DOCUMENTS):
        rows.append(ids[:left])
        left -= len(rows[-1])
        if not left:
            break
    assert sum(map(len, rows)) == limit
    settings = CovarianceSettings(tokens=limit, ridge=0.0)
    matrix = estimate_covariances(gpt2, [1], DOCUMENTS, settings)[1]
    np.testing.assert_allclose(matrix.numpy(), plain_moment(gpt2, 1, rows), rtol=1e-3, atol=1e-6)


def test_reading_stops_at_the_limit(gpt2: LanguageModel) -> None:
    class Counting(list):  # type: ignore[type-arg]
        asked = 0

        def __getitem__(self, index: Any) -> Any:
            self.asked += 1
            return super().__getitem__(index)

    documents = Counting(DOCUMENTS * 10)
    estimate_covariances(gpt2, [0], documents, CovarianceSettings(tokens=5, ridge=0.0))
    assert documents.asked == 1


def test_the_order_of_documents_does_not_change_a_bit(model: LanguageModel) -> None:
    documents = [*DOCUMENTS, "He speaks English and Russian. " * 9]
    expected = estimate_covariances(model, [1], documents, NO_RIDGE)[1]
    for seed in range(4):
        shuffled = random.Random(seed).sample(documents, len(documents))
        assert torch.equal(estimate_covariances(model, [1], shuffled, NO_RIDGE)[1], expected)


def test_a_document_of_megabytes_costs_what_the_context_holds(gpt2: LanguageModel) -> None:
    start = time.monotonic()
    endless = "He speaks English. " * 2_000_000
    found = estimate_covariances(gpt2, [1], [endless], NO_RIDGE)[1]
    assert time.monotonic() - start < 5
    cut = estimate_covariances(gpt2, [1], ["He speaks English. " * 200], NO_RIDGE)[1]
    assert torch.equal(found, cut)


def test_a_token_without_a_row_is_refused_before_the_first_forward(gpt2: LanguageModel) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens(["[PAD]"])
    model = LanguageModel(gpt2.module, tokenizer)
    reports: list[Progress] = []
    with pytest.raises(CorpusError, match=r"below the 420 rows .* but got 420 \('\[PAD\]'\)"):
        estimate_covariances(model, [1], [*DOCUMENTS, "a [PAD]"], NO_RIDGE, reports.append)
    assert not reports
    estimate_covariances(model, [1], DOCUMENTS, NO_RIDGE)


@pytest.mark.parametrize("ridge", [0.0, 0.01, 0.5])
def test_ridge_is_in_units_of_the_mean_diagonal(gpt2: LanguageModel, ridge: float) -> None:
    plain = estimate_covariances(gpt2, [0], DOCUMENTS, NO_RIDGE)[0].numpy()
    ridged = estimate_covariances(gpt2, [0], DOCUMENTS, CovarianceSettings(ridge=ridge))[0].numpy()
    expected = plain + ridge * np.diag(plain).mean() * np.eye(len(plain))
    np.testing.assert_allclose(ridged, expected, rtol=1e-12)


@pytest.mark.parametrize("many", [False, True])
def test_ridge_by_default_only_where_tokens_are_few(model: LanguageModel, many: bool) -> None:
    width = model.projection_weight(0).shape[1]
    tokens = FEW_TOKENS * width - (0 if many else 1)
    default = estimate_covariances(model, [0], DOCUMENTS * 4, CovarianceSettings(tokens=tokens))
    ridge = 0.0 if many else DEFAULT_RIDGE
    asked = CovarianceSettings(tokens=tokens, ridge=ridge)
    expected = estimate_covariances(model, [0], DOCUMENTS * 4, asked)
    assert sum(map(len, encoded(model, DOCUMENTS * 4))) > tokens
    assert torch.equal(default[0], expected[0])


@pytest.mark.parametrize("documents", [[], [""]])
def test_corpus_without_tokens_is_refused(gpt2: LanguageModel, documents: list[str]) -> None:
    with pytest.raises(CorpusError, match="at least one token"):
        estimate_covariances(gpt2, [0], documents, NO_RIDGE)
