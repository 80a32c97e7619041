"""Log-probabilities of question sheets at states, each computed once or read from the store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from greedy_core.lora import edited
from greedy_core.question_sheet import QuestionSheet
from greedy_core.scoring import QuestionGroup
from greedy_core.state_tree import State, StateTree
from greedy_core.store import artefact_key, remembered

SheetKind = Literal["probe", "held_out"]

PREFIX_BYTES = 512 * 2**20
"""Memory for residual streams below the lowest edited block; beyond it they are computed again."""


@dataclass(frozen=True)
class Scores:
    """A sheet's log-probabilities at a state."""

    log_probabilities: np.ndarray
    """``(Q, 2)``: new target, true target."""
    from_store: bool
    """Whether they were read."""


class StateScores:
    """Scores sheets at states of one tree.

    Args:
        tree: its states are scored, its store keeps the scores.
    """

    def __init__(self, tree: StateTree) -> None:
        self.tree = tree
        self._start = tree.plan.layers[0]
        self._sheets: dict[tuple[int, SheetKind], QuestionSheet] = {}
        self._groups: dict[tuple[int, SheetKind], QuestionGroup] = {}
        self._prefixes: dict[tuple[int, SheetKind], list[Tensor]] = {}
        self._prefix_bytes = 0

    def sheet(self, batch: int, kind: SheetKind) -> QuestionSheet:
        """The questions about a batch."""
        sheet = self._sheets.get((batch, kind))
        if sheet is None:
            sheet = QuestionSheet(self.tree.plan.batches[batch], kind == "held_out")
            self._sheets[batch, kind] = sheet
        return sheet

    def at(self, state: State, batch: int, kind: SheetKind) -> Scores:
        """Score a batch's sheet on the model in a state."""
        sheet = self.sheet(batch, kind)
        if not sheet.questions:
            return Scores(np.zeros((0, 2)), from_store=True)
        key = artefact_key("scores", state=state.key, questions=_digest(sheet))

        def compute() -> dict[str, np.ndarray]:
            model = self.tree.model
            group = self._group(batch, kind)
            with edited(model, self.tree.factors(state)):
                values = group.log_probabilities(model, self._prefix(batch, kind, group))
            return {"log_probabilities": values}

        artefact, read = remembered(self.tree.store, key, compute)
        return Scores(artefact["log_probabilities"], read)

    def _group(self, batch: int, kind: SheetKind) -> QuestionGroup:
        group = self._groups.get((batch, kind))
        if group is None:
            questions = self.sheet(batch, kind).questions
            group = QuestionGroup(self.tree.model, questions, self._start)
            self._groups[batch, kind] = group
        return group

    def _prefix(self, batch: int, kind: SheetKind, group: QuestionGroup) -> list[Tensor]:
        kept = self._prefixes.get((batch, kind))
        if kept is not None:
            return kept
        prefix = group.prefix(self.tree.model)
        size = sum(hidden.nbytes for hidden in prefix)
        if self._prefix_bytes + size <= PREFIX_BYTES:
            self._prefixes[batch, kind] = prefix
            self._prefix_bytes += size
        return prefix


def _digest(sheet: QuestionSheet) -> str:
    return hashlib.sha256(repr(sheet.questions).encode()).hexdigest()
