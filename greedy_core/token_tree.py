"""Rows of tokens as a tree: what begins alike is run once.

A token's place in the residual stream depends on the tokens before it in its row alone, so rows
share the tokens of their common beginning. The whole tree is one row for the model, in which each
token sees its ancestors only; no padding is run.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from greedy_core.language_model import LanguageModel, Tree

_ROOT = -1


@dataclass
class TokenTree:
    """N tokens in the order in which they were added; parents stand before their children."""

    ids: list[int] = field(default_factory=list)
    """Token ids."""
    _positions: list[int] = field(default_factory=list)
    _parents: list[int] = field(default_factory=list)
    _known: dict[tuple[int, int, Hashable], int] = field(default_factory=dict)

    def extend(self, path: Sequence[int], ids: Sequence[int], owner: Hashable = None) -> list[int]:
        """Add tokens behind a path, as far as their owner has not added them before.

        Returns:
            The path with the added tokens: the index of each token of the row.
        """
        path = list(path)
        for token in ids:
            parent = path[-1] if path else _ROOT
            key = (parent, token, owner)
            if key not in self._known:
                self._known[key] = len(self.ids)
                self.ids.append(token)
                self._positions.append(len(path))
                self._parents.append(parent)
            path.append(self._known[key])
        return path

    def tensors(self, model: LanguageModel) -> tuple[Tensor, Tree]:
        """Token ids ``(1, N)``, and where they stand."""
        count = len(self.ids)
        seen = np.zeros((count, count), dtype=bool)
        for token, parent in enumerate(self._parents):
            if parent != _ROOT:
                seen[token] = seen[parent]
            seen[token, token] = True
        device = model.device
        hidden_from = torch.from_numpy(~seen).to(device)
        mask = torch.zeros(count, count, dtype=model.dtype, device=device)
        return torch.tensor([self.ids], device=device), Tree(
            positions=torch.tensor([self._positions], device=device),
            mask=mask.masked_fill(hidden_from, -torch.inf)[None, None],
        )
