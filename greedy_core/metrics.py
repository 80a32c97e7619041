"""ES, PS, NS, their composite and score, from log-probabilities.

A prompt *succeeds* when the preferred target is strictly more likely per token than the other: the
new one for rewrite and paraphrase prompts, the true one for neighborhood prompts. Its *margin* is
p(preferred) / (p(new) + p(true)) with length-normalized probabilities: above 0.5 exactly where the
prompt succeeds, but smooth. Values are averaged over a record's prompts, then over records
(ROME and MEMIT, summarize.py). Successes are kept as fractions, so thresholds compare exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

Value = Fraction | float

_ONE, _ZERO = Fraction(1), Fraction(0)


@dataclass(frozen=True)
class RecordValues:
    """ES, PS and NS of one record; None where it has no prompts of the kind."""

    es: Value | None
    """Efficacy: the rewrite prompt."""
    ps: Value | None
    """Paraphrase prompts."""
    ns: Value | None
    """Neighborhood prompts."""


@dataclass(frozen=True)
class Metrics:
    """ES, PS, NS over records and their composite; None where no record has prompts of the kind."""

    es: Value | None
    """Efficacy."""
    ps: Value | None
    """Paraphrase success."""
    ns: Value | None
    """Neighborhood success."""
    composite: Value
    """Weighted mean of those that are there."""

    @property
    def score(self) -> float:
        """Harmonic mean of ES, PS and NS: S in the papers; 0 if one of them is 0."""
        values = [float(v) for v in (self.es, self.ps, self.ns) if v is not None]
        return len(values) / sum(1 / v for v in values) if all(values) else 0.0


def as_float(value: Value | None) -> float | None:
    """A value as tables hold it."""
    return None if value is None else float(value)


def success(log_probabilities: np.ndarray, prefer_new: bool) -> list[Fraction]:
    """Per prompt 1 or 0, for log-probabilities ``(Q, 2)`` of the new and the true target."""
    new, true = log_probabilities.T
    wins = new > true if prefer_new else true > new
    return [_ONE if win else _ZERO for win in wins.tolist()]


def margin(log_probabilities: np.ndarray, prefer_new: bool) -> list[float]:
    """Per prompt the preferred target's share of probability, in [0, 1]."""
    new, true = log_probabilities.T
    difference = true - new if prefer_new else new - true
    # 1 / (1 + exp(x)) overflows for large x; there the share is 0 to double precision.
    return [1 / (1 + math.exp(min(x, 700.0))) for x in difference.tolist()]


def mean(values: Iterable[Value | None]) -> Value | None:
    """Mean of the values that are there; exact for fractions; None if there are none."""
    present = [value for value in values if value is not None]
    if not present:
        return None
    if not all(isinstance(value, Fraction) for value in present):
        return sum(present) / len(present)
    # One fraction at the end, instead of one reduced after every addition.
    pairs = [value.as_integer_ratio() for value in present]
    common = math.lcm(*(denominator for _, denominator in pairs))
    total = sum(numerator * (common // denominator) for numerator, denominator in pairs)
    return Fraction(total, common * len(present))


def aggregate(records: Sequence[RecordValues], weights: Sequence[float]) -> Metrics:
    """Average records and weigh ES, PS and NS into the composite.

    A kind without prompts drops out, and the other weights are renormalized.
    """
    es = mean(record.es for record in records)
    ps = mean(record.ps for record in records)
    ns = mean(record.ns for record in records)
    return Metrics(es, ps, ns, composite(es, ps, ns, weights))


def composite(
    es: Value | None, ps: Value | None, ns: Value | None, weights: Sequence[float]
) -> Value:
    """Weighted mean of the values that are there; exact for fractions.

    Raises:
        ValueError: if all that are there have weight 0.
    """
    pairs = [
        (value, Fraction(str(weight)))
        for value, weight in zip((es, ps, ns), weights, strict=True)
        if value is not None
    ]
    total = sum(weight for _, weight in pairs)
    if not total:
        raise ValueError(
            "a composite needs prompts of a kind with a weight above 0, "
            f"but got (es={es}, ps={ps}, ns={ns}, weights={tuple(weights)})"
        )
    if all(isinstance(value, Fraction) for value, _ in pairs):
        return sum((value * weight for value, weight in pairs), Fraction(0)) / total
    return math.fsum(float(value) * float(weight) for value, weight in pairs) / float(total)
