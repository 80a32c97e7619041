"""A sweep replayed: the sampler and the scheduler at work on another sweep's measurements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analysis.tables.parts import RUNG
from search.config.settings import SweepConfig
from search.executors.recorded import Curve, Recorded
from search.results.recovery import EndedTrial, Proposal
from search.session.proposer import Proposer
from search.session.recorder import Recorder
from search.session.trials import SweepTrials
from search.sweep.earlier import EarlierTrials
from search.sweep.sweep_rungs import sweep_rungs

Row = Mapping[str, Any]


def replayed(config: SweepConfig, curve_of: Callable[[Proposal], Curve | None]) -> list[EndedTrial]:
    """The trials of a sweep as they would have ended, by number; nothing is written.

    Args:
        config: the sweep's; its sampler, seed, scheduler, rungs and audited trials are at work.
        curve_of: what settings come to, such as the `RecordedWalks` of a sweep without a scheduler.

    Raises:
        OnlyFailures: none of the proposed settings is known.
    """
    earlier = EarlierTrials(config, 0, (), ())
    assignment, space, search = earlier.assignment(), config.search_space(), config.search
    levels = sweep_rungs(config, space)
    rows = _RowsInMemory()
    columns = {
        "edits",
        "steps",
        "composite",
        "score",
        "walk",
        *(f"{RUNG}{level}" for level in levels),
    }
    trials = SweepTrials(
        Proposer(assignment, earlier.settings, space, earlier.history(), 0),
        Recorder(rows, columns, frozenset(), 0),
        None if search.scheduler == "none" else earlier.rungs(levels),
        search.resource,
        earlier.audited(assignment),
        search.max_failed,
        lambda: None,
    )
    Recorded(curve_of, config).run(trials)
    return sorted(rows.ended, key=lambda each: each.trial)


class _RowsInMemory:
    """Keeps rows for whoever asked for the replay."""

    waiting = None

    def __init__(self) -> None:
        self.ended: list[EndedTrial] = []
        self._proposals: dict[int, Proposal] = {}

    def propose(self, trial: int, role: str, generation: int, config: Row) -> None:
        self._proposals[trial] = Proposal(trial, role, generation, config)

    def end(
        self,
        trial_row: Row,
        step_rows: Sequence[Row],
        record_rows: Sequence[Row],
        *,
        checked: bool = True,
    ) -> None:
        proposal = self._proposals.pop(trial_row["trial"])
        names = ("status", "attempt", "edits", "steps", "composite", "score", "error", "walk")
        cells: dict[str, Any] = {name: trial_row.get(name) for name in names}
        rungs = {int(k.removeprefix(RUNG)): v for k, v in trial_row.items() if k.startswith(RUNG)}
        self.ended.append(
            EndedTrial(
                trial=proposal.trial,
                role=proposal.role,
                generation=proposal.generation,
                config=proposal.config,
                rungs=rungs,
                **cells,
            )
        )

    def maybe_flush(self) -> None:
        """Nothing waits."""
