"""A worker of a confirmation: whole walks on sequences of reserved records, one after another."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from greedy_core.inputs.selection import Selection
from greedy_core.metrics import as_float
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.weights_check import WeightsCheck
from greedy_core.walk.evaluation import Evaluation
from greedy_core.walk.greedy import GreedyRun
from search.executors.walks import Walk, WalkResult
from search.worker.import_places import look_there_last
from search.worker.last_words import LastWords
from search.worker.prepared import Prepared
from search.worker.reports import REFUSAL, WalkReports
from search.worker.walk_context import WalkContext, base_model


class WalkWorker:
    """Keeps the base model, and the states of the sequence that it was last asked for.

    Args:
        prepared: model, corpus and covariances; its own records are not used.
        words: the driver's folder for last words; None: nobody reads them.
        show_life: called between two steps, with the walk's name.
    """

    def __init__(
        self, prepared: Prepared, words: str | None, show_life: Callable[[str], None]
    ) -> None:
        look_there_last(prepared.import_places)
        self._prepared = prepared
        self._tell = show_life
        self._words = LastWords(words)
        self._name = ""
        self._model: tuple[LanguageModel, WeightsCheck] | None = None
        self._sequence: int | None = None
        self._context: WalkContext | None = None

    def ready(self) -> None:
        """Answer only: what can fail belongs in a walk, which says why it failed and is retried."""

    def walk(self, name: str, walk: Walk, selection: Selection) -> WalkResult:
        """Walk to the end, and measure there what acceptance has not seen.

        Args:
            name: the name that signs of life are given under.
            walk: what to do.
            selection: the records of its sequence.

        Raises:
            BaseModelChanged: if somebody changed the model.
        """
        self._name = name
        self._words.begin(name, walk.settings.greedy.metric)
        context = self._context_of(walk.sequence, selection)
        scores, settings = context.open(walk.settings)
        # Costly, and the same for all settings of a plan: the first walk computes it for all.
        scores.tree.base.prepare(lambda progress: self._show_life())
        run = GreedyRun(scores, settings)
        while not run.done:
            self._show_life()
            run.step()
            context.share_if_due()
        self._show_life()
        after, before = run.evaluate(), run.unedited()
        context.verify()
        values = WalkReports(run).report(after, before)
        worker = f"{socket.gethostname()}:{os.getpid()}"
        return WalkResult(
            {**values, "worker": worker, REFUSAL: context.refusal}, _records(walk, after, before)
        )

    def _context_of(self, sequence: int, selection: Selection) -> WalkContext:
        if self._context is None or self._sequence != sequence:
            prepared = self._prepared
            self._context = WalkContext(
                replace(prepared.inputs, selection=selection),
                *self._base_model(),
                prepared.model_digest,
                prepared.config.cache,
                prepared.artefacts,
                self._show_life,
            )
            self._sequence = sequence
        return self._context

    def _base_model(self) -> tuple[LanguageModel, WeightsCheck]:
        """The same for all sequences: what has changed once is never taken for unchanged."""
        if self._model is None:
            self._model = base_model(self._prepared)
        return self._model

    def _show_life(self) -> None:
        self._tell(self._name)


_KINDS = ("es", "ps", "ns")


def _records(walk: Walk, after: Evaluation, before: Evaluation) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "trial": walk.trial,
            "role": walk.role,
            "sequence": walk.sequence,
            "batch": record.batch,
            "case_id": record.case_id,
            **{kind: as_float(getattr(record.values, kind)) for kind in _KINDS},
            **{f"{kind}_unedited": as_float(getattr(plain.values, kind)) for kind in _KINDS},
        }
        for record, plain in zip(after.records, before.records, strict=True)
    )
