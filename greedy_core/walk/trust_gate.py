"""The trust gate: judges a step by distances alone, before any probe.

    gain  = clip(1 - mean_j ||r_j - f dW k_j|| / mean_j ||r_j||, 0, 1)   what is written
    harm  = f sqrt(tr(dW C dW^T) / tr(W C W^T))                          what it costs the rest
    trust = gain / (1 + harm / harm_scale)                               in [0, 1]

An edit that writes nothing has trust 0; an exact one without harm has trust 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from greedy_core.emmet.solver import ClosedForm
from greedy_core.errors import NumericalError
from greedy_core.settings import TrustSettings


@dataclass(frozen=True)
class Trust:
    """What the gate sees at a fraction of an update."""

    gain: float
    """Share of the residuals that the fraction writes, in [0, 1]."""
    harm: float
    """Change of an average output, relative to it."""
    trust: float
    """Their balance, in [0, 1]."""


def trust_at(form: ClosedForm, fraction: Fraction, harm_scale: float) -> Trust:
    """Weigh gain against harm.

    Raises:
        NumericalError: if either is not a number.
    """
    gain = min(max(1 - form.remaining(float(fraction)), 0.0), 1.0)
    harm = float(fraction) * form.harm
    if not (math.isfinite(gain) and math.isfinite(harm)):
        raise NumericalError(
            f"gain and harm must be finite, but got ({gain=}, {harm=}). Usual cause: target values "
            "or keys that overflow; try a smaller values.lr or values.clamp"
        )
    return Trust(gain, harm, gain / (1 + harm / harm_scale))


def gated_fraction(trust: Trust, fraction: Fraction, settings: TrustSettings) -> Fraction | None:
    """The fraction that may be proposed: as asked, scaled, or None where the step is rejected."""
    if not settings.enabled or trust.trust >= settings.threshold:
        return fraction
    if settings.action == "rollback":
        return None
    return fraction * Fraction(str(settings.scale))
