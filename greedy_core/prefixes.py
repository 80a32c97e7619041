"""Residual streams below the lowest edited block, which no edit changes: computed once per rows."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from greedy_core.arrays import to_array, to_tensor
from greedy_core.language_model import LanguageModel
from greedy_core.store import Artefact, Store, artefact_key, remembered


class Prefixes:
    """What enters block `start`, for rows that are run at many states.

    Args:
        model: its blocks below `start` are never edited.
        start: the lowest edited block.
        identity: of model and machine.
        store: keeps the streams; they are large and cheap, so it is memory only.
    """

    def __init__(self, model: LanguageModel, start: int, identity: str, store: Store) -> None:
        self.start = start
        self._model = model
        self._identity = identity
        self._store = store

    def of(self, ids: Tensor) -> Tensor:
        """The residual stream ``(n, T, d)`` that enters block `start`, for ids ``(n, T)``."""
        model = self._model

        def compute() -> Artefact:
            with torch.no_grad():
                return {"hidden": to_array(model.run(model.embed(ids), 0, self.start))}

        artefact, _ = remembered(self._store, self._key(ids), compute)
        return to_tensor(artefact["hidden"], model.device, model.dtype)

    def nbytes(self, ids: Tensor) -> int:
        """Memory that the stream of these ids takes."""
        return ids.numel() * self._model.width * self._model.dtype.itemsize

    def _key(self, ids: Tensor) -> str:
        rows = hashlib.sha256(to_array(ids).tobytes()).hexdigest()
        shape = list(ids.shape)
        return artefact_key(
            "prefix", identity=self._identity, start=self.start, shape=shape, ids=rows
        )
