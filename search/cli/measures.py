"""How a measure is shown."""

from __future__ import annotations


def measure(value: float) -> str:
    """Three decimals; three digits for large values, which a metric function may measure."""
    return f"{value:.3f}" if abs(value) < 1e6 else f"{value:.3g}"
