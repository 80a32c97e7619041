"""How a measure is shown."""

from __future__ import annotations


def measure(value: float) -> str:
    """Three decimals, or three digits of what a metric function has measured on another scale."""
    return f"{value:.3f}" if abs(value) < 1e6 else f"{value:.3g}"
