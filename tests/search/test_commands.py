"""The commands as functions, by the examples that their docstrings show."""

from __future__ import annotations

import contextlib
import doctest
import io
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import ratchet
from tests.snippets import differences

STORY = (
    *("resolved", "edit", "run", "resume", "extend", "status", "best", "check"),
    *("confirm", "report", "export"),
)
"""In the order of which one needs what another has written."""


def test_every_command_has_its_place_in_the_story() -> None:
    owned = {
        name
        for name in ratchet.__all__
        if getattr(getattr(ratchet, name), "__module__", "").startswith("search.commands.")
        and name.islower()
    }
    assert owned == set(STORY)


@pytest.mark.parametrize(
    "executor", ["in_this_process", pytest.param("ray_here", marks=pytest.mark.nightly)]
)
def test_the_examples_run_one_after_the_other(
    executor: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    request.getfixturevalue(executor)
    with contextlib.chdir(tmp_path):
        for name in STORY:
            shown = doctest.DocTestParser().get_examples(getattr(ratchet, name).__doc__)
            assert shown, name
            names = {"ratchet": ratchet}
            for example in shown:
                out = io.StringIO()
                with contextlib.redirect_stdout(out):
                    exec(compile(example.source, name, "single"), names)
                assert differences(example.want, out.getvalue()) == [], (name, out.getvalue())
    assert capsys.readouterr().out == "", "they print nothing"


def test_a_watch_is_told_what_is_searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Once the input is known to be right, and not before."""
    told = []

    class Told(ratchet.Watch):
        def starting(self, config: ratchet.Config) -> None:
            told.append(config.search.trials)
            raise ZeroDivisionError

    values = {"search.trials": 5, "dataset": "missing.json"}
    with pytest.raises(ratchet.InputError, match=r"missing\.json"):
        ratchet.run(ratchet.Config.from_values(values), tmp_path / "first", watch=Told())
    assert told == []
    with pytest.raises(ZeroDivisionError):
        config = ratchet.Config.from_values({"search.trials": 5})
        ratchet.run(config, tmp_path / "first", watch=Told())
    assert told == [5]
    assert not (tmp_path / "first").exists()


def test_settings_of_an_extension_by_key_are_those_that_are_typed(finished: Path) -> None:
    told = []

    class Told(ratchet.Watch):
        def starting(self, config: ratchet.Config) -> None:
            told.append(config)
            raise ZeroDivisionError

    space = {"greedy.steps": {"int": [2, 4]}}
    typed = ["search.space={greedy.steps: {int: [2, 4]}}", "search.sampler=random"]
    for settings in ({"search.space": space, "search.sampler": "random"}, typed):
        with pytest.raises(ZeroDivisionError):
            ratchet.extend(finished, 2, settings, watch=Told())
    assert told[0] == told[1]
    assert told[0].search.sampler == "random"
    for wrong in ({"edits": 4}, ["edits=4"]):
        with pytest.raises(ratchet.InputError, match="edits must stay 8"):
            ratchet.extend(finished, 2, wrong)


def test_a_thread_that_gets_no_signals_may_run_a_command(finished: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "sweep"))
    with ThreadPoolExecutor(1) as threads:
        outcome = threads.submit(ratchet.extend, folder, 1, in_process=True).result()
    assert outcome.trials == 7
