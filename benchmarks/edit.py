"""Row `edit`: whole updates of 20 requests against the published procedure."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from fractions import Fraction
from statistics import median
from typing import Any

import torch
from torch import Tensor

from benchmarks.published_emmet import Applied, Fact, Hyperparameters, PublishedEmmet
from benchmarks.rows import Row, in_turn, median_ratio
from greedy_core.emmet.contexts import CONTEXTS
from greedy_core.inputs.edit_inputs import Inputs, read_inputs
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.loading import load_model
from greedy_core.settings import EditSettings, ValuesSettings
from greedy_core.states.base_artefacts import BaseArtefacts
from greedy_core.states.plan import Plan
from greedy_core.states.prefixes import Prefixes
from greedy_core.states.state_tree import Solve, State, StateTree
from greedy_core.store.artefacts import Artefact, MemoryStore

TARGET = 10.0
EDITS = 20
BATCH = 4
STEPS = 20
TOLERANCE = 1e-4
EMMET_LAMBDA = 0.1


class OurWalk:
    """A StateTree walk that takes each batch's whole update; the covariance is read."""

    def __init__(self, model: LanguageModel, inputs: Inputs) -> None:
        self.model = model
        self.plan = Plan.of(inputs.settings, inputs.selection, inputs.corpus)
        self._digest = model.digest()
        self.layer = self.plan.layers[0]
        store = MemoryStore()
        base = BaseArtefacts(model, self.plan, store, self._digest)
        self.factor = base.covariance(self.layer).factor
        self._covariance: dict[str, Artefact] = store.artefacts

    def run(self) -> tuple[BaseArtefacts, list[tuple[State, Solve]]]:
        """Walk from a store that holds nothing but the covariance; the texts are tokenized anew."""
        store = MemoryStore()
        for key, artefact in self._covariance.items():
            store.put(key, artefact)
        base = BaseArtefacts(self.model, self.plan, store, self._digest)
        tree = StateTree(base, store, Prefixes(self.model, self.layer, base.identity, store))
        state = tree.root
        steps = []
        for batch in range(len(self.plan.batches)):
            solve = tree.solve(state, batch, self.layer)
            steps.append((state, solve))
            state = state.child(self.layer, solve, Fraction(1))
        tree.factors(state)
        return base, steps


def applied(base: BaseArtefacts, steps: Sequence[tuple[State, Solve]]) -> list[Applied]:
    """What each batch of our walk came to; its values are read from the walk's store."""
    return [
        Applied(base.values_at(batch, before.key), solve.form.u @ solve.form.v.T)
        for batch, (before, solve) in enumerate(steps)
    ]


def published(ours: OurWalk) -> PublishedEmmet:
    """The published procedure with the same settings, contexts and covariance."""
    plan = ours.plan
    values = plan.values
    assert values.steps is not None and values.lr is not None
    assert values.clamp is not None and values.weight_decay is not None
    hparams = Hyperparameters(
        layer=ours.layer,
        v_num_grad_steps=values.steps,
        v_lr=values.lr,
        clamp_norm_factor=values.clamp,
        v_weight_decay=values.weight_decay,
        kl_factor=values.kl,
        emmet_lambda=EMMET_LAMBDA,
        mom2_update_weight=plan.mu / EMMET_LAMBDA,
    )
    module = copy.deepcopy(ours.model.module)
    covariance = ours.factor @ ours.factor.T
    return PublishedEmmet(module, ours.model.tokenizer, CONTEXTS, covariance, hparams)


def facts(plan: Plan) -> list[list[Fact]]:
    """The plan's requests in the published form."""
    return [
        [Fact(s.request.subject, s.request.prompt, s.request.target_new) for s in batch]
        for batch in plan.batches
    ]


def check_equal(ours: Sequence[Applied], theirs: Sequence[Applied]) -> float:
    """Largest relative difference of any z* or dW.

    Raises:
        AssertionError: if it is above the tolerance.
    """
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        pairs = [*zip(a.values, b.values, strict=True), (a.update, b.update)]
        worst = max([worst, *(_apart(x, y) for x, y in pairs)])
    if worst > TOLERANCE:
        raise AssertionError(f"z* and dW must agree to {TOLERANCE:g}, but are {worst:.2e} apart")
    return worst


def _apart(a: Tensor, b: Tensor) -> float:
    return float((a.double() - b.double()).norm() / b.double().norm())


def measure() -> list[Row]:
    """Run both in turn; both start from the unedited model each time."""
    torch.set_num_threads(1)
    settings = EditSettings(
        edits=EDITS,
        batch_size=BATCH,
        targets="current",
        values=ValuesSettings(steps=STEPS),
        device="cpu",
    )
    model = load_model("factworld", device="cpu")
    ours = OurWalk(model, read_inputs(settings, model.config.to_dict()))
    theirs = published(ours)
    weight: Any = theirs.module.transformer.h[ours.layer].mlp.c_proj.weight
    unedited = weight.detach().clone()
    requests = facts(ours.plan)

    def run_theirs() -> list[Applied]:
        weight.copy_(unedited)
        return theirs.apply(requests)

    apart = check_equal(applied(*ours.run()), run_theirs())
    slow, fast = in_turn(run_theirs, ours.run)
    note = (
        f"{EDITS} requests in batches of {BATCH}, {STEPS} target steps: published "
        f"{median(slow):.2f} s, ours {median(fast):.3f} s; z* and dW at most {apart:.1e} apart; "
        "covariance loaded on both sides; 1 thread"
    )
    return [Row("edit", median_ratio(slow, fast), TARGET, "more", "times faster", note)]
