"""A sweep goes on from any folder, whatever lies there; and ends where its space does."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import yaml

import analysis
from greedy_core import factworld
from greedy_core.errors import SettingsError
from search.config.arguments import sweep_address
from search.config.places import given, located
from search.config.settings import SweepConfig
from search.results.parts import LocalFolder
from search.sweep.file_reader import read_sweep_file
from search.worker.import_places import import_roots, make_importable
from tests.search.results.files import as_first_format
from tests.search.test_bad_results import write_results
from tests.search.test_cli import ended

METRIC = """
from {name}_helper import VALUE
def measure(model, tokenizer, requests):
    return dict.fromkeys(("es", "ps", "ns", "composite"), VALUE)
"""
SIX = "search.space={greedy.steps: {int: [1, 3]}, greedy.patience: {choices: [1, 2]}}"


def lay_out(folder: Path, name: str, value: str) -> None:
    """A model, a dataset, a corpus and a metric module with a module of its own."""
    shutil.copytree(factworld.MODEL_DIR, folder / "model")
    (folder / "facts.json").write_text(json.dumps(factworld.counterfact_records()[:40]))
    (folder / "corpus.txt").write_text("\n".join(factworld.biographies()[:50]))
    (folder / f"{name}.py").write_text(METRIC.format(name=name))
    (folder / f"{name}_helper.py").write_text(f"VALUE = {value}\n")


@pytest.mark.parametrize(
    "executor", ["in_this_process", pytest.param("ray_here", marks=pytest.mark.nightly)]
)
def test_a_sweep_of_relative_places_goes_on_from_any_folder_until_its_space_is_exhausted(
    executor: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    request.getfixturevalue(executor)
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    lay_out(here, "metric_here", "1.0")
    (there / "metric_here.py").write_text("raise RuntimeError('the wrong module')\n")
    settings = ["model=model/", "dataset=./facts.json", "covariance.corpus=corpus.txt"]
    settings += ["cache.dir=cache", "greedy.metric=metric_here:measure", "confirm_records=4"]
    settings += ["edits=1", "batch_size=1", "values.steps=2", "search.scheduler=none"]
    monkeypatch.chdir(here)
    run = ["run", *settings, SIX, "search.trials=64", "--results", "results", "--name", "it"]
    assert ended(monkeypatch, *run) == 0
    said = "the space has 6 different settings: the sweep ends with 6 search trials, not 64"
    assert said in caplog.text
    file = read_sweep_file("results/it")
    assert file.config.edit.model == str(here / "model")
    assert file.config.cache.dir == str(here / "cache")
    assert file.given["dataset"] == "./facts.json"
    assert file.import_roots == (str(here),)
    searched = analysis.load("results/it").search_trials()
    assert len(searched.groupby(["config/greedy.steps", "config/greedy.patience"])) == 6

    monkeypatch.chdir(there)
    sweep = "../here/results/it"
    assert ended(monkeypatch, "status", sweep) == 0
    assert "9 of 9 trials have ended" in capsys.readouterr().out
    assert ended(monkeypatch, "resume", sweep) == 0
    assert ended(monkeypatch, "extend", sweep, "--trials", "4") == 2
    assert "all 6 settings of the space have been proposed" in capsys.readouterr().err
    larger = "search.space.greedy.steps={int: [1, 4]}"
    assert ended(monkeypatch, "extend", sweep, "--trials", "40", larger) == 0
    assert "the sweep ends with 8 search trials, not 46" in caplog.text
    assert analysis.load(sweep).trials["status"].eq("completed").all()
    assert len(analysis.load(sweep).trials) == 3 + 8
    assert ended(monkeypatch, "export", sweep, "--to", "adapter", "out") == 0
    card = Path("out/README.md").read_text()
    assert "dataset: ./facts.json" in card
    assert not (there / "cache").exists()


def test_what_is_no_path_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gpt2-xl").mkdir()
    config = SweepConfig().with_values({"model": "gpt2", "cache.dir": "s3://bucket/prefix"})
    assert located(config) == config
    assert located(SweepConfig()) == SweepConfig(), "factworld, and the user's cache folder"
    folder = located(config.with_values({"model": "gpt2-xl"}))
    assert folder.edit.model == str(tmp_path / "gpt2-xl")
    assert given(config.with_values({"model": "gpt2-xl"}), folder) == {"model": "gpt2-xl"}


def test_every_place_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    values = {
        "model": ".",
        "dataset": "~/facts.json",
        "covariance.corpus": "../corpus.txt",
        "cache.dir": "cache/",
    }
    found = located(SweepConfig().with_values(values)).flat()
    assert [found[key] for key in values] == [
        str(tmp_path),
        "/home/somebody/facts.json",
        str(tmp_path.parent / "corpus.txt"),
        str(tmp_path / "cache"),
    ]


def test_a_place_that_there_cannot_be_is_one_line() -> None:
    with pytest.raises(SettingsError, match=r"^dataset must be a path on this machine"):
        located(SweepConfig().with_values({"dataset": "gs://b/c"}))


def test_results_are_under_the_same_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert sweep_address("~/results", "first") == "/home/somebody/results/first"
    assert sweep_address("results", "first") == "results/first"


def test_a_sweep_of_before_keeps_its_relative_places(tmp_path: Path) -> None:
    file = write_results(tmp_path / "sweep") / "sweep.yaml"
    as_first_format(LocalFolder(file.parent))
    content = yaml.safe_load(file.read_text())
    for name in ("given", "import_roots"):
        content.pop(name)
    content["config"]["dataset"] = "facts.json"
    content["config"]["cache"]["dir"] = "cache"
    file.write_text(yaml.safe_dump(content))
    found = read_sweep_file(tmp_path / "sweep")
    assert (found.config.edit.dataset, found.config.cache.dir) == ("facts.json", "cache")
    assert (found.given, found.import_roots) == ({}, ())


def test_modules_of_the_search_space_count_too_and_installed_ones_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_metric.py").touch()
    (tmp_path / "a_package").mkdir()
    (tmp_path / "a_package" / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    choices = ["a_metric:f", "a_package.inner:f", "json:loads", "numpy.linalg:norm", "absent:f"]
    config = SweepConfig().with_values({"search.space": {"greedy.metric": {"choices": choices}}})
    assert import_roots(None, config.search_space()) == (str(tmp_path),)
    assert import_roots("json:loads", SweepConfig().search_space()) == ()


def test_the_sweeps_module_comes_before_that_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["/first", os.getcwd(), "/last"])
    make_importable(["/sweep", "/other"])
    assert sys.path == ["/first", "/sweep", "/other", os.getcwd(), "/last"]
    make_importable(["/sweep"])
    assert sys.path == ["/first", "/other", "/sweep", os.getcwd(), "/last"]
