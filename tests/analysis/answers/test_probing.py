"""The composite against how much was probed."""

from __future__ import annotations

from pathlib import Path

import pytest

import analysis
from tests.analysis.answers.tables import sweep_of, trial


def test_medians_by_bin_and_spearmans_correlation(tmp_path: Path) -> None:
    probed = [(10, 0.1), (20, 0.3), (30, 0.2), (40, 0.4)]
    rows = [
        trial(n, probe_prompts=prompts, composite=final, **{"config/greedy.max_probes": 1 + n % 2})
        for n, (prompts, final) in enumerate(probed, start=4)
    ]
    more = [trial(8, status="pruned", probe_prompts=99, composite=0.9)]
    numbers = analysis.probing(sweep_of(tmp_path, rows + more)).numbers
    prompts = numbers[numbers["against"] == "probe_prompts"]
    assert [*prompts["low"]] == [*prompts["high"]] == [10, 20, 30, 40]
    assert [*prompts["median"]] == [0.1, 0.3, 0.2, 0.4]
    # Ranks 1 3 2 4 against 1 2 3 4: 1 - 6 * (1 + 1) / (4 * (16 - 1)).
    assert prompts["spearman"].tolist() == pytest.approx([0.8] * 4)
    probes = numbers[numbers["against"] == "max_probes"].set_index("low")
    assert probes["trials"].to_dict() == {1: 2, 2: 2}
    assert probes["median"].to_dict() == pytest.approx({1: 0.15, 2: 0.35})
    assert probes["q25"].to_dict() == pytest.approx({1: 0.125, 2: 0.325})
    assert probes["q75"].to_dict() == pytest.approx({1: 0.175, 2: 0.375})


def test_no_limit_means_the_whole_batch(tmp_path: Path) -> None:
    rows = [
        trial(3, composite=0.5, probe_prompts=1, **{"config/greedy.max_probes": 3}),
        trial(4, composite=0.6, probe_prompts=1, **{"config/batch_size": 4}),
    ]
    numbers = analysis.probing(sweep_of(tmp_path, rows)).numbers
    assert numbers.query("against == 'max_probes'")["low"].tolist() == [3, 4]


@pytest.mark.parametrize("composites", [[0.5, 0.6], [0.5, 0.5, 0.5]], ids=["two", "all alike"])
def test_where_no_correlation_can_be_told_there_is_none(
    tmp_path: Path, composites: list[float]
) -> None:
    rows = [trial(n, composite=c, probe_prompts=n) for n, c in enumerate(composites, start=3)]
    assert analysis.probing(sweep_of(tmp_path, rows)).numbers["spearman"].isna().all()


def test_more_than_eight_numbers_are_put_into_eight_bins(tmp_path: Path) -> None:
    rows = [trial(3 + n, composite=n / 32, probe_prompts=n) for n in range(32)]
    numbers = analysis.probing(sweep_of(tmp_path, rows)).numbers.query("against == 'probe_prompts'")
    assert [*numbers["low"]] == [4 * n for n in range(8)]
    assert [*numbers["trials"]] == [4] * 8
    assert numbers["spearman"].tolist() == pytest.approx([1.0] * 8)
