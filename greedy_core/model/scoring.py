"""Log-probabilities of the new and the true target after prompts, batched.

Symbols: Q questions (prompt with both targets), C trees of N tokens.

A row is a prompt and all but the last token of a target; questions whose targets are one token long
need one row for both targets, and what rows have in common from their beginning on is run once. The
layout of rows into forwards depends on the questions alone, never on what is cached or how much
memory there is: the same question group always gives the same bits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import torch
from torch import Tensor

from greedy_core.errors import NumericalError
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.token_tree import Forest, TokenTree, filled, side_by_side
from greedy_core.model.tokens import encode_target
from greedy_core.model.tree_layout import Tree

ROWS_PER_FORWARD = 32
"""Rows that share one forward; a constant, because float sums depend on it."""

TOKENS_PER_TREE = 96
"""A forward with more tokens is divided, because each token attends to its whole tree."""

TOKENS_OF_LONG_ROWS = 3072
"""Tokens that share one forward if rows are longer than a tree, padding included."""

RESOLUTION = 2.0**-20
"""Stored log-probabilities are rounded to multiples of this, well above float32 noise."""


@dataclass(frozen=True)
class Question:
    """A prompt and the two targets that are compared after it."""

    prompt: str
    """Text up to the target."""
    target_new: str
    """The object that an edit writes."""
    target_true: str
    """The object that the unedited model should prefer."""


@dataclass(frozen=True)
class _Forward:
    """Rows that are run together in C trees, and what to read from them."""

    ids: Tensor
    """Token ids, ``(C, N)``."""
    tree: Tree
    """Where the tokens stand."""
    read: tuple[Tensor, Tensor]
    """Tree and place of the tokens whose predictions are read."""
    slots: tuple[int, ...]
    """For each target token, the slot of 2Q that it belongs to."""
    places: Tensor
    """For each target token, its place among the predictions that are read."""
    targets: Tensor
    """For each target token, its id."""


class QuestionGroup:
    """Questions that are always scored together, laid out once, with a digest of them.

    Args:
        model: tokenizes, and later scores.
        questions: in the order of the scores.
    """

    def __init__(self, model: LanguageModel, questions: Sequence[Question]) -> None:
        self.questions = tuple(questions)
        self.digest = questions_digest(questions)
        self._targets = np.zeros(2 * len(self.questions), dtype=np.int64)
        self._forwards = self._lay_out(model)

    def _lay_out(self, model: LanguageModel) -> list[_Forward]:
        wanted: dict[tuple[int, ...], list[tuple[int, int, int]]] = {}
        for number, question in enumerate(self.questions):
            for side, target in enumerate((question.target_new, question.target_true)):
                tokens = encode_target(model, question.prompt, target)
                slot = 2 * number + side
                self._targets[slot] = len(tokens.targets)
                reads = wanted.setdefault(tokens.row, [])
                for j, token in enumerate(tokens.targets):
                    reads.append((slot, tokens.first_position + j, token))
        rows = sorted(wanted)  # rows that begin alike stand together
        return [_forward(model, trees, wanted) for trees in _divided(rows)]

    @property
    def tokens(self) -> int:
        """Tokens that are run."""
        return sum(forward.ids.numel() for forward in self._forwards)

    def prefix(self, model: LanguageModel, start: int) -> list[Tensor]:
        """What an edit of block `start` finds, two tensors for each forward.

        The residual stream after the block's attention, ``(C, N, d)``, and its projection's input,
        ``(C, N, f)``.
        """
        kept: list[Tensor] = []
        with torch.no_grad():
            for forward in self._forwards:
                hidden = model.embed(forward.ids, forward.tree)
                hidden = model.run(hidden, 0, start, forward.tree)
                kept += model.run_to_projection(hidden, start, forward.tree)
        return kept

    def log_probabilities(
        self, model: LanguageModel, prefix: Sequence[Tensor], start: int
    ) -> np.ndarray:
        """Mean log-probability per target token, ``(Q, 2)`` float64: new target, true target.

        Args:
            model: with whatever edits are in force, all of them in block `start` or above.
            prefix: from `prefix` of the unedited model.
            start: the block whose projection is run first.

        Source: MEMIT, eval_utils_counterfact.test_batch_prediction (there as mean NLL).

        Raises:
            NumericalError: if one is not finite.
        """
        sums = np.zeros(2 * len(self.questions))
        with torch.no_grad():
            for forward, residual, keys in zip(
                self._forwards, prefix[::2], prefix[1::2], strict=True
            ):
                hidden = model.run_from_projection(residual, keys, start)
                above = model.run_to_end(hidden, start + 1, *forward.read, forward.tree)
                values = model.log_probabilities(above)[forward.places, forward.targets]
                np.add.at(sums, list(forward.slots), values.double().cpu().numpy())
        means = (sums / self._targets).reshape(-1, 2)
        if not np.isfinite(means).all():
            raise NumericalError(
                "log-probabilities must be finite. Usual causes: (a) an update so large that "
                "activations overflow: raise mu, lower values.clamp, or set greedy.max_norm_ratio; "
                "(b) a 16-bit model that overflows by itself: use float32"
            )
        return np.round(means / RESOLUTION) * RESOLUTION


def questions_digest(questions: Sequence[Question]) -> str:
    """Digest of questions and their order."""
    return sha256(repr(list(questions)).encode()).hexdigest()


def _divided(rows: Sequence[tuple[int, ...]]) -> list[list[list[tuple[int, ...]]]]:
    """Divide sorted rows into forwards, and the rows of each forward into trees.

    Rows that are longer than a tree should be stand apart, by length: each fills more than half of
    a tree of its kind. Otherwise one of them would set the size of all trees of its forward.
    """
    kinds: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for row in rows:
        width = TOKENS_PER_TREE
        while width < len(row):
            width *= 2
        kinds[width].append(row)
    forwards = []
    for width, alike in sorted(kinds.items()):
        if width == TOKENS_PER_TREE:
            for i in range(0, len(alike), ROWS_PER_FORWARD):
                forwards.append(side_by_side(alike[i : i + ROWS_PER_FORWARD], width))
        else:
            trees = filled(alike, width)
            together = max(1, TOKENS_OF_LONG_ROWS // width)
            forwards += [trees[i : i + together] for i in range(0, len(trees), together)]
    return forwards


def _forward(
    model: LanguageModel,
    divided: Sequence[Sequence[tuple[int, ...]]],
    wanted: dict[tuple[int, ...], list[tuple[int, int, int]]],
) -> _Forward:
    """Lay trees out; `wanted` holds (slot, position, token id) of each row's target tokens."""
    forest = Forest([TokenTree() for _ in divided], model)
    read: dict[tuple[int, int], int] = {}
    reads = []
    for number, (tokens, rows_of_tree) in enumerate(zip(forest.trees, divided, strict=True)):
        for row in rows_of_tree:
            path = tokens.extend([], row)
            for slot, position, target in wanted[row]:
                place = read.setdefault((number, path[position]), len(read))
                reads.append((slot, place, target))
    slots, places, targets = zip(*reads, strict=True)
    indices, tree = forest.tensors([range(len(tokens.ids)) for tokens in forest.trees])
    trees, tokens_read = torch.tensor(list(read), device=model.device).T
    return _Forward(
        ids=forest.ids(indices),
        tree=tree,
        read=(trees, tokens_read),
        slots=slots,
        places=torch.tensor(places, device=model.device),
        targets=torch.tensor(targets, device=model.device),
    )
