"""Target values against the published procedure, written plainly: one row, one full forward."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from greedy_core.emmet import values as values_module
from greedy_core.emmet.contexts import CONTEXTS
from greedy_core.emmet.values import optimize_values
from greedy_core.inputs.records import EditRequest
from greedy_core.model.language_model import LanguageModel
from greedy_core.settings import ValuesSettings
from tests.greedy_core.test_tokens import last_subject_token
from tests.greedy_core.tiny_models import FAMILIES, tiny_model, tiny_tokenizer

REQUESTS = [
    EditRequest(0, "Danielle Darrieux", "The mother tongue of {} is", "English", "French"),
    EditRequest(1, "Toko Yasuda", "{}, the", "piano and the guitar", "guitar"),
    EditRequest(2, "São Paulo", "He said: {} lies in", "it", "Brazil"),
    EditRequest(3, "Sega", "Sonic Drift 2, by {}", "that", "it"),
]
SETTINGS = ValuesSettings(steps=12, lr=0.3, clamp=2.0, weight_decay=0.05, kl=0.0625)


@dataclass
class Reference:
    """What the plain procedure ends in."""

    value: torch.Tensor
    first: torch.Tensor
    losses: list[float]


def plain_value(
    module: Any,
    tokenizer: Any,
    layer: int,
    request: EditRequest,
    settings: ValuesSettings,
    goal: float = 0.05,
) -> Reference:
    """ROME's compute_z: a hook on the block's output, Adam, clamp, stop below the goal."""
    block = {"gpt2": "transformer.h", "llama": "model.layers"}[module.config.model_type]
    block = module.get_submodule(f"{block}.{layer}")
    before, after = request.prompt.split("{}")

    def row(context: str) -> tuple[list[int], int, int]:
        prompt = context + before + request.subject + after
        text = f"{prompt} {request.target_new}"
        ids = tokenizer(text)["input_ids"]
        lookup = last_subject_token(
            tokenizer, context + before, request.subject, f"{after} {request.target_new}"
        )
        return ids, lookup, len(tokenizer(prompt)["input_ids"])

    rows = [row(context) for context in CONTEXTS]
    anchor_ids = tokenizer(f"{request.subject} is a")["input_ids"]
    anchor_at = last_subject_token(tokenizer, "", request.subject, " is a")
    seen: list[torch.Tensor] = []

    def forward(ids: list[int], lookup: int, delta: torch.Tensor) -> torch.Tensor:
        def add(block: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
            seen.append(output[0, lookup].detach().clone())
            output = output.clone()
            output[0, lookup] += delta
            return output

        handle = block.register_forward_hook(add)
        logits = module(torch.tensor([ids])).logits[0]
        handle.remove()
        return logits.log_softmax(-1)

    delta = torch.zeros(module.config.hidden_size, requires_grad=True)
    optimizer = torch.optim.Adam([delta], lr=settings.lr)
    losses: list[float] = []
    p0 = z0 = None
    for step in range(settings.steps):
        optimizer.zero_grad()
        nll = torch.zeros(())
        for ids, lookup, start in rows:
            log_p = forward(ids[:-1], lookup, delta)
            target = ids[start:]
            picked = [log_p[start - 1 + j, token] for j, token in enumerate(target)]
            nll = nll - torch.stack(picked).mean() / len(rows)
        z0 = seen[0] if z0 is None else z0
        log_q = forward(anchor_ids, anchor_at, delta)[anchor_at]
        p0 = log_q.detach() if p0 is None else p0
        divergence = (log_q.exp() * (log_q - p0)).sum()
        decay = settings.weight_decay * delta.norm() / z0.norm() ** 2
        loss = nll + settings.kl * divergence + decay
        losses.append(float(loss.detach()))
        if loss < goal or step == settings.steps - 1:
            break
        loss.backward()
        optimizer.step()
        limit = settings.clamp * z0.norm()
        if delta.norm() > limit:
            with torch.no_grad():
                delta *= limit / delta.norm()
    return Reference(z0 + delta.detach(), z0, losses)


@contextmanager
def projected_rows(model: LanguageModel) -> Iterator[list[int]]:
    """The number of rows that enter the vocabulary projection, call by call."""
    counted: list[int] = []
    head = model.module.get_submodule(model.architecture.head)
    hook = head.register_forward_pre_hook(
        lambda module, inputs: counted.append(inputs[0].shape[:-1].numel())
    )
    try:
        yield counted
    finally:
        hook.remove()


def apart(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("bos", [False, True])
@pytest.mark.parametrize("layer", [0, 1])
def test_values_equal_the_plain_procedure(family: str, bos: bool, layer: int) -> None:
    model = tiny_model(family, tokenizer=tiny_tokenizer(bos=bos))
    values = optimize_values(model, layer, REQUESTS, SETTINGS)
    for request, value in zip(REQUESTS, values, strict=True):
        expected = plain_value(model.module, model.tokenizer, layer, request, SETTINGS)
        assert apart(value, expected.value) < 1e-3
        assert apart(value, expected.first) > 0.05
        assert expected.losses[-1] < expected.losses[0]


def test_batched_values_equal_those_of_one_request_at_a_time(model: LanguageModel) -> None:
    together = optimize_values(model, 1, REQUESTS, SETTINGS)
    for request, value in zip(REQUESTS, together, strict=True):
        [alone] = optimize_values(model, 1, [request], SETTINGS)
        assert apart(value, alone) < 1e-4


@pytest.mark.parametrize(
    "changed",
    [
        {"clamp": 0.1},
        {"weight_decay": 0.0},
        {"weight_decay": 30.0},
        {"kl": 0.0},
        {"kl": 2.0},
        {"lr": 0.05},
        {"steps": 2},
    ],
    ids=str,
)
def test_every_setting_means_what_it_means_there(
    gpt2: LanguageModel, changed: dict[str, Any]
) -> None:
    settings = ValuesSettings(**{**vars(SETTINGS), **changed})
    values = optimize_values(gpt2, 1, REQUESTS[:2], settings)
    for request, value in zip(REQUESTS, values, strict=False):
        expected = plain_value(gpt2.module, gpt2.tokenizer, 1, request, settings)
        assert apart(value, expected.value) < 1e-3


def test_one_step_changes_nothing(gpt2: LanguageModel) -> None:
    settings = ValuesSettings(**{**vars(SETTINGS), "steps": 1})
    [value] = optimize_values(gpt2, 1, REQUESTS[:1], settings)
    first = plain_value(gpt2.module, gpt2.tokenizer, 1, REQUESTS[0], settings).first
    assert apart(value, first) < 1e-6


def test_clamp_is_the_longest_update(gpt2: LanguageModel) -> None:
    settings = ValuesSettings(**{**vars(SETTINGS), "clamp": 0.1})
    values = optimize_values(gpt2, 1, REQUESTS, settings)
    for request, value in zip(REQUESTS, values, strict=True):
        first = plain_value(gpt2.module, gpt2.tokenizer, 1, request, settings).first
        assert apart(value, first) == pytest.approx(0.1, rel=1e-4)


def test_request_that_is_done_stops_while_others_go_on(
    gpt2: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert values_module.LOSS_GOAL == 0.05
    monkeypatch.setattr(values_module, "LOSS_GOAL", 1.0)
    settings = ValuesSettings(steps=12, lr=1.0, clamp=20.0, weight_decay=0.0, kl=0.0)
    requests = [REQUESTS[2], EditRequest(4, "Sega", "{}", "is", "it")]
    goes_on, stops = [
        plain_value(gpt2.module, gpt2.tokenizer, 1, request, settings, goal=1.0)
        for request in requests
    ]
    assert len(goes_on.losses) == settings.steps
    assert 2 < len(stops.losses) < settings.steps - 2
    assert stops.losses[-1] < 1.0 <= stops.losses[-2]
    values = optimize_values(gpt2, 1, requests, settings)
    assert apart(values[0], goes_on.value) < 1e-3
    assert apart(values[1], stops.value) < 1e-4


def test_finished_request_leaves_the_forward_and_its_value_does_not_move(
    gpt2: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values_module, "LOSS_GOAL", 1.0)
    settings = ValuesSettings(steps=12, lr=1.0, clamp=20.0, weight_decay=0.0, kl=0.0)
    requests = [REQUESTS[2], EditRequest(4, "Sega", "{}", "is", "it")]
    with projected_rows(gpt2) as rows:
        both = optimize_values(gpt2, 1, requests, settings)
    stopped = sum(count == rows[0] for count in rows)
    assert 2 < stopped < len(rows) == settings.steps - 1
    assert rows[stopped:] == [rows[-1]] * (len(rows) - stopped)
    assert rows[-1] < rows[0]
    until_then = ValuesSettings(**{**vars(settings), "steps": stopped})
    at_its_stop = optimize_values(gpt2, 1, requests, until_then)
    assert torch.equal(both[1], at_its_stop[1])
    assert not torch.equal(both[0], at_its_stop[0])


def test_vocabulary_is_projected_only_where_the_loss_reads(model: LanguageModel) -> None:
    request = EditRequest(0, "Sega", "Sonic Drift 2, by {} and", "piano and the guitar", "it")
    tokens = len(model.tokenizer(f" {request.target_new}")["input_ids"])
    assert tokens > 1
    with projected_rows(model) as rows:
        optimize_values(model, 1, [request], SETTINGS)
    assert rows == [len(CONTEXTS) * tokens + 1] * (SETTINGS.steps - 1)


def test_only_blocks_above_the_edited_one_run_in_a_step(model: LanguageModel) -> None:
    calls = [0, 0, 0]
    hooks = [
        model.projection(layer).register_forward_pre_hook(
            lambda module, inputs, layer=layer: calls.__setitem__(layer, calls[layer] + 1)
        )
        for layer in range(3)
    ]
    optimize_values(model, 1, REQUESTS[:2], SETTINGS)
    for hook in hooks:
        hook.remove()
    assert calls == [1, 1, 1 + SETTINGS.steps - 1]


def test_requests_about_the_same_subject_move_their_own_value(gpt2: LanguageModel) -> None:
    requests = [
        EditRequest(0, "Toko Yasuda", "{}, the", "piano", "guitar"),
        EditRequest(1, "Toko Yasuda", "{}, the", "guitar", "piano"),
    ]
    together = optimize_values(gpt2, 1, requests, SETTINGS)
    for request, value in zip(requests, together, strict=True):
        [alone] = optimize_values(gpt2, 1, [request], SETTINGS)
        assert apart(value, alone) < 1e-4
    assert apart(*together) > 0.05


def test_more_requests_than_one_forward_holds(gpt2: LanguageModel) -> None:
    requests = REQUESTS * (values_module.REQUESTS_PER_FORWARD // len(REQUESTS) + 1)
    settings = ValuesSettings(**{**vars(SETTINGS), "steps": 3})
    values = optimize_values(gpt2, 1, requests, settings)
    alone = optimize_values(gpt2, 1, REQUESTS, settings)
    assert len(values) == len(requests)
    for number, value in enumerate(values):
        assert apart(value, alone[number % len(REQUESTS)]) < 1e-4


def test_model_is_left_as_it_was(gpt2: LanguageModel) -> None:
    before = gpt2.digest()
    optimize_values(gpt2, 1, REQUESTS[:1], SETTINGS)
    assert gpt2.digest() == before
    assert all(parameter.grad is None for parameter in gpt2.module.parameters())
