"""No flipped bit in any file of a sweep is read as a value that the sweep has not written."""

from __future__ import annotations

from pathlib import Path

from tests.flips import count, small_sweep


def test_a_flipped_bit_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    counts = count(small_sweep(tmp_path / "sweep"), flips=70, seed=1)
    assert {outcome for _, outcome in counts} <= {"refused", "the same", "told"}
    assert {kind for kind, outcome in counts if outcome == "refused"} >= {
        *("proposals", "steps", "records", "trials", "confirm", "confirm_records", "sweep.yaml"),
    }
