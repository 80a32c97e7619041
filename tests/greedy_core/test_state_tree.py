"""States: what a solve is made of, exact fractions, and keys of exactly their inputs."""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from greedy_core.emmet.contexts import CONTEXTS
from greedy_core.inputs.records import EditRequest
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.lora import edited
from greedy_core.settings import CovarianceSettings, ValuesSettings
from greedy_core.states.state_scores import StateScores
from greedy_core.states.state_tree import State
from greedy_core.store.artefacts import MemoryStore
from tests.greedy_core.test_covariance import PROJECTIONS, encoded, plain_keys, plain_moment
from tests.greedy_core.test_tokens import last_subject_token
from tests.greedy_core.tiny_models import FAMILIES, tiny_model
from tests.greedy_core.tiny_plans import CORPUS, open_tiny, settings

IDS = torch.tensor([[7, 80, 300, 41, 5, 9]])
HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)


def plain_key(model: LanguageModel, layer: int, request: EditRequest) -> np.ndarray:
    """Half the key without a context, half the mean over the other contexts."""
    keys = []
    for context in CONTEXTS:
        before = context + request.prefix
        ids = model.tokenizer(before + request.subject + request.suffix)["input_ids"]
        at = last_subject_token(model.tokenizer, before, request.subject, request.suffix)
        keys.append(plain_keys(model.module, layer, ids)[at])
    return keys[0] / 2 + np.mean(keys[1:], axis=0) / 2


def plain_output(model: LanguageModel, layer: int, request: EditRequest) -> np.ndarray:
    """The block's output at the subject of the bare prompt."""
    ids = model.tokenizer(request.text)["input_ids"]
    at = last_subject_token(model.tokenizer, request.prefix, request.subject, request.suffix)
    blocks = {"gpt2": "transformer.h", "llama": "model.layers"}[model.module.config.model_type]
    seen: list[torch.Tensor] = []
    block = model.module.get_submodule(f"{blocks}.{layer}")
    handle = block.register_forward_hook(lambda _, inputs, output: seen.append(output))
    with torch.no_grad():
        model.module(torch.tensor([ids]))
    handle.remove()
    return seen[0][0, at].double().numpy()


def plain_update(
    scores: StateScores, model: LanguageModel, batch: int, layer: int, share: int
) -> np.ndarray:
    """dW by dense float64 algebra, on a model whose weights hold the earlier edits."""
    base = scores.tree.base
    requests = base.requests(batch)
    k = np.stack([plain_key(model, layer, request) for request in requests], axis=1)
    top = scores.tree.plan.layers[-1]
    present = np.stack([plain_output(model, top, request) for request in requests], axis=1)
    r = (base.values(batch).double().numpy().T - present) / share
    rows = encoded(scores.tree.model, list(CORPUS.documents))
    moment = plain_moment(scores.tree.model, layer, rows)
    c = moment + 0.01 * np.diag(moment).mean() * np.eye(len(moment))
    x = np.linalg.solve(c, k)
    return r @ np.linalg.inv(k.T @ x + scores.tree.plan.mu * np.eye(len(requests))) @ x.T


def with_update(model: LanguageModel, layer: int, update: np.ndarray) -> LanguageModel:
    """A copy of the model with a dense update added to its weights."""
    changed = copy.deepcopy(model)
    family = model.module.config.model_type
    weight = changed.module.get_submodule(PROJECTIONS[family].format(layer)).weight
    delta = torch.from_numpy(update).float()
    weight.data += delta.T if family == "gpt2" else delta
    return changed


def close(ours: torch.Tensor, theirs: np.ndarray, tolerance: float) -> bool:
    return float(np.linalg.norm(ours.numpy() - theirs)) < tolerance * float(np.linalg.norm(theirs))


@pytest.mark.parametrize("family", FAMILIES)
def test_solve_equals_dense_algebra_on_plain_keys_and_outputs(family: str) -> None:
    model = tiny_model(family)
    scores = open_tiny(model)
    solve = scores.tree.solve(scores.tree.root, 0, 1)
    expected = plain_update(scores, model, 0, 1, share=1)
    assert close(solve.form.u @ solve.form.v.T, expected, 1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_second_layer_is_solved_on_the_model_as_the_first_left_it(family: str) -> None:
    model = tiny_model(family)
    scores = open_tiny(model, settings(layers=(0, 1)))
    tree = scores.tree
    first = tree.solve(tree.root, 0, 0)
    expected = plain_update(scores, model, 0, 0, share=2)
    assert close(first.form.u @ first.form.v.T, expected, 1e-3)
    state = tree.root.child(0, first, HALF)
    second = tree.solve(state, 0, 1)
    expected = plain_update(scores, with_update(model, 0, expected / 2), 0, 1, share=1)
    assert close(second.form.u @ second.form.v.T, expected, 2e-3)


def test_next_batch_is_solved_on_the_edited_model(gpt2: LanguageModel) -> None:
    scores = open_tiny(gpt2)
    tree = scores.tree
    update = plain_update(scores, gpt2, 0, 1, share=1)
    state = tree.root.child(1, tree.solve(tree.root, 0, 1), Fraction(1))
    solve = tree.solve(state, 1, 1)
    expected = plain_update(scores, with_update(gpt2, 1, update), 1, 1, share=1)
    assert close(solve.form.u @ solve.form.v.T, expected, 2e-3)


def path(scores: StateScores, *fractions: Fraction) -> State:
    """One batch after the other at a fraction each."""
    state = scores.tree.root
    for batch, fraction in enumerate(fractions):
        state = state.child(1, scores.tree.solve(state, batch, 1), fraction)
    return state


def logits(scores: StateScores, state: State) -> torch.Tensor:
    model = scores.tree.model
    with torch.no_grad(), edited(model, scores.tree.factors(state)):
        return model.module(IDS).logits


@pytest.mark.parametrize("rank", [None, 1, 3])
def test_fraction_is_the_same_to_the_bit_however_it_was_reached(
    gpt2: LanguageModel, rank: int | None
) -> None:
    scores = open_tiny(gpt2, settings(rank=rank))
    tree = scores.tree
    solve = tree.solve(tree.root, 0, 1)
    tree.factors(tree.root.child(1, solve, QUARTER))
    after = tree.root.child(1, solve, HALF)
    fresh = open_tiny(gpt2, settings(rank=rank))
    direct = path(fresh, HALF)
    assert after.key == direct.key
    assert torch.equal(logits(scores, after), logits(fresh, direct))


def test_rollback_restores_every_bit(model: LanguageModel) -> None:
    scores = open_tiny(model)
    before, digest = logits(scores, scores.tree.root), model.digest()
    quarter = path(scores, QUARTER)
    at_quarter = logits(scores, quarter)
    assert not torch.equal(logits(scores, path(scores, HALF)), at_quarter)
    assert torch.equal(logits(scores, quarter), at_quarter)
    assert torch.equal(logits(scores, scores.tree.root), before)
    with torch.no_grad():
        assert torch.equal(model.module(IDS).logits, before)
    assert model.digest() == digest


def test_fraction_zero_is_the_parent(gpt2: LanguageModel) -> None:
    scores = open_tiny(gpt2)
    assert path(scores, Fraction(0)) is scores.tree.root


def test_factors_at_a_fraction_are_that_share_of_the_update(gpt2: LanguageModel) -> None:
    scores = open_tiny(gpt2)
    tree = scores.tree
    solve = tree.solve(tree.root, 0, 1)
    edit = tree.factors(tree.root.child(1, solve, QUARTER))[1]
    torch.testing.assert_close(edit.delta(), solve.form.u @ solve.form.v.T / 4)
    weight = float(gpt2.projection_weight(1).double().norm())
    ratio = tree.norm_ratio(tree.root.child(1, solve, QUARTER), 1)
    assert ratio == pytest.approx(solve.form.norm / 4 / weight)
    assert tree.norm_ratio(tree.root, 1) == 0


def test_rank_cap_compresses_parent_and_update_together(gpt2: LanguageModel) -> None:
    free, capped = open_tiny(gpt2), open_tiny(gpt2, settings(rank=1))
    dense = free.tree.factors(path(free, HALF))[1].delta().numpy()
    left, singular, right = np.linalg.svd(dense)
    state = path(capped, HALF)
    edit = capped.tree.factors(state)[1]
    assert edit.rank == 1
    best = singular[0] * np.outer(left[:, 0], right[0])
    np.testing.assert_allclose(edit.delta().numpy(), best, atol=1e-9)
    lost = np.sqrt(np.square(singular[1:]).sum() / np.square(singular).sum())
    assert capped.tree.compression_error(state) == pytest.approx(lost, rel=1e-6)
    assert free.tree.compression_error(path(free, HALF)) == 0


def test_long_paths_are_composed_without_recursion(gpt2: LanguageModel) -> None:
    scores = open_tiny(gpt2, settings(rank=2))
    tree = scores.tree
    solve = tree.solve(tree.root, 0, 1)
    state = tree.root
    for _ in range(1500):
        state = state.child(1, solve, Fraction(1, 1000))
    edit = tree.factors(state)[1]
    expected = 1.5 * (solve.form.u @ solve.form.v.T)
    assert float((edit.delta() - expected).norm()) < 1e-6 * float(expected.norm())


def test_what_is_stored_equals_what_is_computed_to_the_bit(gpt2: LanguageModel) -> None:
    store = MemoryStore()
    computed, read = open_tiny(gpt2, store=store), open_tiny(gpt2, store=store)
    alone = open_tiny(gpt2)
    results = []
    for scores in (computed, read, alone):
        state = path(scores, HALF, Fraction(1))
        found = scores.at(state, 1, "held_out")
        results.append((found.log_probabilities, logits(scores, state), state.key))
        assert found.from_store == (scores is read)
    for other in results[1:]:
        assert np.array_equal(other[0], results[0][0])
        assert torch.equal(other[1], results[0][1])
        assert other[2] == results[0][2]


@pytest.mark.parametrize(
    ("changed", "same_covariance", "same_targets"),
    [
        ({}, True, True),
        ({"mu": 0.2}, True, True),
        ({"values": ValuesSettings(steps=6, lr=0.5, clamp=1.0, weight_decay=0.01)}, True, False),
        ({"covariance": CovarianceSettings(ridge=0.02)}, False, True),
        ({"layers": (0,)}, False, False),
        ({"seed": 1}, True, False),
        ({"edits": 5}, True, False),
    ],
    ids=str,
)
def test_artefacts_are_shared_by_plans_that_agree_on_their_inputs(
    gpt2: LanguageModel, changed: dict[str, Any], same_covariance: bool, same_targets: bool
) -> None:
    """mu is no input of covariance and targets, so plans that differ in it share both."""
    store = MemoryStore()
    open_tiny(gpt2, store=store).tree.base.prepare()
    before = set(store.artefacts)
    open_tiny(gpt2, settings(**changed), store=store).tree.base.prepare()
    new = [key.partition("-")[0] for key in set(store.artefacts) - before]
    assert ("covariance" not in new) == same_covariance
    assert ("targets" not in new) == same_targets


@pytest.mark.parametrize("changed", [{"mu": 0.2}, {"rank": 1}, {"targets": "current"}], ids=str)
def test_states_are_told_apart_by_the_plan(gpt2: LanguageModel, changed: dict[str, Any]) -> None:
    plain, other = open_tiny(gpt2), open_tiny(gpt2, settings(**changed))
    assert path(plain, HALF).key != path(other, HALF).key


def test_current_targets_are_those_of_the_edited_model(gpt2: LanguageModel) -> None:
    base, current = open_tiny(gpt2), open_tiny(gpt2, settings(targets="current"))
    first = [scores.tree.solve(scores.tree.root, 0, 1).form.u for scores in (base, current)]
    torch.testing.assert_close(first[0], first[1], rtol=1e-3, atol=1e-4)
    second = [
        scores.tree.solve(path(scores, Fraction(1)), 1, 1).form.u for scores in (base, current)
    ]
    assert float((second[0] - second[1]).norm()) > 0.05 * float(second[0].norm())
