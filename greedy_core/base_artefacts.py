"""What is computed on the unedited model and shared by all trials: covariances, target values."""

from __future__ import annotations

import hashlib
import logging
import platform
from collections.abc import Sequence
from pathlib import Path

import torch
import transformers

from greedy_core.arrays import to_array, to_tensor
from greedy_core.emmet.contexts import CONTEXTS
from greedy_core.emmet.covariance import estimate_covariances
from greedy_core.emmet.solver import KeyCovariance
from greedy_core.emmet.values import optimize_values
from greedy_core.language_model import LanguageModel
from greedy_core.plan import Plan
from greedy_core.records import EditRequest
from greedy_core.store import Artefact, Store, artefact_key, remembered

logger = logging.getLogger(__name__)

NUMERICS_VERSION = 2
"""Raised whenever a change in this package changes a bit of any result."""

TARGET_GROUP = 16
"""Requests whose base targets are optimized together, in the order of the edits; a constant,
because float sums depend on who shares a forward."""


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
        self.identity = _identity(model, model_digest or model.digest())
        self._covariances: dict[int, KeyCovariance] = {}
        self._energies: dict[int, float] = {}
        self._groups: dict[int, torch.Tensor] = {}

    def prepare(self) -> None:
        """Compute everything that does not depend on a trial's settings."""
        self._ensure_covariances()
        if self.plan.targets == "base":
            for start in range(0, self.plan.edits, TARGET_GROUP):
                self._group_values(start // TARGET_GROUP)

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
            weight = self.model.projection_weight(layer).double()
            self._energies[layer] = self.covariance(layer).energy(weight)
        return self._energies[layer]

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

    def values(self, batch: int) -> torch.Tensor:
        """Target values z* of a batch on the unedited model, ``(B, d)``."""
        size = len(self.plan.batches[0])
        numbers = range(batch * size, batch * size + len(self.plan.batches[batch]))
        return torch.stack(
            [self._group_values(n // TARGET_GROUP)[n % TARGET_GROUP] for n in numbers]
        )

    def values_at(self, batch: int, state_key: str) -> torch.Tensor:
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

    def _all_requests(self) -> list[EditRequest]:
        return [split.request for batch in self.plan.batches for split in batch]

    def _group_values(self, group: int) -> torch.Tensor:
        if group not in self._groups:
            requests = self._all_requests()[group * TARGET_GROUP : (group + 1) * TARGET_GROUP]
            self._groups[group] = self._optimized(requests, None)
        return self._groups[group]

    def _optimized(self, requests: Sequence[EditRequest], state_key: str | None) -> torch.Tensor:
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

        artefact, _ = remembered(self.store, key, compute)
        return to_tensor(artefact["values"], self.model.device)

    def _ensure_covariances(self) -> None:
        """Read the factors of all edited layers; estimate the missing ones in one pass."""
        keys = {layer: self.covariance_key(layer) for layer in self.plan.layers}
        stored = {layer: self.store.get(key) for layer, key in keys.items()}
        factors = {layer: found for layer, found in stored.items() if found is not None}
        missing = [layer for layer in keys if layer not in factors]
        if missing:
            logger.info("estimating the covariance of layers %s", missing)
            matrices = estimate_covariances(
                self.model, missing, self.plan.corpus.documents, self.plan.covariance
            )
            for layer, matrix in matrices.items():
                computed = {"factor": to_array(KeyCovariance.of(matrix).factor)}
                factors[layer] = self.store.put(keys[layer], computed)
        for layer, artefact in factors.items():
            factor = to_tensor(artefact["factor"], self.model.device)
            self._covariances[layer] = KeyCovariance(factor)


def _identity(model: LanguageModel, model_digest: str) -> str:
    """Digest of model and machine: everything but the inputs that can change a bit."""
    device = model.device
    return artefact_key(
        "identity",
        model=model_digest,
        device=device.type,
        processor=_processor(device),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        transformers=transformers.__version__,
        numerics=NUMERICS_VERSION,
    )


def _processor(device: torch.device) -> str:
    """Model of the GPU or CPU; different ones may add up floats in a different order."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (
        f"{names[0] if names else platform.processor()} {torch.backends.cpu.get_cpu_capability()}"
    )


def _requests_digest(requests: Sequence[EditRequest]) -> str:
    return hashlib.sha256(repr(list(requests)).encode()).hexdigest()
