"""What a confirmation comes to: every setting, its leads, and how much of them was luck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.judging.comparison import Comparison
from analysis.judging.intervals import Interval
from analysis.judging.lead import Finding


@dataclass(frozen=True)
class Confirmed:
    """A setting on the sequences."""

    trial: int
    """The trial of the sweep that ran with it."""
    role: str
    """That trial's role."""
    composite: float
    """Mean over the sequences."""
    interval: Interval | None
    """Interval of `composite`, of this setting alone; None where there is one sequence."""
    composite_in_sweep: float
    """In the sweep; for the best settings it is optimistic."""
    metrics: Mapping[str, float | None]
    """Means of es, ps, ns and score over the sequences."""
    walked_as: int
    """The first setting here that came to the same on every record; the setting itself if none."""
    against: Mapping[str, Comparison]
    """Its comparison with each baseline; empty for baselines."""


@dataclass(frozen=True)
class Confirmation:
    """What `ratchet confirm` says; `to_dict` gives plain values, ready for JSON."""

    path: str
    """Where the sweep lies."""
    winner: int
    """The best trial of the sweep among those that were confirmed."""
    best_in_sweep: int
    """The best trial of the sweep; not the winner if it ended after the confirmation."""
    sequences: tuple[int, ...]
    """The sequences that all settings here have walked."""
    possible: int
    """Sequences that the reserved records suffice for."""
    records: int
    """Records in each sequence."""
    margin: float
    """Lead up to which two settings are equally good in practice."""
    settings: tuple[Confirmed, ...]
    """The settings of the search, best in the sweep first; then the baselines."""
    left_out: Mapping[int, str]
    """Trials that have not walked all sequences, and why."""

    @property
    def searched(self) -> tuple[Confirmed, ...]:
        """The settings of the search, best in the sweep first."""
        return tuple(each for each in self.settings if each.role == "search")

    @property
    def comparisons(self) -> Mapping[str, Comparison]:
        """The winner beside each baseline."""
        return self.searched[0].against

    @property
    def decisive(self) -> Comparison | None:
        """The comparison whose verdict is that on the best baseline, whichever that is.

        The winner is better than the best baseline if it is better than all of them, and no better
        if it is no better than one of them. Of those that say so, it is the one with the smallest
        lead. None without a baseline.
        """
        for verdict in (Finding.NO_BETTER, Finding.CANNOT_TELL, Finding.BETTER):
            of_kind = [each for each in self.comparisons.values() if each.verdict is verdict]
            if of_kind:
                return min(of_kind, key=lambda each: each.lead)
        return None

    @property
    def verdicts(self) -> dict[str, Finding]:
        """The winner's verdict beside each baseline."""
        return {role: each.verdict for role, each in self.comparisons.items()}

    @property
    def lead_in_sweep(self) -> dict[str, float]:
        """The winner's lead over each baseline in the sweep."""
        return {role: each.lead_in_sweep for role, each in self.comparisons.items()}

    @property
    def lead_confirmed(self) -> dict[str, float]:
        """The winner's lead over each baseline here."""
        return {role: each.lead for role, each in self.comparisons.items()}

    @property
    def luck(self) -> dict[str, float]:
        """By how much the winner's lead in the sweep exceeds its lead here, by baseline."""
        return {role: each.luck for role, each in self.comparisons.items()}

    @property
    def order_confirmed(self) -> tuple[int, ...]:
        """The search's trials, best here first."""
        order = sorted(self.searched, key=lambda setting: -setting.composite)
        return tuple(setting.trial for setting in order)

    @property
    def order_held(self) -> bool:
        """Whether the settings rank here in the same order as in the sweep."""
        return self.order_confirmed == tuple(setting.trial for setting in self.searched)

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, as plain values."""
        decisive = self.decisive
        return {
            "winner": self.winner,
            "best_in_sweep": self.best_in_sweep,
            "sequences": list(self.sequences),
            "possible": self.possible,
            "records": self.records,
            "margin": self.margin,
            "verdict": decisive and decisive.verdict.value,
            "decisive": decisive and decisive.baseline,
            "verdicts": {role: each.value for role, each in self.verdicts.items()},
            "lead_in_sweep": self.lead_in_sweep,
            "lead_confirmed": self.lead_confirmed,
            "luck": self.luck,
            "order_confirmed": list(self.order_confirmed),
            "order_held": self.order_held,
            "settings": [_setting_values(setting) for setting in self.settings],
            "left_out": {str(trial): why for trial, why in self.left_out.items()},
        }


def _setting_values(setting: Confirmed) -> dict[str, Any]:
    return {
        "trial": setting.trial,
        "role": setting.role,
        "composite": setting.composite,
        "interval": _bounds(setting.interval),
        "composite_in_sweep": setting.composite_in_sweep,
        **setting.metrics,
        "walked_as": setting.walked_as,
        "against": {role: _comparison_values(each) for role, each in setting.against.items()},
    }


def _comparison_values(each: Comparison) -> dict[str, Any]:
    return {
        "lead_in_sweep": each.lead_in_sweep,
        "lead": each.lead,
        "leads": list(each.leads),
        "interval": _bounds(each.interval),
        "together": each.together,
        "verdict": each.verdict.value,
        "luck": each.luck,
        "luck_interval": _bounds(each.luck_interval),
        "probability": each.probability,
        "sequences_needed": each.needed,
    }


def _bounds(interval: Interval | None) -> dict[str, float] | None:
    if interval is None:
        return None
    return {"low": float(interval.low), "high": float(interval.high), "level": interval.level}
