"""Rows of tokens as a tree: what begins alike is run once.

What a model makes of a token depends on the tokens before it in its row alone, so rows share the
tokens of their common beginning. A whole tree is one row for the model, in which each token sees
its ancestors only. Where rows have no beginning in common, several trees stand side by side:
attention costs less then.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from greedy_core.model.language_model import LanguageModel
from greedy_core.model.tree_layout import KeyValues, Tree

_ROOT = -1


@dataclass
class TokenTree:
    """N tokens in the order in which they were added; parents stand before their children."""

    ids: list[int] = field(default_factory=list)
    """Token ids."""
    positions: list[int] = field(default_factory=list)
    """Position of each in its row."""
    _parents: list[int] = field(default_factory=list)
    _known: dict[tuple[int, int, Hashable], int] = field(default_factory=dict)

    def extend(self, path: Sequence[int], ids: Sequence[int], owner: Hashable = None) -> list[int]:
        """Add tokens to the end of a path, unless their owner has added them there before.

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
                self.positions.append(len(path))
                self._parents.append(parent)
            path.append(self._known[key])
        return path

    def seen(self) -> np.ndarray:
        """Which tokens each one sees, ``(N, N)``: its ancestors and itself."""
        count = len(self.ids)
        seen = np.zeros((count, count), dtype=bool)
        for token, parent in enumerate(self._parents):
            if parent != _ROOT:
                seen[token] = seen[parent]
            seen[token, token] = True
        return seen


@dataclass(frozen=True)
class Forest:
    """Trees side by side: C rows for the model, whose tokens see their own tree only."""

    trees: Sequence[TokenTree]
    """C of them."""
    model: LanguageModel
    """What they are run on."""

    def tensors(
        self,
        tokens: Sequence[Sequence[int]],
        before: KeyValues | None = None,
        earlier: Sequence[Sequence[int]] | None = None,
    ) -> tuple[Tensor, Tree]:
        """Lay out some tokens of each tree, padded on the right to the longest.

        Args:
            tokens: of each tree, parents before children.
            before: gets their keys and values, or holds those of the earlier ones.
            earlier: tokens of each tree that were run before, in the order in which they were.

        Returns:
            The indices of the tokens, ``(C, N)``, and where they stand.
        """
        width = max(map(len, tokens))
        offset = max(map(len, earlier)) if earlier is not None else 0
        indices = np.zeros((len(self.trees), width), dtype=np.int64)
        positions = np.zeros_like(indices)
        sees = np.zeros((len(self.trees), width, offset + width), dtype=bool)
        # Padding sees itself, because attention to nothing gives NaN.
        sees[:, np.arange(width), offset + np.arange(width)] = True
        for number, (tree, kept) in enumerate(zip(self.trees, tokens, strict=True)):
            seen = tree.seen()[list(kept)]
            indices[number, : len(kept)] = kept
            positions[number, : len(kept)] = np.array(tree.positions)[list(kept)]
            sees[number, : len(kept), offset : offset + len(kept)] = seen[:, list(kept)]
            if earlier is not None:
                ancestors = list(earlier[number])
                sees[number, : len(kept), : len(ancestors)] = seen[:, ancestors]
        device, dtype = self.model.device, self.model.dtype
        mask = torch.zeros(sees.shape, dtype=dtype, device=device)
        mask.masked_fill_(torch.from_numpy(~sees).to(device), -torch.inf)
        placed = Tree(torch.from_numpy(positions).to(device), mask[:, None], before)
        return torch.from_numpy(indices).to(device), placed

    def ids(self, indices: Tensor) -> Tensor:
        """Token ids ``(C, N)`` of the tokens with these indices."""
        rows = zip(self.trees, indices.tolist(), strict=True)
        ids = [[tree.ids[token] for token in row] for tree, row in rows]
        return torch.tensor(ids, device=self.model.device)


def side_by_side(rows: Sequence[tuple[int, ...]], tokens: int) -> list[list[tuple[int, ...]]]:
    """Divide sorted rows into trees of about as many tokens, as even as their order allows.

    More trees make attention cheaper, but what rows of two trees have in common is run twice.
    """
    whole = TokenTree()
    for row in rows:
        whole.extend([], row)
    count = math.ceil(len(whole.ids) / tokens)
    width = max(math.ceil(len(whole.ids) / count), *map(len, rows))
    while len(divided := filled(rows, width)) > count:
        width += 1
    return divided


def filled(rows: Sequence[tuple[int, ...]], width: int) -> list[list[tuple[int, ...]]]:
    """Fill trees of at most `width` tokens, or of one row, with sorted rows one after the other."""
    divided: list[list[tuple[int, ...]]] = []
    size = width
    for row in rows:
        shared = _shared(divided[-1][-1], row) if divided else 0
        size += len(row) - shared
        if size > width or not divided:
            divided.append([])
            size = len(row)
        divided[-1].append(row)
    return divided


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two rows have in common from their beginning on."""
    same = (a == b for a, b in zip(one, other, strict=False))
    return sum(1 for _ in itertools.takewhile(bool, same))
