"""Functions that somebody replaces for the whole process are noticed, and nothing else is."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest
import torch
import transformers

from greedy_core.errors import BaseModelChanged
from greedy_core.factworld import MODEL_DIR
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.loading import load_model
from greedy_core.model.operators_check import OperatorsCheck
from greedy_core.model.weights_check import WeightsCheck


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return load_model(str(MODEL_DIR), "float32", "cpu")


def another(*given: Any, **named: Any) -> None:
    """Anything."""


def test_nothing_is_replaced_by_loading_running_and_training_a_model(model: LanguageModel) -> None:
    check = OperatorsCheck(model.module)
    transformers.set_seed(1)
    again = load_model(str(MODEL_DIR), "float32", "cpu")
    embedded = again.module.get_input_embeddings()(torch.tensor([[1, 2, 3]])).requires_grad_()
    again.module(inputs_embeds=embedded).logits.sum().backward()
    assert check.replaced() == []


def places(module: Any) -> list[tuple[Any, str, str]]:
    code = sys.modules[type(module).__module__]
    return [
        (torch.nn.functional, "layer_norm", "torch.nn.functional.layer_norm"),
        (torch.nn.functional, "gelu", "torch.nn.functional.gelu"),
        (torch, "matmul", "torch.matmul"),
        (torch, "einsum", "torch.einsum"),
        (torch.linalg, "cholesky", "torch.linalg.cholesky"),
        (torch.Tensor, "softmax", "torch.Tensor.softmax"),
        (torch.Tensor, "__matmul__", "torch.Tensor.__matmul__"),
        (code, "eager_attention_forward", f"{code.__name__}.eager_attention_forward"),
    ]


def test_each_replaced_function_is_named(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for owner, attribute, name in places(model.module):
        check, told = WeightsCheck(model), f"{name} (now of {__name__})"
        with monkeypatch.context() as patch:
            patch.setattr(owner, attribute, another)
            with pytest.raises(BaseModelChanged, match=re.escape(told)):
                check.require_unchanged()
        check.require_unchanged()


def test_a_function_that_is_gone_is_named(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = WeightsCheck(model)
    monkeypatch.delattr(torch.nn.functional, "gelu")
    with pytest.raises(BaseModelChanged, match=r"torch\.nn\.functional\.gelu"):
        check.require_unchanged()
