"""What a process leaves behind that a metric function has ended: which function, at which line.

Python's own faulthandler writes where a crash was, at once and from within the dying process. In a
sweep that goes into a file that the driver reads, if it is on the same machine; beside a command it
goes to a small process that waits for its end, and says it in one line.

    python -I -S last_words.py module:function < what faulthandler writes

Nothing beyond Python's own library is imported here, so that this process starts at once.
"""

from __future__ import annotations

import faulthandler
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

KILLED = "the worker ended without a word: it was killed, perhaps for want of memory"

CAME_BACK = "\nthe command came back\n"
"""What the process beside a command is told when the work is over, so that it stops waiting."""

_FAULT = re.compile(r"^Fatal Python error: (.*)$", re.MULTILINE)
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in ', re.MULTILINE)
_CURRENT = "Current thread "
_SEGMENTATION = "Segmentation fault"

_OURS = Path(__file__).parents[1]
_PLACES = (str(_OURS), str(_OURS.parent / "greedy_core"), sysconfig.get_path("stdlib"))
_NOT_THEIRS = ("<", *(os.path.join(place, "") for place in _PLACES))


class LastWords:
    """A worker's last words, for one piece of work after the other.

    Args:
        folder: of the driver; on another machine there is none, and nothing is left.
    """

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._metric: str | None = None
        self._file: Any = None

    def begin(self, work: str, metric: str | None) -> None:
        """From now on, blame a crash on this metric function; if there is none, on the last one.

        What that has left in the process, such as a thread, is there in later work, too.
        """
        self._metric = metric or self._metric
        if self._metric is None or self._folder is None:
            return
        before = self._file
        with suppress(OSError):
            self._file = open(_path(self._folder, work), "w", encoding="utf-8")  # noqa: SIM115
            self._file.write(f"{self._metric}\n")
            self._file.flush()
            faulthandler.enable(self._file)
        if before is not None and before is not self._file:
            if before.name != self._file.name:
                Path(before.name).unlink(missing_ok=True)
            before.close()


def last_words(folder: str, work: str, metric: str | None) -> str:
    """Why a worker has ended that gave no answer, in one line.

    Args:
        folder: the driver's, which the worker got.
        work: what it was working on.
        metric: the function that the work's settings name, which may have run on another machine.
    """
    try:
        text = _path(folder, work).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return KILLED if metric is None else f"{KILLED}, or greedy.metric {metric!r} crashed"
    name, _, words = text.partition("\n")
    return crash(name, words) or KILLED


def crash(metric: str, words: str) -> str | None:
    """What faulthandler has written, in one line; None if that is nothing."""
    fault = _FAULT.search(words)
    if fault is None:
        return None
    frames = _FRAME.findall(words.partition(_CURRENT)[2]) + _FRAME.findall(words)
    places = [(os.path.basename(file), line) for file, line in frames if _is_users(file)]
    place = f", {places[0][0]}, line {places[0][1]}" if places else ""
    if fault[1] == _SEGMENTATION:
        return (
            f"greedy.metric {metric!r} ended its process (SIGSEGV{place}): "
            "it wrote into the base model's weights, or crashed in native code"
        )
    return f"greedy.metric {metric!r} ended its process ({fault[1]}{place})"


@contextmanager
def told_by_another(metric: str | None) -> Iterator[None]:
    """If a metric function ends this process inside, have one line on standard error say so."""
    if metric is None:
        yield
        return
    command = [sys.executable, "-I", "-S", __file__, metric]
    # In a session of its own, so that a terminal's signals do not end it first.
    teller = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    assert teller.stdin is not None
    was_enabled = faulthandler.is_enabled()
    faulthandler.enable(teller.stdin)
    try:
        yield
    finally:
        with suppress(OSError):
            os.write(teller.stdin.fileno(), CAME_BACK.encode())
        faulthandler.disable()
        if was_enabled and sys.__stderr__ is not None:
            faulthandler.enable(sys.__stderr__)
        teller.stdin.close()
        teller.wait()


def _path(folder: str, work: str) -> Path:
    return Path(folder) / f"words of {work}"


def _is_users(file: str) -> bool:
    return not file.startswith(_NOT_THEIRS) and "/site-packages/" not in file


def _told(metric: str, descriptor: int) -> str | None:
    """What is to be said of a command, once it has come back or ended."""
    words = b""
    while piece := os.read(descriptor, 65536):
        words += piece
        if words.endswith(CAME_BACK.encode()):
            return crash(metric, words.decode(errors="replace"))
    return crash(metric, words.decode(errors="replace")) or (
        f"the command ended without a word while it had greedy.metric {metric!r}: "
        "the function ended the process, or it was killed"
    )


if __name__ == "__main__":
    line = _told(sys.argv[1], 0)
    if line is not None:
        sys.exit(f"ratchet: {line}")
