"""Conditions on settings, one row each; errors that carry everything that is wrong."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from greedy_core.errors import InputError, SettingsError, require
from greedy_core.settings import (
    CovarianceSettings,
    EditSettings,
    GreedySettings,
    TrustSettings,
    ValuesSettings,
)

NAN = float("nan")
TRUST = TrustSettings(enabled=True)


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (ValuesSettings, {"steps": 0}, "`steps >= 1` must hold, but got (steps=0)"),
        (ValuesSettings, {"lr": 0.0}, "`lr > 0`"),
        (ValuesSettings, {"lr": NAN}, "lr must be a number or null, but got nan"),
        (ValuesSettings, {"clamp": -1.0}, "`clamp > 0`"),
        (ValuesSettings, {"weight_decay": -0.1}, "`weight_decay >= 0`"),
        (ValuesSettings, {"kl": NAN}, "kl must be a number, but got nan"),
        (CovarianceSettings, {"tokens": 0}, "`tokens >= 1`"),
        (CovarianceSettings, {"ridge": -1e-9}, "`ridge >= 0`"),
        (GreedySettings, {"steps": 0}, "`steps >= 1`"),
        (GreedySettings, {"min_improvement": -0.01}, "`0 <= min_improvement <= 1`"),
        (GreedySettings, {"min_improvement": 1.01}, "`0 <= min_improvement <= 1`"),
        (GreedySettings, {"patience": -1}, "`patience >= 0`"),
        (GreedySettings, {"max_probes": 0}, "`max_probes >= 1`"),
        (GreedySettings, {"max_norm_ratio": 0.0}, "`max_norm_ratio > 0`"),
        (GreedySettings, {"metric": "module"}, "form module:function"),
        (GreedySettings, {"metric": ":function"}, "form module:function"),
        (GreedySettings, {"metric": "module:"}, "form module:function"),
        (GreedySettings, {"layers": (1, 1)}, "layers must rise"),
        (TrustSettings, {"threshold": 1.1}, "`0 <= threshold <= 1`"),
        (TrustSettings, {"scale": 1.0}, "`0 < scale < 1`"),
        (TrustSettings, {"scale": 0.0}, "`0 < scale < 1`"),
        (TrustSettings, {"harm_scale": 0.0}, "`harm_scale > 0`"),
        (EditSettings, {"confirm_records": -1}, "`confirm_records >= 0`"),
        (EditSettings, {"edits": 0}, "`edits >= 1`"),
        (EditSettings, {"batch_size": 0}, "`batch_size >= 1`"),
        (EditSettings, {"layers": ()}, "layers must rise"),
        (EditSettings, {"layers": (2, 1)}, "layers must rise"),
        (EditSettings, {"layers": (1, 1)}, "layers must rise"),
        (EditSettings, {"layers": (-1,)}, "layers must rise"),
        (EditSettings, {"mu": -1.0}, "`mu >= 0`"),
        (EditSettings, {"mu": NAN}, "mu must be a number or null, but got nan"),
        (EditSettings, {"rank": 0}, "`rank >= 1`"),
        (EditSettings, {"threads": 0}, "`1 <= threads <= 1024`"),
        (EditSettings, {"greedy": GreedySettings(max_probes=5)}, "`greedy.max_probes <= batch_siz"),
        (
            EditSettings,
            {"layers": (1,), "greedy": GreedySettings(layers=(0,))},
            "greedy.layers must be among layers",
        ),
        (EditSettings, {"greedy": GreedySettings(accept_by="distance")}, "`trust.enabled` must ho"),
        (
            EditSettings,
            {"greedy": GreedySettings(accept_by="always"), "trust": TRUST},
            "`trust.enabled` must not hold",
        ),
        (EditSettings, {"composite_weights": (0.0, 0.0, 0.0)}, "not all 0"),
        (EditSettings, {"composite_weights": (1.0, -1.0, 1.0)}, "from 0 to 1e9, and not all 0"),
        (EditSettings, {"composite_weights": (1.0, 1e10, 1.0)}, "from 0 to 1e9, and not all 0"),
        (EditSettings, {"composite_weights": (1.0, NAN, 1.0)}, "must be a list of 3 numbers"),
        (EditSettings, {"composite_weights": (1.0, 1.0)}, "must be a list of 3 numbers, but got"),
        (EditSettings, {"layers": 0}, "layers must be a list of whole numbers or null, but got 0"),
        (EditSettings, {"layers": ["0"]}, "layers must be a list of whole numbers or null"),
        (EditSettings, {"layers": [1, 0]}, "layers must rise"),
        (EditSettings, {"edits": "4"}, "edits must be a whole number, but got '4'"),
        (EditSettings, {"edits": True}, "edits must be a whole number, but got true"),
        (EditSettings, {"seed": 2**63}, "seed must be a whole number, but got a whole number bey"),
        (EditSettings, {"dtype": "float8"}, "dtype must be one of float32, bfloat16, float16"),
        (EditSettings, {"greedy": {"steps": 4}}, "greedy must be GreedySettings, but got {'steps'"),
        (GreedySettings, {"layers": "0"}, "layers must be a list of whole numbers or null"),
        (GreedySettings, {"metric": 3}, "metric must be text or null, but got 3"),
    ],
)
def test_broken_conditions(kind: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        kind(**fields)
    assert len(caught.value.faults) == 1
    assert message in caught.value.faults[0]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (EditSettings, {}),
        (EditSettings, {"edits": 1, "batch_size": 4}),
        (EditSettings, {"mu": 0.0, "rank": 1}),
        (EditSettings, {"layers": (0, 3, 4), "greedy": GreedySettings(layers=(3,))}),
        (EditSettings, {"greedy": GreedySettings(accept_by="distance"), "trust": TRUST}),
        (EditSettings, {"greedy": GreedySettings(accept_by="always", steps=1)}),
        (EditSettings, {"composite_weights": (0.0, 0.0, 1.0)}),
        (GreedySettings, {"patience": 0, "min_improvement": 0.0, "metric": "a.b:c"}),
        (TrustSettings, {"threshold": 0.0}),
        (TrustSettings, {"threshold": 1.0}),
    ],
)
def test_settings_that_hold(kind: Any, fields: dict[str, Any]) -> None:
    kind(**fields)


@pytest.mark.parametrize(
    ("kind", "given", "same"),
    [
        (EditSettings, {"layers": [0, 2]}, {"layers": (0, 2)}),
        (EditSettings, {"composite_weights": [1, 1, 3]}, {"composite_weights": (1.0, 1.0, 3.0)}),
        (GreedySettings, {"layers": [1]}, {"layers": (1,)}),
        (GreedySettings, {"min_improvement": 0}, {"min_improvement": 0.0}),
    ],
)
def test_settings_are_values_whatever_they_are_made_of(
    kind: Any, given: dict[str, Any], same: dict[str, Any]
) -> None:
    settings = kind(**given)
    assert settings == kind(**same)
    assert hash(settings) == hash(kind(**same))
    assert repr(settings) == repr(kind(**same))


def test_all_faults_come_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        EditSettings(edits=0, mu=-1.0, threads=0)
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize(
    ("edits", "size", "batches"), [(20, 4, 5), (21, 4, 6), (3, 3, 1), (3, 8, 1)]
)
def test_number_of_batches(edits: int, size: int, batches: int) -> None:
    assert EditSettings(edits=edits, batch_size=size).batches == batches


def test_errors_travel_between_processes() -> None:
    with pytest.raises(ValueError, match="one\ntwo") as caught:
        require((False, "one"), (True, "not this"), (False, "two"))
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is SettingsError
    assert isinstance(again, InputError)
    assert again.faults == ("one", "two")
