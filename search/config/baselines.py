"""The three settings that every sweep is compared with; they run to the end and do not count."""

from __future__ import annotations

from collections.abc import Mapping

from greedy_core.settings import GreedySettings, TrustSettings
from search.config.keys import flat_values


def baselines(config: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Role -> the settings that it changes, on top of the sweep's configuration.

    baseline_full     plain EMMET: every update is taken whole
    baseline_default  greedy editing with this project's defaults
    baseline_literal  the rule as first published: repeat, success, steps 4, min_improvement 0.02
    """
    loop = {key: config[key] for key in ("greedy.metric", "greedy.layers")}
    return {
        "baseline_full": _greedy(steps=1, accept_by="always"),
        "baseline_default": {**_greedy(), **loop},
        "baseline_literal": {
            **_greedy(
                steps=4,
                min_improvement=0.02,
                patience=1,
                step_rule="repeat",
                signal="success",
            ),
            **loop,
        },
    }


def _greedy(**changes: object) -> dict[str, object]:
    """The default greedy and trust settings, with some changed."""
    settings = {
        **flat_values(GreedySettings(), "greedy."),
        **flat_values(TrustSettings(), "trust."),
    }
    return {**settings, **{f"greedy.{name}": value for name, value in changes.items()}}
