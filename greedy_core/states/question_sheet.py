"""The questions that are asked about a batch, and what each answer counts as.

Each batch has two sheets. The probe sheet holds the rewrite prompts and all probe prompts of the
batch, whichever requests a walk probes; the held-out sheet the prompts that acceptance never sees.
A sheet is always scored as a whole, so that its log-probabilities are shared by all walks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from greedy_core.inputs.prompt_split import PromptSplit
from greedy_core.metrics import RecordValues, Value, mean
from greedy_core.model.scoring import Question, questions_digest

Measure = Callable[[np.ndarray, bool], Sequence[Value]]
"""`metrics.success` or `metrics.margin`: log-probabilities ``(Q, 2)`` to a value per prompt."""


@dataclass(frozen=True)
class KindValues:
    """A record's values prompt by prompt, by kind."""

    es: tuple[Value, ...]
    """The rewrite prompt, or nothing."""
    ps: tuple[Value, ...]
    """Paraphrase prompts."""
    ns: tuple[Value, ...]
    """Neighborhood prompts."""

    def plus(self, other: KindValues) -> KindValues:
        """The values of both."""
        return KindValues(self.es + other.es, self.ps + other.ps, self.ns + other.ns)

    def means(self) -> RecordValues:
        """Mean over the prompts of each kind."""
        return RecordValues(mean(self.es), mean(self.ps), mean(self.ns))


@dataclass(frozen=True)
class _Slots:
    """Where a record's questions stand in the sheet."""

    es: slice
    ps: slice
    ns: slice

    @property
    def prompts(self) -> int:
        prompts: int = self.ns.stop - self.es.start
        return prompts


class QuestionSheet:
    """Questions about a batch's records, with the slots of each record, and a digest of them."""

    def __init__(self, splits: Sequence[PromptSplit], held_out: bool) -> None:
        self.questions: list[Question] = []
        self._slots: list[_Slots] = []
        for split in splits:
            request = split.request
            kinds: tuple[tuple[str, ...], ...]
            if held_out:
                kinds = ((), split.held_out_paraphrases, split.held_out_neighbors)
            else:
                kinds = ((request.text,), split.probe_paraphrases, split.probe_neighbors)
            slices = []
            for prompts in kinds:
                start = len(self.questions)
                self.questions += [
                    Question(prompt, request.target_new, request.target_true) for prompt in prompts
                ]
                slices.append(slice(start, len(self.questions)))
            self._slots.append(_Slots(*slices))
        self.digest = questions_digest(self.questions)

    def values(self, log_probabilities: np.ndarray, measure: Measure) -> list[KindValues]:
        """Each record's values from the sheet's log-probabilities ``(Q, 2)``."""
        return [
            KindValues(
                es=tuple(measure(log_probabilities[slots.es], True)),
                ps=tuple(measure(log_probabilities[slots.ps], True)),
                ns=tuple(measure(log_probabilities[slots.ns], False)),
            )
            for slots in self._slots
        ]

    def prompts(self, records: Sequence[int]) -> int:
        """Number of prompts of some of the records."""
        return sum(self._slots[record].prompts for record in records)
