"""Held-out sheets of a plan, laid out as a sweep lays them out, and ways to score them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from greedy_core.inputs.selection import load_records, select
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.scoring import Question, QuestionGroup
from greedy_core.settings import EditSettings
from greedy_core.states.question_sheet import QuestionSheet

RECORDS = 100
BATCH = EditSettings.batch_size


def held_out_sheets(records: int = RECORDS, batch: int = BATCH) -> list[list[Question]]:
    """The held-out questions of factworld records, sheet by sheet."""
    settings = EditSettings(edits=records, batch_size=batch, confirm_records=0)
    selection = select(load_records("factworld"), settings)
    return [QuestionSheet(b, held_out=True).questions for b in selection.batches(batch)]


@dataclass(frozen=True)
class Sheets:
    """All sheets, laid out for one lowest edited block, with the prefix that a sweep keeps."""

    model: LanguageModel
    """Scores them."""
    groups: Sequence[QuestionGroup]
    """One for each batch."""
    start: int
    """The lowest edited block."""
    prefixes: Sequence[Sequence[Tensor]]
    """What its edits find."""

    @classmethod
    def of(cls, model: LanguageModel, sheets: Sequence[Sequence[Question]], start: int) -> Sheets:
        """Lay sheets out and compute the prefixes."""
        groups = [QuestionGroup(model, questions) for questions in sheets]
        prefixes = [group.prefix(model, start) for group in groups]
        return cls(model, groups, start, prefixes)

    def score(self, number: int) -> np.ndarray:
        """Score one sheet from its kept prefix, ``(Q, 2)``."""
        group = self.groups[number]
        return group.log_probabilities(self.model, self.prefixes[number], self.start)

    def score_with_prefix(self, number: int) -> np.ndarray:
        """Score one sheet, its prefix included, ``(Q, 2)``."""
        group = self.groups[number]
        return group.log_probabilities(self.model, group.prefix(self.model, self.start), self.start)
