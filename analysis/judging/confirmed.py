"""What a confirmation comes to: every setting, its leads, and how much of them was luck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.judging.intervals import Interval


@dataclass(frozen=True)
class Comparison:
    """A setting beside a baseline, on the same records."""

    baseline: str
    """The baseline's role."""
    lead_in_sweep: float
    """By how much the setting's composite was above it in the sweep."""
    lead: float
    """The same here, the mean over the sequences."""
    interval: Interval
    """Interval of `lead`."""
    probability: float
    """Probability of improvement: the share of batches that are better; ties count half."""
    p_value: float | None
    """Of a paired Wilcoxon test, after Holm over all comparisons; None where pairs are too few."""

    @property
    def beats(self) -> bool:
        """Whether the setting is better than the baseline: the whole interval is above 0."""
        return self.interval.low > 0

    @property
    def luck(self) -> float:
        """How much of the lead in the sweep is gone here."""
        return self.lead_in_sweep - self.lead


@dataclass(frozen=True)
class Confirmed:
    """A setting on the sequences."""

    trial: int
    """The trial of the sweep that ran with it."""
    role: str
    """That trial's role."""
    composite: float
    """Mean over the sequences."""
    interval: Interval
    """Interval of `composite`."""
    composite_in_sweep: float
    """In the sweep; for the best settings it is optimistic."""
    metrics: Mapping[str, float | None]
    """Means of es, ps, ns and score over the sequences."""
    against: Mapping[str, Comparison]
    """Its comparison with each baseline; empty for baselines."""


@dataclass(frozen=True)
class Confirmation:
    """What `ratchet confirm` says; `to_dict` gives plain values, ready for JSON."""

    winner: int
    """The best trial of the sweep among those that were confirmed."""
    best_in_sweep: int
    """The best trial of the sweep; not the winner if it ended after the confirmation."""
    sequences: tuple[int, ...]
    """The sequences that all settings here have walked."""
    records: int
    """Records in each sequence."""
    settings: tuple[Confirmed, ...]
    """The settings of the search, best in the sweep first; then the baselines."""
    left_out: Mapping[int, str]
    """Trials that have not walked all sequences, and why."""
    test_pairs: str | None
    """What the Wilcoxon tests pair: sequences, batches where those are few, or None."""

    @property
    def searched(self) -> tuple[Confirmed, ...]:
        """The settings of the search, best in the sweep first."""
        return tuple(each for each in self.settings if each.role == "search")

    @property
    def comparisons(self) -> Mapping[str, Comparison]:
        """The winner beside each baseline."""
        return self.searched[0].against

    @property
    def beats(self) -> dict[str, bool]:
        """Whether the winner is better than each baseline."""
        return {role: each.beats for role, each in self.comparisons.items()}

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
        return {
            "winner": self.winner,
            "best_in_sweep": self.best_in_sweep,
            "sequences": list(self.sequences),
            "records": self.records,
            "beats": self.beats,
            "lead_in_sweep": self.lead_in_sweep,
            "lead_confirmed": self.lead_confirmed,
            "luck": self.luck,
            "order_confirmed": list(self.order_confirmed),
            "order_held": self.order_held,
            "test_pairs": self.test_pairs,
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
        "against": {
            role: {
                "lead_in_sweep": each.lead_in_sweep,
                "lead": each.lead,
                "interval": _bounds(each.interval),
                "beats": each.beats,
                "luck": each.luck,
                "probability": each.probability,
                "p_value": each.p_value,
            }
            for role, each in setting.against.items()
        },
    }


def _bounds(interval: Interval) -> dict[str, float]:
    return {"low": float(interval.low), "high": float(interval.high), "level": interval.level}
