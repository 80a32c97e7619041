"""Whether a sweep's choice holds on records that the sweep never edited; from Parquet alone.

A sweep's best composite is the largest of many, so a part of its lead is luck. `ratchet confirm`
runs the best settings and the baselines again on sequences of other records; what remains of the
lead there is worth as much as the interval says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from analysis.errors import ResultsError
from analysis.judging.comparison import Comparison
from analysis.judging.confirm_settings import margin_of, possible_sequences
from analysis.judging.confirmed import Confirmation, Confirmed
from analysis.judging.intervals import mean_interval
from analysis.judging.lead import LEVEL, Finding, finding, lead_interval, sequences_needed
from analysis.judging.same_records import SameRecords
from analysis.tables.sweep import Sweep, ranked


def confirmation(sweep: Sweep) -> Confirmation | None:
    """Compare the confirmed settings; None while they have no sequence in common.

    Only sequences count that the winner and every baseline have completed, and only settings that
    have completed all of those, so that every number is of the same records.

    Raises:
        ValueError: if it is several sweeps.
        ResultsError: if sweep.yaml has no weights of the composite or no usable margin, or a trial
            is not the sweep's.

    Example:
        >>> found = confirmation(ratchet.load("results/my-sweep"))
        >>> found.verdicts["baseline_full"], found.luck["baseline_full"]
        (<Finding.BETTER: 'better'>, 0.03)
    """
    sweep.require_one()
    _require_known(sweep)
    walks = sweep.confirm[sweep.confirm["status"] == "completed"]
    ranking = ranked(sweep.trials[sweep.trials["role"] == "search"])["trial"].tolist()
    searched = [trial for trial in ranking if trial in {*sweep.confirm["trial"]}]
    baselines = walks[walks["role"] != "search"].drop_duplicates("trial")["trial"].tolist()
    sequences = _common(walks, [*searched[:1], *baselines]) if searched else []
    if not sequences:
        return None
    there = [t for t in (*searched, *baselines) if {*sequences} <= _walked(walks, t)]
    same = SameRecords.of(sweep, there, sequences)
    margin = margin_of(sweep)
    against = _comparisons(same, [t for t in there if t in searched], baselines, margin)
    return Confirmation(
        path=sweep.path,
        winner=searched[0],
        best_in_sweep=ranking[0],
        sequences=tuple(sequences),
        possible=max(possible_sequences(sweep), len(sequences)),
        records=len(same.values[searched[0]]) // len(sequences),
        margin=margin,
        settings=tuple(_confirmed(same, trial, against.get(trial, {})) for trial in there),
        left_out=_left_out(sweep.confirm, there),
    )


def _require_known(sweep: Sweep) -> None:
    if unknown := sorted({*sweep.confirm["trial"]} - {*sweep.trials["trial"]}):
        numbers = ", ".join(map(str, unknown[:5]))
        raise ResultsError(f"{sweep.path}/confirm: the sweep has no trial {numbers}")


def _walked(walks: pd.DataFrame, trial: int) -> set[int]:
    return set(walks.loc[walks["trial"] == trial, "sequence"].tolist())


def _common(walks: pd.DataFrame, trials: Sequence[int]) -> list[int]:
    return sorted(set.intersection(*(_walked(walks, trial) for trial in trials)))


def _left_out(confirm: pd.DataFrame, there: Sequence[int]) -> dict[int, str]:
    others = confirm[~confirm["trial"].isin(there)]
    unknown = "has not walked all sequences"
    return {
        trial: next(iter(others.loc[others["trial"] == trial, "error"].dropna()), unknown)
        for trial in others["trial"].unique().tolist()
    }


def _confirmed(same: SameRecords, trial: int, against: Mapping[str, Comparison]) -> Confirmed:
    several = len(same.composites) > 1
    return Confirmed(
        trial=trial,
        role=same.roles[trial],
        composite=float(same.composites[trial].mean()),
        interval=mean_interval(same.values[trial], LEVEL) if several else None,
        composite_in_sweep=same.in_sweep[trial],
        metrics=same.metrics[trial],
        walked_as=same.alike[trial],
        against=against,
    )


def _comparisons(
    same: SameRecords, searched: Sequence[int], baselines: Sequence[int], margin: float
) -> dict[int, dict[str, Comparison]]:
    """By trial and baseline.

    The winner was named before these records were walked. So its intervals hold together over the
    baselines alone, whatever --top was. Those of the other settings, one of which a reader may
    pick because it did well here, hold together over everything that is compared.
    """
    of_winner = same.distinct(baselines)
    of_all = of_winner * same.distinct(searched)
    return {
        trial: {
            same.roles[baseline]: _comparison(same, trial, baseline, together, margin)
            for baseline in baselines
        }
        for trial in searched
        for together in [of_winner if same.alike[trial] == searched[0] else of_all]
    }


def _comparison(
    same: SameRecords, trial: int, baseline: int, together: int, margin: float
) -> Comparison:
    leads = same.leads(trial, baseline)
    interval = lead_interval(leads, together)
    unclear = finding(interval, margin) is Finding.CANNOT_TELL
    effect = max(sum(leads) / len(leads), margin)
    return Comparison(
        baseline=same.roles[baseline],
        lead_in_sweep=same.in_sweep[trial] - same.in_sweep[baseline],
        leads=leads,
        interval=interval,
        together=together,
        margin=margin,
        needed=sequences_needed(leads, effect, together) if unclear else None,
    )
