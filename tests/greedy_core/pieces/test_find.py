"""Finding pieces: what is computed for it, its limit, and what it tells."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from types import ModuleType
from typing import Any

import pytest

from greedy_core.errors import SettingsError, TooManySolves
from greedy_core.inputs.edit_inputs import read_inputs
from greedy_core.model.loading import load_model
from greedy_core.pieces.find import find_pieces
from greedy_core.pieces.piece import Pieces
from greedy_core.pieces.walk_space import WalkSpace
from greedy_core.progress import Progress
from greedy_core.settings import EditSettings
from greedy_core.store.artefacts import MemoryStore, Store
from greedy_core.walk.edit import open_states
from tests.greedy_core.pieces.walks import Comparison, walked
from tests.greedy_core.tiny_models import tiny_model
from tests.greedy_core.tiny_plans import open_tiny, settings

SPACE = WalkSpace.product(
    {"greedy.steps": [1, 2, 4], "greedy.patience": [1, 2], "greedy.max_probes": [1, 2]}, 0.0, 0.05
)


def found(chosen: EditSettings, store: Store | None = None, **more: Any) -> Pieces:
    return find_pieces(open_tiny(tiny_model("gpt2"), chosen, store), chosen, SPACE, **more)


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    return found(settings())


@pytest.mark.parametrize("layers", [(1,), (0, 2)], ids=str)
def test_what_is_computed_is_what_the_walks_need(layers: tuple[int, ...]) -> None:
    chosen = settings(layers=layers)
    together, alone = MemoryStore(), MemoryStore()
    pieces = found(chosen, together)
    scores = open_tiny(tiny_model("gpt2"), chosen, alone)
    for piece in pieces.pieces:
        walked(scores, SPACE.settings(chosen, piece.assignment, piece.low))
    assert set(together.artefacts) == set(alone.artefacts)
    solves = [key for key in alone.artefacts if key.startswith("solve-")]
    assert pieces.solves == len(solves)


def test_what_the_store_holds_or_forgets_changes_nothing(pieces: Pieces) -> None:
    store = MemoryStore()
    assert [found(settings(), kept) for kept in (store, store, MemoryStore(0))] == [pieces] * 3


def test_steps_of_one_and_the_same_end_share_their_evaluation(pieces: Pieces) -> None:
    assert len(pieces.evaluations) < len(pieces.pieces)
    for piece in pieces.pieces:
        assert pieces.evaluation(piece) is pieces.evaluations[piece.path[-1]]


def test_a_limit_that_is_kept_changes_nothing(pieces: Pieces) -> None:
    assert found(settings(), most_solves=pieces.solves) == pieces


def test_a_limit_is_noticed_before_anything_is_computed_beyond_it(pieces: Pieces) -> None:
    store = MemoryStore()
    with pytest.raises(TooManySolves) as caught:
        found(settings(), store, most_solves=pieces.solves - 1)
    error = caught.value
    assert (error.most_solves, error.batches_done, error.batches) == (pieces.solves - 1, 1, 2)
    assert error.solves == (1, pieces.solves - 1)
    assert len([key for key in store.artefacts if key.startswith("solve-")]) == 1
    assert str(error) == (
        f"`solves <= most_solves` must hold, but got (solves={pieces.solves}, "
        f"most_solves={pieces.solves - 1}): after 1 of 2 batches, walks are in "
        f"{pieces.solves - 1} states, and each needs a solve of its own"
    )
    copied = pickle.loads(pickle.dumps(error))
    assert (str(copied), copied.solves) == (str(error), error.solves)


def test_an_assignment_that_cannot_be_walked_is_refused_before_anything_is_computed() -> None:
    store = MemoryStore()
    chosen = settings()
    scores = open_tiny(tiny_model("gpt2"), chosen, store)
    before = set(store.artefacts)
    with pytest.raises(SettingsError, match="trust gate is what decides"):
        find_pieces(scores, chosen, WalkSpace.product({"greedy.accept_by": ["distance"]}))
    assert set(store.artefacts) == before


def test_a_setting_outside_of_the_space_is_in_no_piece(pieces: Pieces) -> None:
    for assignment, value in (((3, 1, 1), 0.0), ((1, 1, 1), 0.051), ((1, 1, 1), -0.01)):
        with pytest.raises(ValueError, match="the space contains the setting"):
            pieces.at(assignment, value)


def test_progress_is_told_state_by_state(pieces: Pieces) -> None:
    told: list[Progress] = []
    found(settings(), on_progress=told.append)
    parts = [progress.part for progress in told]
    assert parts.count("states before batch 0") == 1
    assert parts.count("states before batch 1") == pieces.solves - 1
    assert parts.count("end states evaluated") == len(pieces.states)


@pytest.fixture
def metrics() -> Iterator[ModuleType]:
    """A module to put metric functions into, imported by name."""
    module = ModuleType("metrics_of_pieces")
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


def test_a_users_metric_decides_as_in_a_walk(metrics: ModuleType) -> None:
    def measure(model: Any, tokenizer: Any, requests: Any) -> Mapping[str, float]:
        weight = float(model.transformer.h[1].mlp.c_proj.weight.sum())
        value = weight * 1000 % 1 + len(requests) / 100
        return {"es": value, "ps": value, "ns": value, "composite": value}

    metrics.measure = measure
    common = settings({"metric": "metrics_of_pieces:measure", "patience": 0})
    space = WalkSpace.product({"greedy.steps": [3], "greedy.max_probes": [1, 2]}, 0.0, 1.0)
    pieces = find_pieces(open_tiny(tiny_model("gpt2"), common), common, space)
    assert len(pieces.pieces) > 2
    comparison = Comparison(pieces, open_tiny(tiny_model("gpt2"), common), common)
    comparison.check_cover()
    comparison.check_ends(Random(0))


def test_factworld() -> None:
    model = load_model("factworld", device="cpu")
    inputs = read_inputs(EditSettings(edits=8, device="cpu"), model.config.to_dict())
    common, store = inputs.settings, MemoryStore()
    pieces = find_pieces(open_states(inputs, model, store), common, SPACE_OF_FACTWORLD)
    assert len(pieces.pieces) > 2 * len(SPACE_OF_FACTWORLD.assignments)
    # Targets and covariance are the same; whatever is computed at states is computed again.
    prepared = ("solve-", "scores-")
    kept = MemoryStore()
    for key, artefact in store.artefacts.items():
        if not key.startswith(prepared):
            kept.put(key, artefact)
    comparison = Comparison(pieces, open_states(replace(inputs), model, kept), common)
    comparison.check_cover()
    comparison.check_ends(Random(0))
    comparison.check_drawn(Random(1), 30)


SPACE_OF_FACTWORLD = WalkSpace.product(
    {"greedy.steps": [1, 2, 4], "greedy.patience": [1, 2], "greedy.max_probes": [1, 4]}, 0.0, 0.05
)
