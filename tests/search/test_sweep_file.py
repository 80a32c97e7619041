"""sweep.yaml: what was searched in all generations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    json_to_distribution,
)

from analysis.errors import ResultsError
from search.config.later_settings import with_later
from search.results.parts import LocalFolder
from search.sweep.distributions import united
from search.sweep.file_reader import read_sweep_file
from tests.search.results.files import as_first_format
from tests.search.test_bad_results import sweep_yaml, write_results


@pytest.mark.parametrize(
    ("earlier", "later", "both"),
    [
        (IntDistribution(2, 4), IntDistribution(1, 3), IntDistribution(1, 4)),
        (FloatDistribution(0, 0.1), FloatDistribution(0.05, 0.2), FloatDistribution(0, 0.2)),
        (
            CategoricalDistribution(("b", "a")),
            CategoricalDistribution(("c", "a")),
            CategoricalDistribution(("b", "a", "c")),
        ),
    ],
)
def test_ranges_grow_and_choices_are_added_in_order(
    earlier: BaseDistribution, later: BaseDistribution, both: BaseDistribution
) -> None:
    assert united({"mu": earlier}, {"mu": later}) == {"mu": both}


def test_what_only_one_generation_searched_stays() -> None:
    one, other = IntDistribution(1, 2), IntDistribution(3, 4)
    assert united({"rank": one}, {"mu": other}) == {"rank": one, "mu": other}


def test_a_range_does_not_become_a_choice() -> None:
    with pytest.raises(ValueError, match="must be of one kind"):
        united({"mu": IntDistribution(1, 2)}, {"mu": CategoricalDistribution((1, 2))})


def of_the_first_format(path: Path) -> Path:
    """A sweep whose sweep.yaml is the only one there is."""
    as_first_format(LocalFolder(write_results(path)))
    return path


def test_the_file_says_what_is_searched(tmp_path: Path) -> None:
    path = write_results(tmp_path / "a")
    content = yaml.safe_load((path / "sweep.yaml").read_text())["distributions"]
    assert {key: json_to_distribution(text) for key, text in content.items()} == {
        "greedy.steps": IntDistribution(1, 4)
    }


def test_another_space_adds_to_what_was_searched(tmp_path: Path) -> None:
    path = of_the_first_format(tmp_path / "a")
    file = read_sweep_file(path)
    space = {"name": "other", "greedy.steps": {"int": [3, 6]}, "greedy.patience": {"int": [1, 2]}}
    other = replace(file, config=file.config.with_values({"search.space": space}))
    (path / "sweep.yaml").write_text(other.text())
    found = read_sweep_file(path).distributions
    assert {key: json_to_distribution(text) for key, text in found.items()} == {
        "greedy.steps": IntDistribution(1, 6),
        "greedy.patience": IntDistribution(1, 2),
    }


def test_a_sweep_without_the_entry_has_searched_its_space(tmp_path: Path) -> None:
    path = of_the_first_format(tmp_path / "a")
    expected = read_sweep_file(path)
    sweep_yaml(distributions=None)(path)
    found = read_sweep_file(path)
    assert found == expected
    assert found.distributions == expected.distributions


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text", "distributions: must be a mapping"),
        ({"greedy.steps": 3}, "greedy.steps"),
        ({"greedy.steps": "{}"}, "must be Optuna's JSON"),
        ({"greedy.steps": "[]"}, "must be Optuna's JSON"),
        ({"no.such": "{}"}, "no.such"),
        ({5: "{}"}, "5"),
    ],
)
def test_a_wrong_entry_is_one_clear_line(tmp_path: Path, content: object, said: str) -> None:
    path = of_the_first_format(tmp_path / "a")
    sweep_yaml(distributions=content)(path)
    with pytest.raises(ResultsError) as caught:
        read_sweep_file(path)
    assert len(caught.value.faults) == 1
    assert said in caught.value.faults[0]


def test_a_row_of_version_0_1_0_reads_as_if_it_named_what_is_new() -> None:
    """Compaction gives such rows the column, and null in it."""
    assert with_later({"conflicts": None, "rank": None}) == {"conflicts": "keep", "rank": None}
    assert with_later({"conflicts": "last"}) == {"conflicts": "last"}
    assert with_later({"rank": 4}) == {"rank": 4}


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("later", [b"  conflicts: keep\n", b"  verdict:\n    margin: 0.01\n"])
def test_a_sweep_of_version_0_1_0_ran_with_the_values_of_what_came_later(
    tmp_path: Path, later: bytes, mark: bytes
) -> None:
    path = of_the_first_format(tmp_path / "a")
    expected = read_sweep_file(path)
    content = (path / "sweep.yaml").read_bytes()
    assert content.count(later) == 1
    (path / "sweep.yaml").write_bytes(mark + content.replace(later, b""))
    assert read_sweep_file(path) == expected
