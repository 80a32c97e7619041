from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from spaces import SpaceError, load_space

CONFIG: Mapping[str, object] = {
    "edits": 20,
    "batch_size": 4,
    "layers": None,
    "greedy.layers": None,
    "greedy.max_probes": None,
    "greedy.max_norm_ratio": None,
    "greedy.accept_by": "probes",
    "trust.enabled": False,
    "trust.action": "rollback",
    "search.scheduler": "asha",
}
NO_ASHA = {"search.scheduler": "none"}
TRUST = {"trust.enabled": True}

STEPS = {"greedy.steps": {"int": [1, 8]}}
PROBES = {"greedy.max_probes": {"int": [1, 4]}}
SIZES = {"batch_size": {"choices": [2, 4]}}
SCALE = {"trust.scale": {"float": [0.1, 0.9]}}
THRESHOLD = {"trust.threshold": {"float": [0, 0.5]}}


def faults(space: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        load_space(space, {**CONFIG, **config})
    except SpaceError as error:
        return error.faults
    return ()


@pytest.mark.parametrize(
    ("space", "config"),
    [
        (STEPS | {"greedy.patience": {"int": [1, 99]}}, {}),
        (PROBES, {}),
        (SIZES, NO_ASHA),
        (SIZES | {"greedy.max_probes": {"int": [1, "batch_size"]}}, NO_ASHA),
        (THRESHOLD, TRUST),
        (THRESHOLD | {"fixed": TRUST}, {}),
        (THRESHOLD | {"trust.enabled": {"choices": [True, False]}}, {}),
        (SCALE, TRUST | {"trust.action": "scale"}),
        (SCALE | {"trust.action": {"choices": ["rollback", "scale"]}}, TRUST),
        (STEPS | {"greedy.accept_by": {"choices": ["probes", "always"]}}, {}),
        (STEPS | {"greedy.accept_by": {"choices": ["probes", "distance"]}}, TRUST),
        (STEPS, {"greedy.accept_by": "always", "greedy.max_norm_ratio": 0.1}),
        ({"greedy.layers": {"choices": [[0], [0, 1], None]}}, {"layers": (0, 1)}),
        ({"greedy.layers": {"choices": [[0], [7]]}}, {}),
    ],
)
def test_combinations_that_work(space: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    assert faults(space, config) == ()


@pytest.mark.parametrize(
    ("space", "config", "fault"),
    [
        (SIZES, {}, "batch_size: cannot be searched where search.scheduler is asha"),
        (
            {"batch_size": {"choices": [4, 40]}},
            NO_ASHA,
            "batch_size: `batch_size <= edits` must hold, but got (batch_size=40, edits=20)",
        ),
        (
            PROBES,
            {"batch_size": 3},
            "greedy.max_probes: `greedy.max_probes <= batch_size` must hold, "
            "but got (greedy.max_probes=4, batch_size=3)",
        ),
        (
            PROBES | SIZES,
            NO_ASHA,
            "greedy.max_probes: `greedy.max_probes <= batch_size` must hold, "
            "but got (greedy.max_probes=4, batch_size=2)",
        ),
        (
            SIZES,
            NO_ASHA | {"greedy.max_probes": 3},
            "batch_size: `greedy.max_probes <= batch_size` must hold, "
            "but got (greedy.max_probes=3, batch_size=2)",
        ),
        (
            {"greedy.layers": {"choices": [[0], [2]]}},
            {"layers": (0, 1)},
            "greedy.layers: greedy.layers must be among layers, "
            "but got (greedy.layers=[2], layers=[0, 1])",
        ),
        (
            THRESHOLD,
            {},
            "trust.threshold: has no effect: trust.enabled can never be true; "
            "set, fix or search it",
        ),
        (
            THRESHOLD | {"fixed": {"trust.enabled": False}},
            TRUST,
            "trust.threshold: has no effect",
        ),
        (SCALE, TRUST, "trust.scale: has no effect: trust.action can only be rollback"),
        (
            STEPS | {"greedy.accept_by": {"choices": ["probes", "distance"]}},
            {},
            "greedy.accept_by: accept_by distance needs the trust gate",
        ),
        (
            STEPS | {"greedy.accept_by": {"choices": ["probes", "always"]}},
            TRUST,
            "greedy.accept_by: accept_by always takes every step",
        ),
        (
            STEPS | {"trust.enabled": {"choices": [True, False]}},
            {"greedy.accept_by": "distance"},
            "trust.enabled: accept_by distance needs the trust gate",
        ),
        (
            PROBES,
            {"greedy.accept_by": "always"},
            "greedy.max_probes: has no effect: "
            "greedy.accept_by can only be always, which asks no probe",
        ),
        (
            {"greedy.signal": {"choices": ["margin", "success"]}},
            TRUST | {"greedy.accept_by": "distance"},
            "greedy.signal: has no effect: "
            "greedy.accept_by can only be distance, which asks no probe",
        ),
        (
            STEPS,
            {"greedy.accept_by": "always"},
            "greedy.steps: has no effect: greedy.accept_by can only be always",
        ),
        (
            {"greedy.max_probes": {"int": [1, "batch_sise"]}},
            {},
            "greedy.max_probes: 'batch_sise' is not a setting with a whole number as its value "
            "(did you mean `batch_size`?)",
        ),
        (
            {"greedy.max_probes": {"int": [1, "greedy.steps"]}, "greedy.steps": {"int": [2, 1]}},
            {},
            "greedy.max_probes: 'greedy.steps' cannot be an end here",
        ),
    ],
)
def test_combinations_that_are_refused(
    space: Mapping[str, Any], config: Mapping[str, Any], fault: str
) -> None:
    assert any(found.startswith(fault) for found in faults(space, config)), faults(space, config)


def test_all_broken_conditions_are_reported_together() -> None:
    space = SIZES | THRESHOLD | {"greedy.stepz": {"int": [1, 2]}, "fixed": {"seed": 1}}
    assert [fault.partition(":")[0] for fault in faults(space, {})] == [
        "greedy.stepz",
        "seed",
        "batch_size",
        "trust.threshold",
    ]
