"""What was computed is visible to others once the model was verified after that, or never."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from greedy_core.errors import BaseModelChanged
from greedy_core.model.answer_check import others_code_runs
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.lora import LoraFactors, edited
from greedy_core.model.weights_check import WeightsCheck
from greedy_core.store.artefacts import Artefact, LayeredStore, MemoryStore, computed_once
from greedy_core.store.staged import StagedStore
from tests.greedy_core.tiny_models import FAMILIES, tiny_model


class Model:
    """Is well until it is harmed."""

    def __init__(self) -> None:
        self.harmed = False
        self.looks = 0

    def verify(self) -> None:
        self.looks += 1
        if self.harmed:
            raise BaseModelChanged.weights()


def of(value: float, size: int = 1) -> Artefact:
    return {"x": np.full(size, value)}


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def shared() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def staged(shared: MemoryStore, model: Model, monkeypatch: pytest.MonkeyPatch) -> StagedStore:
    """One that never thinks it is time."""
    monkeypatch.setattr("greedy_core.store.staged.CHECKED_SHARE", -1.0)
    return StagedStore(shared, model.verify)


def test_nobody_else_sees_what_is_not_verified(
    shared: MemoryStore, staged: StagedStore, model: Model
) -> None:
    staged._cost = 1.0
    staged.put("a", of(1.0))
    assert staged.get("a") is not None and shared.get("a") is None
    staged.publish()
    assert shared.get("a") is not None and model.looks == 1
    staged.publish()
    assert model.looks == 1, "nothing waited"


def test_what_was_computed_on_a_harmed_model_is_dropped_for_good(
    shared: MemoryStore, staged: StagedStore, model: Model
) -> None:
    staged._cost = 1.0
    staged.put("a", of(1.0))
    model.harmed = True
    with pytest.raises(BaseModelChanged):
        staged.publish()
    model.harmed = False
    staged.put("b", of(1.0))
    for _ in range(2):
        with pytest.raises(BaseModelChanged):
            staged.publish()
    assert shared.artefacts == {} and staged.get("a") is None


def test_dear_artefacts_are_published_before_their_lease_is_given_back(
    shared: MemoryStore, staged: StagedStore, model: Model
) -> None:
    staged._cost = 1.0
    staged.put("cheap", of(1.0))
    computed_once(LayeredStore(MemoryStore(), staged), "dear", lambda: of(2.0))
    assert set(shared.artefacts) == {"cheap", "dear"}
    model.harmed = True
    with pytest.raises(BaseModelChanged):
        computed_once(staged, "later", lambda: of(3.0))
    assert "later" not in shared.artefacts


def test_checks_take_their_share_of_the_time_and_not_more(
    shared: MemoryStore, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    for name in ("monotonic", "thread_time"):
        monkeypatch.setattr(f"greedy_core.store.staged.time.{name}", lambda: clock[0])

    def verify() -> None:
        model.verify()
        clock[0] += 0.002

    staged = StagedStore(shared, verify)
    for number in range(1000):
        clock[0] += 0.01
        staged.put(str(number), of(1.0))
    assert model.looks == pytest.approx(10 / 0.2, rel=0.1)
    assert len(shared.artefacts) > 970


def test_little_memory_is_taken_by_what_waits(
    shared: MemoryStore, staged: StagedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greedy_core.store.staged._STAGED_BYTES", 50_000)
    staged._cost = 1.0
    for number in range(20):
        staged.put(str(number), of(1.0, size=1000))
    assert len(shared.artefacts) >= 14


HARMS: list[Callable[[LanguageModel], object]] = [
    lambda model: model.projection_weight(1)[3, 7].add_(1),
    lambda model: model.projection_weight(1).neg_(),
    lambda model: model.projection_weight(1).copy_(model.projection_weight(1).flip(0)),
    lambda model: model.projection_weight(1).copy_(model.projection_weight(1).flip(1)),
    lambda model: model._embedding.weight.view(-1)[-1:].copy_(torch.tensor([3.0])),
    lambda model: model.module.train(),
    lambda model: model.projection(0).register_forward_pre_hook(lambda *given: None),
    lambda model: model.module.half(),
    lambda model: setattr(model.projection(0), "forward", lambda hidden: hidden),
    lambda model: model.module.register_buffer("more", torch.zeros(1)),
    lambda model: (
        [setattr(e, "eps", 0.5) for e in model.module.modules() if hasattr(e, "eps")]
        + [setattr(e, "variance_epsilon", 0.5) for e in model.module.modules()]
    ),
    lambda model: setattr(model, "tokenizer", lambda text: {"input_ids": [1]}),
]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("number", range(len(HARMS)))
def test_the_check_notices(family: str, dtype: torch.dtype, number: int) -> None:
    model = tiny_model(family)
    model.module.to(dtype)
    check = WeightsCheck(model)
    others_code_runs()
    check.require_unchanged()
    HARMS[number](model)
    with pytest.raises(BaseModelChanged):
        check.require_unchanged()


@pytest.mark.parametrize("family", FAMILIES)
def test_edits_in_force_are_no_change(family: str) -> None:
    model = tiny_model(family)
    check = WeightsCheck(model)
    others_code_runs()
    d, f = model.projection_weight(1).shape
    with edited(model, {1: LoraFactors(torch.ones(d, 1), torch.ones(f, 1))}):
        check.require_unchanged()


def test_buffers_count(gpt2: LanguageModel) -> None:
    model = tiny_model("llama")
    check = WeightsCheck(model)
    next(model.module.buffers()).mul_(2)
    with pytest.raises(BaseModelChanged):
        check.require_unchanged()
