"""The trust gate: its range, its table, and what it does below the threshold."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from greedy_core.emmet.solver import ClosedForm
from greedy_core.errors import NumericalError
from greedy_core.settings import TrustSettings
from greedy_core.walk.trust_gate import Trust, gated_fraction, trust_at


def form(achieved: float, harm: float, residual: float = 1.0) -> ClosedForm:
    """One key whose residual has length `residual`, of which the update writes a share."""
    r = torch.tensor([[3.0], [4.0]], dtype=torch.float64) / 5 * residual
    v = torch.ones(3, 1, dtype=torch.float64)
    return ClosedForm(u=r, v=v, achieved=achieved * r, harm=harm, norm=1.0, rank=1)


@pytest.mark.parametrize(
    ("achieved", "harm", "fraction", "harm_scale", "gain", "trust"),
    [
        (0.0, 0.0, "1", 1.0, 0.0, 0.0),  # nothing is written
        (1.0, 0.0, "1", 1.0, 1.0, 1.0),  # exact and harmless
        (1.0, 1.0, "1", 1.0, 1.0, 0.5),  # harm_scale is where trust is half of the gain
        (1.0, 0.2, "1", 0.2, 1.0, 0.5),
        (1.0, 3.0, "1", 1.0, 1.0, 0.25),
        (0.8, 0.0, "1/2", 1.0, 0.4, 0.4),
        (0.8, 0.5, "1/2", 1.0, 0.4, 0.32),
        (3.0, 0.0, "1", 1.0, 0.0, 0.0),  # overshoots to the far side
        (-1.0, 0.0, "1", 1.0, 0.0, 0.0),  # the wrong way
    ],
)
def test_trust_table(
    achieved: float, harm: float, fraction: str, harm_scale: float, gain: float, trust: float
) -> None:
    seen = trust_at(form(achieved, harm), Fraction(fraction), harm_scale)
    assert seen.gain == pytest.approx(gain, abs=1e-12)
    assert seen.harm == pytest.approx(float(Fraction(fraction)) * harm)
    assert seen.trust == pytest.approx(trust, abs=1e-12)


@given(
    achieved=st.floats(-5, 5),
    harm=st.floats(0, 1e6),
    fraction=st.fractions(0, 1, max_denominator=64),
    harm_scale=st.floats(1e-3, 1e3),
)
def test_trust_lies_between_0_and_1(
    achieved: float, harm: float, fraction: Fraction, harm_scale: float
) -> None:
    assert 0 <= trust_at(form(achieved, harm), fraction, harm_scale).trust <= 1


@pytest.mark.parametrize(
    "broken",
    [form(math.nan, 0.1), form(1.0, math.nan), form(1.0, math.inf), form(1.0, 0.1, math.nan)],
    ids=["achieved NaN", "harm NaN", "harm inf", "residuals NaN"],
)
def test_inputs_that_are_not_numbers_raise_instead_of_passing(broken: ClosedForm) -> None:
    with pytest.raises(NumericalError, match="gain and harm must be finite"):
        trust_at(broken, Fraction(1), 1.0)


@pytest.mark.parametrize(
    ("settings", "trust", "expected"),
    [
        (TrustSettings(enabled=False, threshold=0.5), 0.1, "1/2"),
        (TrustSettings(enabled=True, threshold=0.5), 0.5, "1/2"),
        (TrustSettings(enabled=True, threshold=0.5), 0.9, "1/2"),
        (TrustSettings(enabled=True, threshold=0.5), 0.49, None),
        (TrustSettings(enabled=True, threshold=0.0), 0.0, "1/2"),
        (TrustSettings(enabled=True, threshold=0.5, action="scale"), 0.5, "1/2"),
        (TrustSettings(enabled=True, threshold=0.5, action="scale"), 0.49, "1/4"),
        (TrustSettings(enabled=True, threshold=0.5, action="scale", scale=0.1), 0.0, "1/20"),
    ],
)
def test_gate_table(settings: TrustSettings, trust: float, expected: str | None) -> None:
    gated = gated_fraction(Trust(0.0, 0.0, trust), Fraction(1, 2), settings)
    assert gated == (None if expected is None else Fraction(expected))
