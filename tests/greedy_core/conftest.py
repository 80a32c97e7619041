"""Models, tokenizers and plans that the tests of greedy_core share."""

from __future__ import annotations

import pytest
import torch

from greedy_core.model.language_model import LanguageModel
from tests.greedy_core.tiny_models import FAMILIES, tiny_model

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def gpt2() -> LanguageModel:
    return tiny_model("gpt2")


@pytest.fixture(scope="session")
def llama() -> LanguageModel:
    return tiny_model("llama")


@pytest.fixture(scope="session", params=FAMILIES)
def model(request: pytest.FixtureRequest) -> LanguageModel:
    """A tiny model of each family in turn."""
    return request.getfixturevalue(request.param)
