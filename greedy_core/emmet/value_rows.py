"""The rows that target values are optimized on, as one tree of tokens.

Nothing before a row's lookup index depends on delta, so those tokens are run once; rows that begin
alike, as all requests' rows do in the same context, share them. Only what stands from the lookup
index on moves, and is run in every step.

Symbols: F fixed tokens, M moved tokens, d width of the residual stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from greedy_core.emmet.contexts import CONTEXTS
from greedy_core.language_model import KeyValues, LanguageModel, Tree
from greedy_core.records import EditRequest
from greedy_core.tokens import encode_edit, encode_subject


@dataclass(frozen=True)
class _Row:
    """A row of one request."""

    ids: Sequence[int]
    lookup: int
    reads: tuple[tuple[int, int], ...]
    """(position, token that is predicted there)."""


@dataclass
class _Tokens:
    """Tokens of a tree in the order in which they were added; parents stand before children."""

    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    _known: dict[tuple[int, int, object], int] = field(default_factory=dict)

    def add(self, parent: int, token: int, owner: object) -> int:
        """The parent's child with this token; owners do not share it. -1 is the root."""
        key = (parent, token, owner)
        if key not in self._known:
            self._known[key] = len(self.ids)
            self.ids.append(token)
            self.positions.append(0 if parent < 0 else self.positions[parent] + 1)
            self.parents.append(parent)
        return self._known[key]

    def visible(self) -> Tensor:
        """Which tokens each one sees: its ancestors and itself."""
        seen = np.zeros((len(self.ids), len(self.ids)), dtype=bool)
        for token, parent in enumerate(self.parents):
            if parent >= 0:
                seen[token] = seen[parent]
            seen[token, token] = True
        return torch.from_numpy(seen)


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
        tokens = _Tokens()
        fixed = [[_fixed(tokens, row) for row in rows] for rows in self._rows]
        self._fixed = len(tokens.ids)
        self._paths = [
            [_moved(tokens, row, parent, i) for row, parent in zip(rows, parents, strict=True)]
            for i, (rows, parents) in enumerate(zip(self._rows, fixed, strict=True))
        ]
        self._positions = torch.tensor([tokens.positions], device=self._device)
        self._visible = tokens.visible().to(self._device)
        self._run(model, layer, torch.tensor([tokens.ids], device=self._device))

    def _run(self, model: LanguageModel, layer: int, ids: Tensor) -> None:
        """Everything up to the edited block; above it, the fixed tokens."""
        fixed = self._fixed
        with torch.no_grad():
            tree = Tree(self._positions, self._visible[None, None])
            hidden = model.run(model.embed(ids, tree), 0, layer + 1, tree)
            self._before = KeyValues()
            above = Tree(
                self._positions[:, :fixed], self._visible[None, None, :fixed, :fixed], self._before
            )
            model.run(hidden[:, :fixed], layer + 1, model.layers, above)
            self._before.complete = True
        self._hidden = hidden
        first = [paths[0][self._rows[i][0].lookup] for i, paths in enumerate(self._paths)]
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
        columns = torch.cat([torch.arange(self._fixed, device=self._device), tokens])
        place, target, number = (self._indices(column) for column in zip(*targets, strict=True))
        return Reads(
            tree=Tree(
                self._positions[:, tokens],
                self._visible[tokens][:, columns][None, None],
                self._before,
            ),
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


def _fixed(tokens: _Tokens, row: _Row) -> list[int]:
    """Add the tokens before the lookup index, which all requests share."""
    path: list[int] = []
    for token in row.ids[: row.lookup]:
        path.append(tokens.add(path[-1] if path else -1, token, None))
    return path


def _moved(tokens: _Tokens, row: _Row, path: list[int], request: int) -> list[int]:
    """Add the tokens from the lookup index on; a request's rows share them if they move alike."""
    path = list(path)
    for token in row.ids[row.lookup :]:
        path.append(tokens.add(path[-1] if path else -1, token, (request, row.lookup)))
    return path
