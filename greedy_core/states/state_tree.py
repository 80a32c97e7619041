"""The tree of states that all walks share.

A state is its parent state plus (layer, solve, fraction); the unedited model is the root. What was
computed at a state is kept in a store under the state's key and read by every later walk. Factors
are always made from the parent's: the path 0, 1/4, 1/2 of one solve ends in the same state, to the
bit, as 0, 1/2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from greedy_core.arrays import to_array, to_tensor
from greedy_core.emmet.contexts import CONTEXTS, SubjectRows, mean_keys, subject_rows
from greedy_core.emmet.solver import ClosedForm, solve
from greedy_core.model.lora import LoraFactors, edited
from greedy_core.states.base_artefacts import BaseArtefacts, BatchKeys
from greedy_core.states.plan import Plan
from greedy_core.states.prefixes import Prefixes
from greedy_core.store.artefacts import (
    Artefact,
    Layout,
    Store,
    artefact_key,
    computed_once,
    remembered,
)
from greedy_core.store.lru_cache import LruCache

_FACTOR_BYTES = 16 * 2**20
"""Memory for the factors of states; a walk needs the path that it is on."""

_KEPT_BATCHES = 256
"""Batches whose tokenized subjects and digests are kept."""

_Composed = tuple[dict[int, LoraFactors], float]
"""A state's edits by layer, and the relative error of its last compression."""


@dataclass(frozen=True)
class Solve:
    """A closed form at one state, for one batch and layer, with its key."""

    key: str
    """Key of everything that went into it."""
    form: ClosedForm
    """The update."""


@dataclass(frozen=True)
class State:
    """An edited model as a path of decisions."""

    key: str
    """Digest of the whole path."""
    parent: State | None = None
    """The state that the last solve was made at; None for the root."""
    layer: int = 0
    """Layer of the last update."""
    solve: Solve | None = None
    """The last update."""
    fraction: Fraction = Fraction(0)
    """How much of it is in the model."""

    def child(self, layer: int, solve: Solve, fraction: Fraction) -> State:
        """The state with a fraction of an update made at this state; fraction 0 is this state."""
        if fraction == 0:
            return self
        key = artefact_key(
            "state", parent=self.key, layer=layer, solve=solve.key, fraction=str(fraction)
        )
        return State(key, self, layer, solve, fraction)


class StateTree:
    """States of one plan: their solves and factors, each computed once or read.

    Args:
        base: what was computed on the unedited model.
        store: keeps solves.
        prefixes: hidden states at which edits of the plan's lowest layer begin to act.
    """

    def __init__(self, base: BaseArtefacts, store: Store, prefixes: Prefixes) -> None:
        self.base = base
        self.plan: Plan = base.plan
        self.model = base.model
        self.store = store
        self.root = State(artefact_key("root", identity=base.identity, rank=self.plan.rank))
        self.prefixes = prefixes
        self._factors: LruCache[str, _Composed] = LruCache(_FACTOR_BYTES, _factor_bytes)
        self._rows: LruCache[int, SubjectRows] = LruCache(_KEPT_BATCHES)
        self._solve_inputs: LruCache[tuple[int, int], str] = LruCache(_KEPT_BATCHES)
        self._weight_norms: dict[int, float] = {}

    def solve(self, state: State, batch: int, layer: int) -> Solve:
        """The closed form for a batch at a layer, made on the model in this state."""
        key = self._solve_key(state, batch, layer)
        layout = self._solve_layout(batch, layer)

        def compute() -> Artefact:
            return _pack(self._compute_solve(state, batch, layer))

        if self.plan.targets == "current":
            # Costly, since its target values are its own.
            artefact = computed_once(self.store, key, compute, layout)
        else:
            artefact, _ = remembered(self.store, key, compute, layout)
        return Solve(key, _unpack(artefact))

    def forget(self) -> None:
        """Forget the factors of states."""
        self._factors.clear()

    def factors(self, state: State) -> dict[int, LoraFactors]:
        """All edits of a state by layer; none for the root."""
        return self._composed(state)[0]

    def compression_error(self, state: State) -> float:
        """Relative error that the rank cap made in the state's last update; 0 without a cap."""
        return self._composed(state)[1] if self.plan.rank is not None else 0.0

    def norm_ratio(self, state: State, layer: int) -> float:
        """||all edits of the layer||_F / ||W||_F."""
        factors = self.factors(state).get(layer)
        if factors is None:
            return 0.0
        if layer not in self._weight_norms:
            weight = self.model.projection_weight(layer)
            self._weight_norms[layer] = float(weight.double().norm())
        return factors.norm / self._weight_norms[layer]

    def rows(self, batch: int) -> SubjectRows:
        """The batch's prompts up to their subjects, in every context."""
        return self._rows.get(batch) or self._rows.put(
            batch, subject_rows(self.model, self.base.requests(batch))
        )

    def _composed(self, state: State) -> _Composed:
        """Compose the factors along the path, from the last state whose factors are kept."""
        path = []
        known = None
        while state.parent is not None and (known := self._factors.get(state.key)) is None:
            path.append(state)
            state = state.parent
        composed: _Composed = known or ({}, 0.0)
        for later in reversed(path):
            composed = self._factors.put(later.key, self._updated(composed[0], later))
        return composed

    def _updated(self, before: Mapping[int, LoraFactors], state: State) -> _Composed:
        """The parent's factors with the state's own update."""
        assert state.solve is not None
        u = float(state.fraction) * state.solve.form.u
        v = state.solve.form.v
        old = before.get(state.layer)
        total = old.plus(u, v) if old is not None else LoraFactors(u, v)
        compressed, error = total.recompressed(self.plan.rank)
        return {**before, state.layer: compressed}, error

    def _solve_layout(self, batch: int, layer: int) -> Layout:
        d, f = self.model.projection_weight(layer).shape
        size = len(self.plan.batches[batch])
        return Layout.floats(u=(d, size), v=(f, size), achieved=(d, size), numbers=(3,))

    def _solve_key(self, state: State, batch: int, layer: int) -> str:
        inputs = self._solve_inputs.get((batch, layer)) or self._solve_inputs.put(
            (batch, layer), self._inputs_key(batch, layer)
        )
        return artefact_key("solve", state=state.key, inputs=inputs)

    def _inputs_key(self, batch: int, layer: int) -> str:
        """Everything but the state that a solve depends on."""
        plan = self.plan
        return artefact_key(
            "solve-inputs",
            layer=layer,
            layers=list(plan.layers),
            requests=self.base.requests_digest(batch),
            targets=plan.targets,
            values=repr(plan.values),
            group=self.base.target_group_digest(batch),
            covariance=self.base.covariance_key(layer),
            contexts=list(CONTEXTS),
            mu=plan.mu,
        )

    def _compute_solve(self, state: State, batch: int, layer: int) -> ClosedForm:
        plan, base = self.plan, self.base
        lowest = layer == plan.layers[0]
        keys = base.keys(batch) if lowest else self._keys_at(state, batch, layer)
        values = self._values(state, batch).double()
        remaining_layers = len(plan.layers) - plan.layers.index(layer)
        return solve(
            keys=keys.k,
            x=keys.x,
            energy=base.energy(layer),
            residuals=(values - self._present(state, batch)).T / remaining_layers,
            mu=plan.mu,
        )

    def _present(self, state: State, batch: int) -> Tensor:
        """What the highest edited block puts out at the bare prompts' subjects, ``(B, d)``."""
        rows = self.rows(batch).bare(self.model)
        above, top = self.prefixes.start + 1, self.plan.layers[-1]
        with torch.no_grad(), edited(self.model, self.factors(state)):
            outputs = (self.model.run(each, above, top + 1) for each in self._lowest(rows))
            return rows.at_subject(outputs).double()

    def _keys_at(self, state: State, batch: int, layer: int) -> BatchKeys:
        """Keys at a layer above the lowest edited one, where earlier edits change them."""
        rows = self.rows(batch)
        above = self.prefixes.start + 1
        with torch.no_grad(), edited(self.model, self.factors(state)):
            k = mean_keys(rows.at_subject(self.model.keys(self._lowest(rows), above, layer)))
        return BatchKeys(k, self.base.covariance(layer).solve(k))

    def _lowest(self, rows: SubjectRows) -> Iterator[Tensor]:
        """What the lowest edited block puts out for each forward of the rows."""
        prefix = self.prefixes.of(rows)
        for residual, inputs in zip(prefix[::2], prefix[1::2], strict=True):
            yield self.model.run_from_projection(residual, inputs, self.prefixes.start)

    def _values(self, state: State, batch: int) -> torch.Tensor:
        if self.plan.targets == "base":
            return self.base.values(batch)
        with edited(self.model, self.factors(state)):
            return self.base.values_at(batch, state.key)


def _factor_bytes(composed: _Composed) -> int:
    return sum(factors.u.nbytes + factors.v.nbytes for factors in composed[0].values())


def _pack(form: ClosedForm) -> Artefact:
    return {
        "u": to_array(form.u),
        "v": to_array(form.v),
        "achieved": to_array(form.achieved),
        "numbers": np.array([form.harm, form.norm, form.rank]),
    }


def _unpack(artefact: Mapping[str, np.ndarray]) -> ClosedForm:
    harm, norm, rank = artefact["numbers"].tolist()
    return ClosedForm(
        u=to_tensor(artefact["u"]),
        v=to_tensor(artefact["v"]),
        achieved=to_tensor(artefact["achieved"]),
        harm=harm,
        norm=norm,
        rank=int(rank),
    )
