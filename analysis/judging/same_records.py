"""What the settings of a confirmation came to on the sequences that they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.judging.confirm_values import walk_values
from analysis.tables.cells import plain
from analysis.tables.sweep import Sweep

_METRICS = ["es", "ps", "ns", "score"]


@dataclass(frozen=True)
class SameRecords:
    """The walks of several settings, all over the same sequences."""

    in_sweep: Mapping[int, float]
    """Composite in the sweep, by trial."""
    roles: Mapping[int, str]
    """Role, by trial."""
    composites: pd.DataFrame
    """A row for each sequence, a column for each trial."""
    metrics: Mapping[int, Mapping[str, float | None]]
    """Means of es, ps, ns and score over the sequences, by trial."""
    values: Mapping[int, pd.DataFrame]
    """Record values, by trial; see `walk_values`."""
    alike: Mapping[int, int]
    """By trial, the first one that walked as it did: every record has the same values."""

    @classmethod
    def of(cls, sweep: Sweep, trials: Sequence[int], sequences: Sequence[int]) -> SameRecords:
        """Take what these trials came to on these sequences, all of which they have completed."""
        walks, records = (
            table[table["sequence"].isin(sequences) & table["trial"].isin(trials)]
            for table in (sweep.confirm, sweep.confirm_records)
        )
        in_sweep = sweep.trials.set_index("trial")
        values = walk_values(records, sweep)
        means = walks.groupby("trial")[_METRICS].mean()
        return cls(
            in_sweep={trial: float(in_sweep["composite"][trial]) for trial in trials},
            roles={trial: str(in_sweep["role"][trial]) for trial in trials},
            composites=walks.pivot(index="sequence", columns="trial", values="composite"),
            metrics={t: {name: plain(means[name][t]) for name in _METRICS} for t in trials},
            values={trial: values[values["trial"] == trial] for trial in trials},
            alike=_alike(records, trials),
        )

    def leads(self, trial: int, baseline: int) -> tuple[float, ...]:
        """By how much a trial is above a baseline, by sequence.

        They are rounded to 12 digits, so that what is equal but for the order of a sum is equal.
        """
        found = self.composites[trial] - self.composites[baseline]
        return tuple(found.round(12).tolist())

    def distinct(self, trials: Iterable[int]) -> int:
        """How many of these trials' walks differ from each other."""
        return len({self.alike[trial] for trial in trials})


def _alike(records: pd.DataFrame, trials: Sequence[int]) -> dict[int, int]:
    ordered = records.sort_values(["sequence", "case_id"])
    columns = ["sequence", "case_id", "es", "ps", "ns"]
    first: dict[bytes, int] = {}
    return {
        trial: first.setdefault(_bytes(ordered.loc[ordered["trial"] == trial, columns]), trial)
        for trial in trials
    }


def _bytes(rows: pd.DataFrame) -> bytes:
    return rows.to_numpy(float).tobytes()
