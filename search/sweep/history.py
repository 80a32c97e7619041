"""Optuna's view of a sweep: settings asked for, values told, a history that stays short.

TPE reads its whole history for every suggestion. It models at most the best 25 trials against the
rest, so the best and the most recent trials together suggest as well as all of them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, QMCSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from spaces import decode, encode
from spaces.finite import FiniteSpace, Identity

KEPT_BEST = 100
KEPT_RECENT = 300
CUT_AT = 800
"""Trials in the study at which it is cut back to the best and the most recent."""


@dataclass(frozen=True)
class Ended:
    """How a search trial ended, as Optuna is told."""

    state: TrialState
    """COMPLETE, PRUNED, or FAIL: an error, or a value that is not a number."""
    value: float | None
    """The objective; None unless complete."""
    rungs: Mapping[int, float]
    """Its value at each rung that it reached."""

    @classmethod
    def of(cls, status: str, composite: float | None, rungs: Mapping[int, float]) -> Ended:
        """Translate a row of the trials table."""
        numbers = {level: value for level, value in rungs.items() if math.isfinite(value)}
        if status == "completed" and composite is not None and math.isfinite(composite):
            return cls(TrialState.COMPLETE, composite, numbers)
        if status == "pruned" and numbers:
            return cls(TrialState.PRUNED, None, numbers)
        return cls(TrialState.FAIL, None, numbers)


class SearchHistory:
    """Asks Optuna for settings and tells it what became of them.

    Trial i's randomness is made from (seed, i) alone, so that a resumed sweep goes on where an
    uninterrupted one would be. What TPE learns from results comes on top. In a finite space nothing
    is proposed twice: a setting that is tried gives way to one that is not.

    Args:
        distributions: what is searched, by dotted key.
        sampler: tpe, random or qmc.
        seed: of all proposals.
        finite: the space, where it is finite.
    """

    def __init__(
        self,
        distributions: Mapping[str, BaseDistribution],
        sampler: str,
        seed: int,
        finite: FiniteSpace | None = None,
    ) -> None:
        self._distributions = dict(distributions)
        self._name = sampler
        self._seed = seed
        self._finite = finite
        self._tried: set[Identity] = set()
        self._study = _new_study()
        self._running: dict[int, optuna.Trial] = {}
        self._sequence = _QuasiRandom(self._distributions, seed) if sampler == "qmc" else None

    @property
    def trials(self) -> Sequence[FrozenTrial]:
        """The trials that the sampler learns from, running ones among them."""
        return self._study.get_trials(deepcopy=False)

    def ask(self, index: int) -> dict[str, Any]:
        """Propose settings for search trial `index`; real values, lists as tuples."""
        if self._sequence is not None:
            self._enqueue(index, self._sequence.at(index))
        else:
            self._study.sampler = self._sampler(index)
            self._running[index] = self._study.ask(self._distributions)
        proposed = decode(self._running[index].params)
        if not self._is_new(proposed):
            proposed = self._another(index, proposed)
        self._note(proposed)
        return proposed

    def expect(self, index: int, settings: Mapping[str, Any]) -> None:
        """Note that search trial `index` runs with settings that were proposed before.

        Settings outside of the space, from before an extension, teach the sampler nothing.
        """
        self._note(settings)
        if (params := self._inside(settings)) is not None:
            self._enqueue(index, params)

    def tell(self, index: int, ended: Ended) -> None:
        """Tell how a running trial ended; its rungs are what TPE ranks pruned trials by."""
        trial = self._running.pop(index, None)
        if trial is None:
            return  # it was outside of the space
        for level, value in sorted(ended.rungs.items()):
            trial.report(value, level)
        self._study.tell(trial, ended.value, state=ended.state)
        if len(self.trials) >= CUT_AT:
            self._cut()

    def remember(self, settings: Mapping[str, Any], ended: Ended) -> bool:
        """Add a trial that ended in an earlier session, if it is inside of the space.

        A setting that was not searched then counts with the value that it had.

        Returns:
            Whether it was inside.
        """
        self._note(settings)
        params = self._inside(settings)
        if params is None:
            return False
        self._study.add_trial(
            create_trial(
                params=params,
                distributions=self._distributions,
                intermediate_values=dict(ended.rungs),
                value=ended.value,
                state=ended.state,
            )
        )
        if len(self.trials) >= CUT_AT:
            self._cut()
        return True

    def _is_new(self, settings: Mapping[str, Any]) -> bool:
        return self._finite is None or self._finite.identity(settings) not in self._tried

    def _note(self, settings: Mapping[str, Any]) -> None:
        """Remember what a finite space need not propose any more."""
        identity = None if self._finite is None else self._finite.identity(settings)
        if identity is not None:
            self._tried.add(identity)

    def _another(self, index: int, proposed: dict[str, Any]) -> dict[str, Any]:
        """An untried setting in place of one that was tried; the same one if all were."""
        assert self._finite is not None
        untried = self._finite.untried(self._tried, _in_32_bits(f"{self._seed}:{index}:untried"))
        if untried is None:
            return proposed
        self._study.tell(self._running.pop(index), state=TrialState.FAIL)  # teaches nothing
        self._enqueue(index, encode(untried))
        return untried

    def _inside(self, settings: Mapping[str, Any]) -> dict[str, Any] | None:
        """The settings as Optuna's parameters; None if one of them is outside of the space."""
        params = encode({key: settings[key] for key in self._distributions})
        try:
            create_trial(params=params, distributions=self._distributions, value=0.0)
        except ValueError:
            return None
        return params

    def _enqueue(self, index: int, params: Mapping[str, Any]) -> None:
        # Every parameter is given, so the sampler is asked for nothing.
        self._study.sampler = RandomSampler(seed=0)
        self._study.enqueue_trial(dict(params))
        self._running[index] = self._study.ask(self._distributions)

    def _cut(self) -> None:
        """Start a study of the best, the most recent and the running trials."""
        ended = [trial for trial in self.trials if trial.state in _LEARNED]
        best = sorted(ended, key=_quality, reverse=True)[:KEPT_BEST]
        kept = {trial.number: trial for trial in (*best, *ended[-KEPT_RECENT:])}
        running = {index: trial.params for index, trial in self._running.items()}
        self._study = _new_study()
        self._study.add_trials([trial for _, trial in sorted(kept.items())])
        for index, params in running.items():
            self._enqueue(index, params)

    def _sampler(self, index: int) -> BaseSampler:
        seed = _in_32_bits(f"{self._seed}:{index}")
        if self._name == "random":
            return RandomSampler(seed=seed)
        return TPESampler(multivariate=True, constant_liar=True, seed=seed)


class _QuasiRandom:
    """Optuna's scrambled Sobol sequence by position; later positions are reached by skipping."""

    def __init__(self, distributions: Mapping[str, BaseDistribution], seed: int) -> None:
        self._distributions = dict(distributions)
        with warnings.catch_warnings():
            # It has been experimental since Optuna 3.0; constraints.txt pins what was tested.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            # Without a sampler of its own for what it leaves out, which is nothing, it would make
            # one of the seed, and numpy's old generators take 32 bits only.
            nothing_left = RandomSampler(seed=0)
            sampler = QMCSampler(scramble=True, seed=seed, independent_sampler=nothing_left)
        self._study = optuna.create_study(sampler=sampler)
        # The sequence needs to know the whole space; the first trial of a study tells it.
        first = optuna.create_study(sampler=RandomSampler(seed=0)).ask(self._distributions)
        self._study.add_trial(
            create_trial(params=first.params, distributions=self._distributions, value=0.0)
        )
        self._position = 0

    def at(self, index: int) -> dict[str, Any]:
        """The settings at a position; positions must be asked for in rising order."""
        while True:
            params = self._study.ask(self._distributions).params
            self._position += 1
            if self._position > index:
                return params


def _in_32_bits(text: str) -> int:
    """A seed as every random generator takes one."""
    return int.from_bytes(sha256(text.encode()).digest()[:4], "big")


_LEARNED = (TrialState.COMPLETE, TrialState.PRUNED)


def _new_study() -> optuna.Study:
    return optuna.create_study(direction="maximize")


def _quality(trial: FrozenTrial) -> tuple[float, float]:
    """TPE's order: complete trials by value, above pruned ones by last rung and value there."""
    if trial.state == TrialState.COMPLETE:
        return math.inf, float(trial.value or 0.0)
    last = max(trial.intermediate_values)
    return float(last), trial.intermediate_values[last]
