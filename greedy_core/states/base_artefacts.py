"""What is computed on the unedited model and shared by all trials: covariances, keys, targets."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from greedy_core.arrays import to_array, to_tensor
from greedy_core.emmet.contexts import CONTEXTS, mean_keys, subject_rows
from greedy_core.emmet.covariance import estimate_covariances
from greedy_core.emmet.solver import KeyCovariance
from greedy_core.emmet.values import optimize_values
from greedy_core.inputs.records import EditRequest
from greedy_core.model.identity import machine_identity
from greedy_core.model.language_model import LanguageModel
from greedy_core.progress import OnProgress, Progress, silent
from greedy_core.states.plan import Plan
from greedy_core.store.artefacts import (
    Artefact,
    Layout,
    Store,
    artefact_key,
    computed_once,
    remembered,
)

logger = logging.getLogger(__name__)

TARGET_GROUP = 16
"""Requests whose base targets are optimized together, in the order of the edits; a constant,
because float sums depend on who shares a forward."""


@dataclass(frozen=True)
class BatchKeys:
    """A batch's keys at one layer, and what the closed form needs of them."""

    k: Tensor
    """K, ``(f, B)`` float64."""
    x: Tensor
    """X = C^-1 K, ``(f, B)`` float64."""


class BaseArtefacts:
    """Covariances and base targets of one plan, each computed once or read from the store.

    Args:
        model: unedited.
        plan: what to compute for.
        store: keeps what was computed.
        model_digest: the model's digest where it is known already; it takes a while to compute.
    """

    def __init__(
        self, model: LanguageModel, plan: Plan, store: Store, model_digest: str | None = None
    ) -> None:
        self.model = model
        self.plan = plan
        self.store = store
        self.identity = machine_identity(model.device, model_digest or model.digest())
        self._covariances: dict[int, KeyCovariance] = {}
        self._energies: dict[int, float] = {}
        self._groups: dict[int, Tensor] = {}

    def prepare(self, on_progress: OnProgress = silent) -> None:
        """Compute everything that does not depend on a trial's settings, costly things first."""
        self.prepare_layers(on_progress)
        for batch in range(len(self.plan.batches)):
            self.keys(batch)
        if self.plan.targets == "base":
            groups = -(-self.plan.edits // TARGET_GROUP)
            for group in range(groups):
                on_progress(Progress("target values", group * TARGET_GROUP, self.plan.edits))
                self._group_values(group)

    def prepare_layers(self, on_progress: OnProgress = silent) -> None:
        """Compute what does not depend on the records that are edited."""
        self._ensure_covariances(on_progress)
        for layer in self.plan.layers:
            self.energy(layer)

    def requests(self, batch: int) -> list[EditRequest]:
        """The requests of a batch."""
        return [split.request for split in self.plan.batches[batch]]

    def covariance(self, layer: int) -> KeyCovariance:
        """C of a layer, factored."""
        if layer not in self._covariances:
            self._ensure_covariances()
        return self._covariances[layer]

    def energy(self, layer: int) -> float:
        """tr(W C W^T) of a layer: the mean squared length of what its projection puts out."""
        if layer not in self._energies:
            key = artefact_key("energy", covariance=self.covariance_key(layer))

            def compute() -> Artefact:
                weight = self.model.projection_weight(layer).double()
                return {"energy": np.array(self.covariance(layer).energy(weight))}

            artefact, _ = remembered(self.store, key, compute, Layout.floats(energy=()))
            self._energies[layer] = float(artefact["energy"])
        return self._energies[layer]

    def keys(self, batch: int) -> BatchKeys:
        """A batch's keys at the lowest edited layer, which no edit changes."""
        layer = self.plan.layers[0]
        key = artefact_key(
            "keys",
            covariance=self.covariance_key(layer),
            requests=self.requests_digest(batch),
            contexts=list(CONTEXTS),
        )

        def compute() -> Artefact:
            rows = subject_rows(self.model, self.requests(batch))
            with torch.no_grad():
                hidden = map(self.model.embed, rows.forwards)
                k = mean_keys(rows.at_subject(self.model.keys(hidden, 0, layer)))
            return {"k": to_array(k), "x": to_array(self.covariance(layer).solve(k))}

        shape = (self._inner_width, len(self.requests(batch)))
        artefact, _ = remembered(self.store, key, compute, Layout.floats(k=shape, x=shape))
        device = self.model.device
        return BatchKeys(to_tensor(artefact["k"], device), to_tensor(artefact["x"], device))

    def covariance_key(self, layer: int) -> str:
        """Key of a layer's covariance."""
        settings = self.plan.covariance
        return artefact_key(
            "covariance",
            identity=self.identity,
            layer=layer,
            corpus=self.plan.corpus.digest,
            tokens=settings.tokens,
            ridge=settings.ridge,
        )

    def values(self, batch: int) -> Tensor:
        """Target values z* of a batch on the unedited model, ``(B, d)``."""
        size = len(self.plan.batches[0])
        numbers = range(batch * size, batch * size + len(self.plan.batches[batch]))
        return torch.stack(
            [self._group_values(n // TARGET_GROUP)[n % TARGET_GROUP] for n in numbers]
        )

    def values_at(self, batch: int, state_key: str) -> Tensor:
        """Target values z* of a batch, ``(B, d)``, on the model as the caller has edited it."""
        return self._optimized(self.requests(batch), state_key)

    def requests_digest(self, batch: int) -> str:
        """Digest of a batch's requests, in order."""
        return _requests_digest(self.requests(batch))

    def target_group_digest(self, batch: int) -> str:
        """Digest of the requests whose targets are optimized together with a batch's."""
        if self.plan.targets == "current":
            return self.requests_digest(batch)
        size = len(self.plan.batches[0])
        first = batch * size // TARGET_GROUP
        last = (batch * size + len(self.plan.batches[batch]) - 1) // TARGET_GROUP
        requests = self._all_requests()[first * TARGET_GROUP : (last + 1) * TARGET_GROUP]
        return _requests_digest(requests)

    @property
    def _inner_width(self) -> int:
        """Width of the keys, f."""
        return self.model.projection_weight(self.plan.layers[0]).shape[1]

    def _all_requests(self) -> list[EditRequest]:
        return [split.request for batch in self.plan.batches for split in batch]

    def _group_values(self, group: int) -> Tensor:
        if group not in self._groups:
            requests = self._all_requests()[group * TARGET_GROUP : (group + 1) * TARGET_GROUP]
            self._groups[group] = self._optimized(requests, None)
        return self._groups[group]

    def _optimized(self, requests: Sequence[EditRequest], state_key: str | None) -> Tensor:
        layer = self.plan.layers[-1]
        key = artefact_key(
            "targets",
            identity=self.identity,
            layer=layer,
            requests=_requests_digest(requests),
            contexts=list(CONTEXTS),
            values=repr(self.plan.values),
            state=state_key,
        )

        def compute() -> Artefact:
            values = optimize_values(self.model, layer, requests, self.plan.values)
            return {"values": to_array(values)}

        width = self.model.projection_weight(layer).shape[0]
        layout = Layout({"values": ("<f4", (len(requests), width))})
        artefact = computed_once(self.store, key, compute, layout)
        return to_tensor(artefact["values"], self.model.device)

    def _ensure_covariances(self, on_progress: OnProgress = silent) -> None:
        """Read the factors of all edited layers; estimate the missing ones in one pass."""
        keys = {layer: self.covariance_key(layer) for layer in self.plan.layers}
        factors = self._stored(keys)
        if len(factors) < len(keys):
            with self.store.lease(next(iter(keys.values()))):
                factors = self._stored(keys)
                factors |= self._estimated(keys, sorted(set(keys) - set(factors)), on_progress)
        for layer, artefact in factors.items():
            factor = to_tensor(artefact["factor"], self.model.device)
            self._covariances[layer] = KeyCovariance(factor)

    def _stored(self, keys: dict[int, str]) -> dict[int, Artefact]:
        layout = Layout.floats(factor=(self._inner_width, self._inner_width))
        stored = {layer: self.store.get(key, layout) for layer, key in keys.items()}
        return {layer: found for layer, found in stored.items() if found is not None}

    def _estimated(
        self, keys: dict[int, str], layers: Sequence[int], on_progress: OnProgress
    ) -> dict[int, Artefact]:
        if not layers:
            return {}
        logger.info("estimating the covariance of layers %s", layers)
        corpus, settings = self.plan.corpus.documents, self.plan.covariance
        matrices = estimate_covariances(self.model, layers, corpus, settings, on_progress)
        factors = {layer: KeyCovariance.of(matrix).factor for layer, matrix in matrices.items()}
        return {
            layer: self.store.put(keys[layer], {"factor": to_array(factor)})
            for layer, factor in factors.items()
        }


def _requests_digest(requests: Sequence[EditRequest]) -> str:
    return hashlib.sha256(repr(list(requests)).encode()).hexdigest()
