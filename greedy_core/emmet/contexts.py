"""Contexts in which a request's key is read and its target value optimized.

The published procedure samples five continuations from the model, unseeded. Fixed texts serve as
well, are the same for every run, and can be part of a key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import torch
from torch import Tensor

from greedy_core.inputs.records import EditRequest
from greedy_core.model.forwards import of_like_length
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.tokens import encode_subject, pad_right

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
"""They take the mean of two group means: no context, and all the others (compute_ks.py:39-52)."""


TOKENS_PER_FORWARD = 2048
"""Tokens of rows that share one forward; a constant, because float sums depend on it."""


@dataclass(frozen=True)
class SubjectRows:
    """Rows that end with their subject's last token, laid out in forwards of like length."""

    rows: tuple[tuple[int, ...], ...]
    """Token ids of the n rows."""
    forwards: tuple[Tensor, ...]
    """The same, padded: ``(m, T)`` each."""
    order: tuple[int, ...]
    """For each row of the forwards, one forward after the other, its index in `rows`."""

    @classmethod
    def of(cls, model: LanguageModel, rows: Sequence[Sequence[int]]) -> SubjectRows:
        """Lay rows of ids out."""
        forwards = of_like_length([*map(len, rows)], TOKENS_PER_FORWARD)
        return cls(
            rows=tuple(map(tuple, rows)),
            forwards=tuple(
                pad_right([rows[row] for row in forward], model.device) for forward in forwards
            ),
            order=tuple(row for forward in forwards for row in forward),
        )

    @property
    def digest(self) -> str:
        """Digest of the token ids, row by row."""
        return sha256(repr(self.rows).encode()).hexdigest()

    @property
    def tokens(self) -> int:
        """Tokens that are run, padding among them."""
        return sum(ids.numel() for ids in self.forwards)

    def prefix(self, model: LanguageModel, start: int) -> list[Tensor]:
        """What an edit of block `start` starts from, two tensors for each forward.

        The residual stream after the block's attention, ``(m, T, d)``, and its projection's input,
        ``(m, T, f)``.
        """
        kept: list[Tensor] = []
        with torch.no_grad():
            for ids in self.forwards:
                kept += model.run_to_projection(model.run(model.embed(ids), 0, start), start)
        return kept

    def bare(self, model: LanguageModel) -> SubjectRows:
        """The rows without a context, one of each request."""
        return SubjectRows.of(model, self.rows[:: len(CONTEXTS)])

    def at_subject(self, hidden: Iterable[Tensor]) -> Tensor:
        """The rows' vectors at their subjects, ``(n, width)``, from ``(m, T, width)`` by forward.

        Each forward is released before the next one is requested.
        """
        order = iter(self.order)
        vectors: list[Tensor] = [torch.empty(0)] * len(self.rows)
        for each in hidden:
            for place in range(len(each)):
                row = next(order)
                vectors[row] = each[place, len(self.rows[row]) - 1].clone()
        return torch.stack(vectors)


def subject_rows(model: LanguageModel, requests: Sequence[EditRequest]) -> SubjectRows:
    """Every request's prompt up to its subject in every context, by request: ``n = 6 B``."""
    rows = [
        encode_subject(model, context + request.prefix, request.subject, request.suffix)
        for request in requests
        for context in CONTEXTS
    ]
    return SubjectRows.of(model, rows)


def mean_keys(keys: Tensor) -> Tensor:
    """Each request's key, the weighted mean over its contexts: ``(f, B)`` from ``(6 B, f)``."""
    weights = torch.tensor(CONTEXT_WEIGHTS, dtype=torch.float64, device=keys.device)
    return torch.einsum("bcf,c->fb", keys.double().unflatten(0, (-1, len(CONTEXTS))), weights)
