"""What happened in a greedy step, as one frozen record."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

Reason = Literal[
    "improved",
    "no_improvement",
    "patience_exhausted",
    "trust_low_rolled_back",
    "trust_low_scaled",
    "norm_guard",
    "distance_only",
    "always",
]


@dataclass(frozen=True)
class StepEvent:
    """One proposal: what was proposed, what was measured, what was decided and why."""

    sequence: int = field(default=0, kw_only=True)
    """Edit sequence, from 0."""
    batch: int
    """Batch, from 0."""
    layer: int
    """Block of the model, from 0."""
    step: int
    """Step of the greedy loop, from 0."""
    fraction_before: Fraction
    """Fraction of the update in force before the step."""
    fraction_proposed: Fraction
    """Fraction that was measured; after a scaling trust gate, the smaller one."""
    fraction_after: Fraction
    """Fraction in force after the step."""
    accepted: bool
    """Whether the step was kept."""
    reason: Reason
    """Why."""
    es_before: float | None
    """ES of the probes before the step, in the signal's units; None without rewrite prompts."""
    ps_before: float | None
    """PS before."""
    ns_before: float | None
    """NS before."""
    composite_before: float
    """Composite before."""
    es_after: float | None
    """ES of the probes at the proposed fraction, measured even when it does not decide."""
    ps_after: float | None
    """PS at the proposed fraction."""
    ns_after: float | None
    """NS at the proposed fraction."""
    composite_after: float
    """Composite at the proposed fraction."""
    improvement: float
    """composite_after - composite_before."""
    trust: float
    """Trust at the fraction that the step rule asked for."""
    gain: float
    """Share of the residuals written at that fraction."""
    harm: float
    """Relative change of an average output at that fraction."""
    delta_norm: float
    """||fraction_proposed dW||_F."""
    residual: float
    """Relative error made by the rank cap; 0 without one."""
    seconds: float
    """Wall time of the step, the batch's solve included in its first."""
    from_store: bool
    """Whether the proposed state's scores were read, not computed."""
