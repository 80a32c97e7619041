"""The rows that target values are optimized on, as a tree of tokens for each context.

Nothing before a row's lookup index depends on delta, so those tokens are run once; rows that begin
alike, as all requests' rows do in the same context, share them. Only the tokens from the lookup
index on move with delta; they are run in every step.

Symbols: n requests, C contexts, M moved tokens, d width of the residual stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from greedy_core.emmet.contexts import CONTEXTS
from greedy_core.inputs.records import EditRequest
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.token_tree import Forest, TokenTree
from greedy_core.model.tokens import encode_edit, encode_subject
from greedy_core.model.tree_layout import KeyValues, Tree


@dataclass(frozen=True)
class _Row:
    """A row of one request."""

    request: int
    tree: int
    ids: Sequence[int]
    lookup: int
    reads: tuple[tuple[int, int], ...] = ()
    """(position, token that is predicted there)."""

    @property
    def fixed(self) -> Sequence[int]:
        return self.ids[: self.lookup]

    @property
    def moved(self) -> Sequence[int]:
        return self.ids[self.lookup :]


@dataclass(frozen=True)
class Reads:
    """What is read of some requests' moved tokens; requests are numbered within this selection."""

    tree: Tree
    """The moved tokens behind the fixed ones."""
    hidden: Tensor
    """What the edited block puts out for them without delta, ``(C, M, d)``."""
    lookups: tuple[Tensor, Tensor]
    """Tree and place of the tokens to which delta is added."""
    owners: Tensor
    """For each of these tokens, the request whose delta is added."""
    places: tuple[Tensor, Tensor]
    """Tree and place of the tokens whose predictions are read; those for the divergence first."""
    targets: tuple[Tensor, Tensor, Tensor]
    """For each target token of each row: which prediction, token id, request."""
    weights: Tensor
    """Each one's share in the mean over rows of the mean over tokens."""


class ValueRows:
    """All rows of some requests, with everything computed that does not depend on delta.

    Rows of one context share a tree, because all of its beginning is the same.

    Args:
        model: with whatever edits are in force.
        layer: the highest edited block.
        requests: whose target values are optimized.
    """

    def __init__(self, model: LanguageModel, layer: int, requests: Sequence[EditRequest]) -> None:
        self._device = model.device
        self._rows = _rows(model, requests)
        trees = [TokenTree() for _ in CONTEXTS]
        for row in self._rows:
            trees[row.tree].extend([], row.fixed)
        self._fixed = [range(len(tree.ids)) for tree in trees]
        # A request's rows share moved tokens only where the same token of them is shifted.
        self._paths = [
            trees[row.tree].extend(
                trees[row.tree].extend([], row.fixed), row.moved, (row.request, row.lookup)
            )
            for row in self._rows
        ]
        self._forest = Forest(trees, model)
        self._before = KeyValues()
        self._run(model, layer)

    def _run(self, model: LanguageModel, layer: int) -> None:
        """Run everything up to the edited block; above it, the fixed tokens."""
        forest = self._forest
        with torch.no_grad():
            indices, tree = forest.tensors([range(len(tree.ids)) for tree in forest.trees])
            hidden = model.run(model.embed(forest.ids(indices), tree), 0, layer + 1, tree)
            self._hidden = hidden  # (C, N, d), by index: all tokens of a tree stand in their order
            fixed, tree = forest.tensors(self._fixed, self._before)
            model.run(self._taken(fixed), layer + 1, model.layers, tree)
        self._before.complete = True
        bare = self._rows[:: len(CONTEXTS) + 1]
        paths = self._paths[:: len(CONTEXTS) + 1]
        first = [path[row.lookup] for row, path in zip(bare, paths, strict=True)]
        self.present = hidden[0, first].float()
        """z0, ``(n, d)``: the edited block's output at the subject of the bare prompt."""

    def reads(self, requests: Sequence[int]) -> Reads:
        """Lay out the moved tokens of some of the requests."""
        numbers = {request: number for number, request in enumerate(requests)}
        pairs = zip(self._rows, self._paths, strict=True)
        rows = [(row, path) for row, path in pairs if row.request in numbers]
        moved: list[dict[int, int]] = [{} for _ in self._forest.trees]
        lookups: dict[tuple[int, int], int] = {}
        for row, path in rows:
            of_tree = moved[row.tree]
            for token in path[row.lookup :]:
                of_tree.setdefault(token, len(of_tree))
            lookups[row.tree, of_tree[path[row.lookup]]] = numbers[row.request]
        places = [(row.tree, moved[row.tree][path[-1]]) for row, path in rows if not row.reads]
        known: dict[tuple[int, int], int] = {}
        targets = []
        weights = []
        for row, path in rows:
            for position, target in row.reads:
                place = (row.tree, moved[row.tree][path[position]])
                if place not in known:
                    known[place] = len(places)
                    places.append(place)
                targets.append((known[place], target, numbers[row.request]))
                weights.append(1 / (len(CONTEXTS) * len(row.reads)))
        indices, tree = self._forest.tensors([*map(list, moved)], self._before, self._fixed)
        return Reads(
            tree=tree,
            hidden=self._taken(indices),
            lookups=self._columns(list(lookups), 2),
            owners=torch.tensor(list(lookups.values()), device=self._device),
            places=self._columns(places, 2),
            targets=self._columns(targets, 3),
            weights=torch.tensor(weights, device=self._device),
        )

    def _taken(self, indices: Tensor) -> Tensor:
        """The edited block's output for tokens with these indices."""
        return self._hidden[torch.arange(len(indices), device=self._device)[:, None], indices]

    def _columns(self, rows: Sequence[Sequence[int]], width: int) -> Any:
        """The columns of a table, each as a tensor."""
        table = torch.tensor(rows, device=self._device)
        return tuple(table[:, column] for column in range(width))


def _rows(model: LanguageModel, requests: Sequence[EditRequest]) -> list[_Row]:
    """By request: its rewriting rows, each in its context's tree, and last its divergence row.

    The divergence row goes where it costs least: to the bare prompt's tree if that moves the same
    subject at the same place, else to the tree with the fewest tokens.
    """
    rows = []
    sizes = [0] * len(CONTEXTS)
    for number, request in enumerate(requests):
        for tree, context in enumerate(CONTEXTS):
            tokens, lookup = encode_edit(model, context, request)
            reads = tuple(enumerate(tokens.targets, start=tokens.first_position))
            rows.append(_Row(number, tree, tokens.row, lookup, reads))
            sizes[tree] += len(rows[-1].moved)
        bare = rows[-len(CONTEXTS)]
        ids = tuple(encode_subject(model, "", request.subject, " is a"))
        if bare.ids[: bare.lookup + 1] == ids:
            tree = 0
        else:
            tree = sizes.index(min(sizes))
            sizes[tree] += 1
        rows.append(_Row(number, tree, ids, len(ids) - 1))
    return rows
