"""What a user's code writes past Python's streams is set aside, and shown as text."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import NoReturn

import pytest

from greedy_core.errors import MetricError
from greedy_core.walk.metric_call import answer


def closes_its_output() -> None:
    os.close(1)
    os.close(2)


def takes_the_streams_away() -> None:
    sys.stdout = sys.stderr = None  # type: ignore[assignment]


def writes() -> None:
    os.write(1, b"\x1b[2J one \x9b\n")
    subprocess.run(["printf", r"\033[31mtwo\n"], check=True)
    os.write(2, b"three")


def test_what_is_written_past_the_streams_is_shown_escaped(
    capfd: pytest.CaptureFixture[str],
) -> None:
    answer("m:f", "it", writes)
    found = capfd.readouterr()
    assert (found.out, found.err) == ("", "\\x1b[2J one \\x9b\n\\x1b[31mtwo\nthree\n")


@pytest.mark.parametrize("harm", [closes_its_output, takes_the_streams_away, int])
def test_the_streams_are_the_same_afterwards(
    capfd: pytest.CaptureFixture[str], harm: Callable[[], object]
) -> None:
    streams, open_files = (sys.stdout, sys.stderr), os.listdir("/proc/self/fd")
    answer("m:f", "it", harm)
    assert (sys.stdout, sys.stderr) == streams
    assert os.listdir("/proc/self/fd") == open_files
    os.write(1, b"out")
    os.write(2, b"err")
    assert capfd.readouterr() == ("out", "err")


class OfItsOwn(BaseException):
    """No Exception."""


@pytest.mark.parametrize("raised", [OfItsOwn("x"), GeneratorExit("x"), SystemExit("x")])
def test_whatever_is_raised_is_an_error_of_the_function(raised: BaseException) -> None:
    def call() -> NoReturn:
        raise raised

    with pytest.raises(MetricError, match=f"importing it raised {type(raised).__name__}: x"):
        answer("m:f", "importing it", call)
