"""The hidden states at which edits of the lowest edited block begin to act; none changes them."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from greedy_core.arrays import to_array, to_tensor
from greedy_core.model.language_model import LanguageModel
from greedy_core.store.artefacts import Artefact, Store, artefact_key, remembered


class Rows(Protocol):
    """Rows of tokens, laid out for a model, that are run at many states."""

    @property
    def digest(self) -> str:
        """Digest of what the layout follows from."""
        ...

    @property
    def tokens(self) -> int:
        """Tokens that are run."""
        ...

    def prefix(self, model: LanguageModel, start: int) -> list[Tensor]:
        """Residual streams ``(n, T, d)`` after block `start`'s attention, and inputs
        ``(n, T, f)`` of its projection, in turn."""
        ...


class Prefixes:
    """The hidden states at which edits begin to act.

    Args:
        model: its blocks below `start` are never edited.
        start: the lowest edited block.
        identity: of model and machine.
        store: keeps the states; they are large and cheap, so it is memory only.
    """

    def __init__(self, model: LanguageModel, start: int, identity: str, store: Store) -> None:
        self.start = start
        self._model = model
        self._identity = identity
        self._store = store

    def of(self, rows: Rows) -> list[Tensor]:
        """The rows' hidden states, as `Rows.prefix` gives them."""
        key = artefact_key("prefix", identity=self._identity, start=self.start, rows=rows.digest)

        def compute() -> Artefact:
            prefix = rows.prefix(self._model, self.start)
            return {f"{number:04d}": to_array(each) for number, each in enumerate(prefix)}

        artefact, _ = remembered(self._store, key, compute)
        device, dtype = self._model.device, self._model.dtype
        return [to_tensor(artefact[name], device, dtype) for name in sorted(artefact)]

    def nbytes(self, rows: Rows) -> int:
        """Memory that the rows' hidden states take."""
        width, inner = self._model.projection_weight(self.start).shape
        return rows.tokens * (width + inner) * self._model.dtype.itemsize
