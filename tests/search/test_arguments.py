"""Wrong arguments to the functions that people call: refused by name, before anything is done."""

from __future__ import annotations

import inspect
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import ratchet
from tests.search.bad_files import seen

WRONG = (
    *(None, 5, 5.0, "", "5", [], [5], {}, object(), b"bytes", Path("\0"), "\0"),
    *(True, 1, 0, -1, -1.0, math.nan, -math.inf, 10**400, print, Path),
)
"""What somebody may hand over by mistake; most of it is wrong for any one argument."""
COUNT = (5, 1)
SECONDS = (5, 5.0, 1, 0)
TEXTS = ("", "5", "\0", Path("\0"))
"""Which folder a text names, or none, is found out where it is looked for."""
RIGHT: dict[str, tuple[Any, ...]] = {
    "folder": TEXTS,
    "path": TEXTS,
    "config": (),
    "out": ("5",),
    "tables": ([], {}),
    "settings": ([], {}, "", "5", "\0"),
    "trials": COUNT,
    "top": COUNT,
    "sequences": (None, *COUNT),
    "trial": (5, 1, 0, "", "5", "\0"),
    "to": (),
    "format": (),
    "watch": (None,),
    "on_step": (None, print, Path),
    "wait_for_lock": SECONDS,
    "give_up_after": SECONDS,
}
"""What of it an argument takes; the others are flags."""
FUNCTIONS = {
    name: getattr(ratchet, name)
    for name in ratchet.__all__
    if isinstance(getattr(ratchet, name), FunctionType)
}
PLACES = ("folder", "path")
ARGUMENTS = [
    (name, argument)
    for name, function in FUNCTIONS.items()
    for argument in inspect.signature(function).parameters
]


def call_with(name: str, argument: str, value: object) -> object:
    """Call a function with one argument that is wrong, and others that are right."""
    right: dict[str, object] = {
        "config": ratchet.Config(),
        "folder": "nowhere",
        "path": "nowhere",
        "trials": 1,
        "out": "out",
    }
    needed = {each: right[each] for each in needs(name)}
    return FUNCTIONS[name](**{**needed, argument: value})


def needs(name: str) -> list[str]:
    """The arguments of a function that have no default."""
    arguments = inspect.signature(FUNCTIONS[name]).parameters.values()
    return [each.name for each in arguments if each.default is each.empty]


def takes(name: str, argument: str, value: object) -> bool:
    right = RIGHT.get(argument, (True,))
    if (name, argument) == ("report", "out"):
        right = (*right, None)
    return any(type(each) is type(value) and each == value for each in right)


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_a_wrong_argument_is_refused_by_its_name_and_nothing_is_written(
    name: str, argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wrong = [value for value in WRONG if not takes(name, argument, value)]
    assert len(wrong) > len(WRONG) / 2
    for value in wrong:
        with pytest.raises(ratchet.RatchetError, match=r"must .*, but got ") as caught:
            call_with(name, argument, value)
        spoken = "the configuration" if argument == "config" else argument
        assert str(caught.value).startswith(f"{spoken} "), (value, caught.value)
    assert seen(tmp_path) == {}


@pytest.mark.parametrize("text", ["", "\0"])
@pytest.mark.parametrize(("name", "argument"), [each for each in ARGUMENTS if each[1] in PLACES])
def test_a_text_that_names_no_folder_is_refused(
    name: str, argument: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ratchet.RatchetError, match="folder must be a path that a file can have"):
        call_with(name, argument, text)
    assert seen(tmp_path) == {}


@pytest.mark.parametrize(
    ("call", "faults"),
    [
        (
            lambda: ratchet.resume(5, wait_for_lock="5", verbose=1),  # type: ignore[arg-type]
            (
                "folder must be a path, or an address as text, but got 5",
                "verbose must be True or False, but got 1",
                "wait_for_lock must be seconds, a number of at least 0, but got '5'",
            ),
        ),
        (lambda: ratchet.load([]), ("path must be an address, or a list of some, but got []",)),
        (
            lambda: ratchet.load(None),  # type: ignore[arg-type]
            ("path must be an address, or a list of some, but got None",),
        ),
    ],
)
def test_all_that_is_wrong_is_told_together(
    call: Callable[[], object], faults: tuple[str, ...]
) -> None:
    with pytest.raises(ratchet.SettingsError) as caught:
        call()
    assert caught.value.faults == faults


def test_none_is_taken_where_it_is_the_default() -> None:
    with pytest.raises(ratchet.SweepNotFound):
        ratchet.report("nowhere", None)


def test_an_argument_too_many_or_too_few_is_told_by_python() -> None:
    with pytest.raises(TypeError, match=r"resume\(\) missing 1 required positional argument"):
        ratchet.resume()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'watching'"):
        ratchet.resume("nowhere", watching=True)  # type: ignore[call-arg]


def test_refusing_loads_neither_torch_nor_ray() -> None:
    needed = {name: needs(name) for name in FUNCTIONS}
    script = f"""
import sys
import ratchet
right = dict(config=ratchet.Config(), folder="nowhere", path="nowhere", trials=1, out="out")
for name, argument in {ARGUMENTS}:
    given = {{each: right[each] for each in {needed}[name]}}
    try:
        getattr(ratchet, name)(**{{**given, argument: object()}})
    except ratchet.InputError:
        continue
    raise SystemExit(f"{{name}} takes any {{argument}}")
print([each for each in ("torch", "ray") if each in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
