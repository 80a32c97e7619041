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


def woken(scenario: str, place: str, out: Path) -> list[dict[str, Any]]:
    """How a driver ended that was stopped at its n-th operation, for every n that it got to."""
    subprocess.run(
        [sys.executable, "-m", "tests.search.results.waking", scenario, place, str(out)],
        cwd=ROOT,
        check=True,
    )
    return [json.loads(line) for line in out.read_text().splitlines()]


CASES = [
    *(("local", scenario) for scenario in SCENARIOS),
    *(("s3", scenario) for scenario in ("flush", "close")),
]


@pytest.mark.parametrize(("kind", "scenario"), CASES)
def test_a_driver_that_wakes_late_writes_nothing_that_counts(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, scenario: str
) -> None:
    place = str(tmp_path / "sweeps")
    if kind == "s3":
        place = f"{request.getfixturevalue('bucket')}/{uuid.uuid4().hex}"
    ends = woken(scenario, place, tmp_path / "ends")
    assert len(ends) >= 10
    assert {end["code"] for end in ends} <= {0, SUPERSEDED}
    assert [end for end in ends if end["changed"]] == []
    superseded = [end["n"] for end in ends if end["code"] == SUPERSEDED]
    assert len(superseded) > len(ends) // 2, "one that has committed all may end as if alone"
    for end in ends[:: len(ends) // 4]:
        folder = results_folder(f"{place}/{end['n']:03d}")
        sweep = load(folder)
        assert sweep.trials["trial"].is_unique
        assert {0, 1, 2, 3, 200} <= {*sweep.trials["trial"]}
        assert sorted(plain(folder, "trials")["trial"]) == sorted(sweep.trials["trial"])
        assert len(sweep.steps) == 4 * len(sweep.trials)
