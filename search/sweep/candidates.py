"""Whose settings are confirmed: the best of a sweep, and the baselines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from analysis.tables.joined import BASELINES
from greedy_core.errors import InputError
from greedy_core.settings import EditSettings
from search.config.settings import edit_settings
from search.results.recovery import EndedTrial


@dataclass(frozen=True)
class Candidate:
    """A trial of the sweep whose settings are run again."""

    trial: int
    """Its number."""
    role: str
    """Its role."""
    settings: EditSettings
    """What it ran with."""


def candidates(
    ended: Sequence[EndedTrial], ranking: Iterable[int], top: int, where: str
) -> list[Candidate]:
    """The best setting first, then the baselines, then the other best ones.

    Trials that walked the same way count once, and so do those with the same settings. A sweep with
    fewer walks gives what it has.

    Args:
        ended: the sweep's trials.
        ranking: numbers of the completed ones, best first; see `analysis.tables.sweep.ranked`.
        top: how many settings of the search.
        where: what messages call the sweep.

    Raises:
        InputError: if no search trial has been completed.
    """
    trials = {each.trial: each for each in ended}
    completed = [trials[number] for number in ranking]
    best = _distinct(trial for trial in completed if trial.role == "search")[:top]
    if not best:
        raise InputError(f"{where}: no search trial has been completed, so none can be confirmed")
    baselines = sorted((t for t in completed if t.role != "search"), key=lambda t: t.trial)
    return [*best[:1], *map(_candidate, baselines), *best[1:]]


def shortfall(chosen: Sequence[Candidate], top: int) -> Iterator[str]:
    """What is missing of the candidates that were asked for, in sentences."""
    roles = [each.role for each in chosen]
    if (searched := roles.count("search")) < top:
        yield f"only {searched} different walks have been completed; all are confirmed"
    for role in sorted({*BASELINES} - {*roles}):
        yield (
            f"{role} has not been completed, so nothing is compared with it; "
            "`ratchet resume` runs it"
        )


def _distinct(trials: Iterable[EndedTrial]) -> list[Candidate]:
    found: list[Candidate] = []
    seen: set[EditSettings | str] = set()
    for trial in trials:
        candidate = _candidate(trial)
        marks: list[EditSettings | str] = [candidate.settings]
        marks += [] if trial.walk is None else [trial.walk]
        if seen.isdisjoint(marks):
            found.append(candidate)
        seen.update(marks)
    return found


def _candidate(trial: EndedTrial) -> Candidate:
    return Candidate(trial.trial, trial.role, edit_settings(trial.config))
