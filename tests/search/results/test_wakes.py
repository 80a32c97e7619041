"""A driver that is stopped at any operation, and wakes after another is done, changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from search.results.places import results_folder
from tests.search.results.files import load, plain
from tests.search.results.waking import SCENARIOS, SUPERSEDED

ROOT = Path(__file__).parents[3]


def woken(scenario: str, place: str, out: Path, stride: int) -> list[dict[str, Any]]:
    """How a driver ended that was stopped at its n-th operation, for the n that it got to."""
    module = "tests.search.results.waking"
    subprocess.run(
        [sys.executable, "-m", module, scenario, place, str(out), str(stride)],
        cwd=ROOT,
        check=True,
    )
    return [json.loads(line) for line in out.read_text().splitlines()]


CASES = [
    *(("local", scenario, 17) for scenario in SCENARIOS),
    ("s3", "close", 60),
]
"""Every 17th or 60th operation; at night, every one."""
AT_NIGHT = [*CASES, ("s3", "flush", 1)]


@pytest.mark.parametrize(
    ("kind", "scenario", "stride"),
    [*CASES, *(pytest.param(*case[:2], 1, marks=pytest.mark.nightly) for case in AT_NIGHT)],
)
def test_a_driver_that_wakes_late_writes_nothing_that_counts(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, scenario: str, stride: int
) -> None:
    place = str(tmp_path / "sweeps")
    if kind == "s3":
        place = f"{request.getfixturevalue('bucket')}/{uuid.uuid4().hex}"
    ends = woken(scenario, place, tmp_path / "ends", stride)
    assert len(ends) >= 10 // stride
    assert {end["code"] for end in ends} <= {0, SUPERSEDED}
    assert [end for end in ends if end["changed"]] == []
    superseded = [end["n"] for end in ends if end["code"] == SUPERSEDED]
    assert superseded, "only one that has committed all may end as if alone"
    assert len(superseded) >= len(ends) / 2
    for end in ends[:: max(len(ends) // 4, 1)]:
        folder = results_folder(f"{place}/{end['n']:03d}")
        sweep = load(folder)
        assert sweep.trials["trial"].is_unique
        assert {0, 1, 2, 3, 200} <= {*sweep.trials["trial"]}
        assert sorted(plain(folder, "trials")["trial"]) == sorted(sweep.trials["trial"])
        assert len(sweep.steps) == 4 * len(sweep.trials)
