"""The rows that target values are optimized on, as one tree of tokens.

Nothing before a row's lookup index depends on delta, so those tokens are run once; rows that begin
alike, as all requests' rows do in the same context, share them. Only what stands from the lookup
index on moves, and is run in every step.

Symbols: n requests, M moved tokens, d width of the residual stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from greedy_core.emmet.contexts import CONTEXTS
from greedy_core.language_model import KeyValues, LanguageModel, Tree
from greedy_core.records import EditRequest
from greedy_core.token_tree import TokenTree
from greedy_core.tokens import encode_edit, encode_subject


@dataclass(frozen=True)
class _Row:
    """A row of one request."""

    ids: Sequence[int]
    lookup: int
    reads: tuple[tuple[int, int], ...]
    """(position, token that is predicted there)."""


@dataclass(frozen=True)
class Reads:
    """What is read of some requests' moved tokens; requests are counted among these."""

    tree: Tree
    """The moved tokens behind the fixed ones."""
    hidden: Tensor
    """What the edited block puts out for them without delta, ``(1, M, d)``."""
    lookups: tuple[Tensor, Tensor]
    """Tokens to which delta is added, and whose."""
    places: Tensor
    """Tokens whose predictions are read; the divergence's first, one for each request."""
    targets: tuple[Tensor, Tensor, Tensor]
    """For each target token of each row: place, id, request."""
    weights: Tensor
    """Each one's share in the mean over rows of the mean over tokens."""


class ValueRows:
    """All rows of some requests, with everything computed that does not depend on delta.

    Args:
        model: with whatever edits are in force.
        layer: the highest edited block.
        requests: whose target values are optimized.
    """

    def __init__(self, model: LanguageModel, layer: int, requests: Sequence[EditRequest]) -> None:
        self._device = model.device
        self._rows = [_rows(model, request) for request in requests]
        tree = TokenTree()
        fixed = [[tree.extend([], row.ids[: row.lookup]) for row in rows] for rows in self._rows]
        self._fixed = self._indices(range(len(tree.ids)))
        # A request's rows share moved tokens only where the same token of them is shifted.
        self._paths = [
            [
                tree.extend(path, row.ids[row.lookup :], (number, row.lookup))
                for row, path in zip(rows, paths, strict=True)
            ]
            for number, (rows, paths) in enumerate(zip(self._rows, fixed, strict=True))
        ]
        ids, self._tree = tree.tensors(model)
        self._before = KeyValues()
        with torch.no_grad():
            hidden = model.run(model.embed(ids, self._tree), 0, layer + 1, self._tree)
            above = self._tree.part(self._fixed, self._before)
            model.run(hidden[:, self._fixed], layer + 1, model.layers, above)
        self._before.complete = True
        self._hidden = hidden
        first = [
            paths[0][rows[0].lookup] for rows, paths in zip(self._rows, self._paths, strict=True)
        ]
        self.present = hidden[0, first].float()
        """z0, ``(n, d)``: the edited block's output at the subject of the bare prompt."""

    def reads(self, requests: Sequence[int]) -> Reads:
        """Lay out the moved tokens of some of the requests."""
        moved: dict[int, int] = {}
        lookups: dict[int, int] = {}
        for number, i in enumerate(requests):
            for row, path in zip(self._rows[i], self._paths[i], strict=True):
                for token in path[row.lookup :]:
                    moved.setdefault(token, len(moved))
                lookups[moved[path[row.lookup]]] = number
        anchors = [moved[self._paths[i][-1][-1]] for i in requests]
        places: list[int] = list(anchors)
        known: dict[int, int] = {}
        targets: list[tuple[int, int, int]] = []
        weights: list[float] = []
        for number, i in enumerate(requests):
            for row, path in zip(self._rows[i][:-1], self._paths[i], strict=False):
                for position, target in row.reads:
                    token = moved[path[position]]
                    if token not in known:
                        known[token] = len(places)
                        places.append(token)
                    targets.append((known[token], target, number))
                    weights.append(1 / (len(CONTEXTS) * len(row.reads)))
        return self._laid_out(moved, lookups, places, targets, weights)

    def _laid_out(
        self,
        moved: dict[int, int],
        lookups: dict[int, int],
        places: list[int],
        targets: list[tuple[int, int, int]],
        weights: list[float],
    ) -> Reads:
        tokens = self._indices(list(moved))
        place, target, number = (self._indices(column) for column in zip(*targets, strict=True))
        return Reads(
            tree=self._tree.part(tokens, self._before, self._fixed),
            hidden=self._hidden[:, tokens],
            lookups=(self._indices(list(lookups)), self._indices(list(lookups.values()))),
            places=self._indices(places),
            targets=(place, target, number),
            weights=torch.tensor(weights, device=self._device),
        )

    def _indices(self, values: Sequence[int]) -> Tensor:
        return torch.tensor(values, device=self._device)


def _rows(model: LanguageModel, request: EditRequest) -> list[_Row]:
    """Its rewriting rows, and last its divergence row."""
    rows = []
    for context in CONTEXTS:
        tokens, lookup = encode_edit(model, context, request)
        reads = tuple(enumerate(tokens.targets, start=tokens.first_position))
        rows.append(_Row(tokens.row, lookup, reads))
    ids = encode_subject(model, "", request.subject, " is a")
    return [*rows, _Row(ids, len(ids) - 1, ())]
