"""Log-probabilities of the new and the true target after prompts, batched.

Symbols: Q questions (prompt with both targets), n rows. A row is a prompt and all but the last
token of a target; questions whose targets are one token long need one row for both targets, and
equal rows are run once. The layout of rows into forwards depends on the questions alone, never on
what is cached or how much memory there is: the same question group always gives the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from greedy_core.errors import NumericalError
from greedy_core.language_model import LanguageModel
from greedy_core.tokens import encode_target, pad_right

ROWS_PER_FORWARD = 64
"""Rows that share one forward; a constant, because float sums depend on it."""

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
    """Rows that are run together, and what to read from them."""

    ids: Tensor
    """Token ids, ``(n, T)``."""
    rows: Tensor
    """Row of each position that is read."""
    positions: Tensor
    """Position in its row of each position that is read."""
    reads: tuple[tuple[int, int, int], ...]
    """(slot of 2Q, index into the positions that are read, token id) for each target token."""


class QuestionGroup:
    """Questions that are always scored together, laid out once.

    Args:
        model: tokenizes, and later scores.
        questions: in the order of the scores.
    """

    def __init__(self, model: LanguageModel, questions: Sequence[Question]) -> None:
        self.questions = tuple(questions)
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
        rows = sorted(wanted, key=len)
        return [
            _forward(rows[i : i + ROWS_PER_FORWARD], wanted, model.device)
            for i in range(0, len(rows), ROWS_PER_FORWARD)
        ]

    def rows(self) -> list[Tensor]:
        """Token ids of each forward, ``(n, T)``."""
        return [forward.ids for forward in self._forwards]

    def log_probabilities(
        self, model: LanguageModel, prefixes: Sequence[Tensor], start: int
    ) -> np.ndarray:
        """Mean log-probability per target token, ``(Q, 2)`` float64: new target, true target.

        Args:
            model: with whatever edits are in force, all of them in block `start` or above.
            prefixes: the residual stream that enters block `start`, one for each of `rows`.
            start: the first block that is run.

        Source: MEMIT, eval_utils_counterfact.test_batch_prediction (there as mean NLL).

        Raises:
            NumericalError: if one is not finite.
        """
        sums = np.zeros(2 * len(self.questions))
        with torch.no_grad():
            for forward, hidden in zip(self._forwards, prefixes, strict=True):
                hidden = model.run(hidden, start, model.layers)
                read = model.log_probabilities(hidden[forward.rows, forward.positions])
                slots, places, tokens = zip(*forward.reads, strict=True)
                values = read[list(places), list(tokens)].double().cpu().numpy()
                np.add.at(sums, list(slots), values)
        means = (sums / self._targets).reshape(-1, 2)
        if not np.isfinite(means).all():
            raise NumericalError(
                "log-probabilities must be finite. Usual causes: (a) an update so large that "
                "activations overflow: raise mu, lower values.clamp, or set greedy.max_norm_ratio; "
                "(b) a 16-bit model that overflows by itself: use float32"
            )
        return np.round(means / RESOLUTION) * RESOLUTION


def _forward(
    rows: Sequence[tuple[int, ...]],
    wanted: dict[tuple[int, ...], list[tuple[int, int, int]]],
    device: torch.device,
) -> _Forward:
    places: dict[tuple[int, int], int] = {}
    reads = []
    for index, row in enumerate(rows):
        for slot, position, token in wanted[row]:
            place = places.setdefault((index, position), len(places))
            reads.append((slot, place, token))
    return _Forward(
        ids=pad_right(rows, device),
        rows=torch.tensor([row for row, _ in places], device=device),
        positions=torch.tensor([position for _, position in places], device=device),
        reads=tuple(reads),
    )
