"""Log-probabilities of question sheets at states, each computed once or read from the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from greedy_core.metrics import RecordValues, success
from greedy_core.model.lora import edited
from greedy_core.model.scoring import QuestionGroup
from greedy_core.states.question_sheet import QuestionSheet
from greedy_core.states.state_tree import State, StateTree
from greedy_core.store.artefacts import Layout, artefact_key, remembered
from greedy_core.store.lru_cache import LruCache

SheetKind = Literal["probe", "held_out"]
KINDS: tuple[SheetKind, ...] = ("probe", "held_out")

_KEPT_SUCCESSES = 2000
"""States and batches whose success values are kept; a walk's last states share their beginnings."""


@dataclass(frozen=True)
class Scores:
    """A sheet's log-probabilities at a state."""

    log_probabilities: np.ndarray
    """``(Q, 2)``: new target, true target."""
    from_store: bool
    """Whether they were read from the store, not computed."""


@dataclass(frozen=True)
class RecordSuccesses:
    """Success values of one record at a state."""

    held_out: RecordValues
    """Over the rewrite prompt and the prompts that acceptance never sees."""
    all_prompts: RecordValues
    """Over every prompt."""


class StateScores:
    """Scores sheets at states of one tree.

    Args:
        tree: its states are scored, its store keeps the scores.
    """

    def __init__(self, tree: StateTree) -> None:
        self.tree = tree
        self._sheets: dict[tuple[int, SheetKind], QuestionSheet] = {}
        self._groups: dict[tuple[int, SheetKind], QuestionGroup] = {}
        self._successes: LruCache[tuple[str, int], tuple[RecordSuccesses, ...]] = LruCache(
            _KEPT_SUCCESSES
        )

    def sheet(self, batch: int, kind: SheetKind) -> QuestionSheet:
        """The questions about a batch."""
        sheet = self._sheets.get((batch, kind))
        if sheet is None:
            sheet = QuestionSheet(self.tree.plan.batches[batch], kind == "held_out")
            self._sheets[batch, kind] = sheet
        return sheet

    def group(self, batch: int, kind: SheetKind) -> QuestionGroup:
        """The questions about a batch, laid out for the model."""
        group = self._groups.get((batch, kind))
        if group is None:
            group = QuestionGroup(self.tree.model, self.sheet(batch, kind).questions)
            self._groups[batch, kind] = group
        return group

    def at(self, state: State, batch: int, kind: SheetKind) -> Scores:
        """Score a batch's sheet on the model in a state."""
        sheet = self.sheet(batch, kind)
        if not sheet.questions:
            return Scores(np.zeros((0, 2)), from_store=True)
        key = artefact_key("scores", state=state.key, questions=sheet.digest)

        def compute() -> dict[str, np.ndarray]:
            model, prefixes = self.tree.model, self.tree.prefixes
            group = self.group(batch, kind)
            prefix = prefixes.of(group)
            with edited(model, self.tree.factors(state)):
                values = group.log_probabilities(model, prefix, prefixes.start)
            return {"log_probabilities": values}

        layout = Layout.floats(log_probabilities=(len(sheet.questions), 2))
        artefact, read = remembered(self.tree.store, key, compute, layout)
        return Scores(artefact["log_probabilities"], read)

    def forget(self) -> None:
        """Forget what was computed at states, so that the next walk starts from nothing."""
        self._successes.clear()
        self.tree.forget()

    def successes(self, state: State, batch: int) -> tuple[RecordSuccesses, ...]:
        """Success values of a batch's records at a state, in the batch's order."""
        known = self._successes.get((state.key, batch))
        if known is not None:
            return known
        seen, unseen = (
            self.sheet(batch, kind).values(self.at(state, batch, kind).log_probabilities, success)
            for kind in KINDS
        )
        found = []
        for probed, held_out in zip(seen, unseen, strict=True):
            means = held_out.means()
            found.append(
                RecordSuccesses(
                    held_out=RecordValues(probed.means().es, means.ps, means.ns),
                    all_prompts=probed.plus(held_out).means(),
                )
            )
        return self._successes.put((state.key, batch), tuple(found))
