"""Contexts in which a request's key is read and its target value optimized.

The published procedure samples five continuations from the model, unseeded. Fixed texts serve as
well, are the same for every run, and can be part of a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import torch
from torch import Tensor

from greedy_core.language_model import LanguageModel
from greedy_core.records import EditRequest
from greedy_core.tokens import encode_subject, pad_right

CONTEXTS = (
    "",
    "The weather was fine that day. ",
    "Therefore it was said again. ",
    "Because of this we know more. ",
    "I have read about it before. ",
    "You may have heard of it. ",
)
"""Text before the prompt; the first is none."""

CONTEXT_WEIGHTS = (0.5, 0.1, 0.1, 0.1, 0.1, 0.1)
"""The mean of two groups, none and the rest, each the mean of its own (compute_ks.py:39-52)."""


@dataclass(frozen=True)
class SubjectRows:
    """Rows around subjects, with the position of each subject's last token."""

    ids: Tensor
    """Token ids, ``(n, T)``."""
    lookups: Tensor
    """Lookup index of each row, ``(n,)``."""

    @classmethod
    def of(
        cls, model: LanguageModel, rows: Sequence[Sequence[int]], lookups: Sequence[int]
    ) -> SubjectRows:
        """Pad rows of ids into one block."""
        return cls(pad_right(rows, model.device), torch.tensor(lookups, device=model.device))

    @property
    def digest(self) -> str:
        """Digest of the token ids, row by row."""
        return sha256(repr(self.ids.tolist()).encode()).hexdigest()

    @property
    def tokens(self) -> int:
        """Tokens that are run, padding among them."""
        return self.ids.numel()

    def prefix(self, model: LanguageModel, start: int) -> list[Tensor]:
        """What an edit of block `start` finds: the residual stream and the projection's input."""
        with torch.no_grad():
            return list(model.run_to_projection(model.run(model.embed(self.ids), 0, start), start))

    def bare(self) -> SubjectRows:
        """The rows without a context, one of each request."""
        lookups = self.lookups[:: len(CONTEXTS)]
        return SubjectRows(self.ids[:: len(CONTEXTS), : int(lookups.max()) + 1], lookups)

    def at_subject(self, hidden: Tensor) -> Tensor:
        """The rows' vectors at their lookup index, ``(n, width)``, from ``(n, T, width)``."""
        return hidden[torch.arange(len(hidden), device=hidden.device), self.lookups]


def subject_rows(model: LanguageModel, requests: Sequence[EditRequest]) -> SubjectRows:
    """Every request's prompt up to its subject in every context, by request: ``n = 6 B``."""
    rows = [
        encode_subject(model, context + request.prefix, request.subject, request.suffix)
        for request in requests
        for context in CONTEXTS
    ]
    return SubjectRows.of(model, rows, [len(row) - 1 for row in rows])


def mean_keys(keys: Tensor) -> Tensor:
    """Each request's key, the weighted mean over its contexts: ``(f, B)`` from ``(6 B, f)``."""
    weights = torch.tensor(CONTEXT_WEIGHTS, dtype=torch.float64, device=keys.device)
    return torch.einsum("bcf,c->fb", keys.double().unflatten(0, (-1, len(CONTEXTS))), weights)
