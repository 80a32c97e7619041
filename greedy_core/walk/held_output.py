"""Keeps what a user's code writes past Python's streams from reaching the terminal as it is.

C libraries, child processes and `os.write` know only the descriptors 1 and 2. While a user's code
runs, these are a file, whose text is shown afterwards on standard error, with nothing in it that a
terminal would obey. Then closing them, or replacing `sys.stdout`, does no harm.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

NUMBERS = (1, 2)


@contextmanager
def output_held() -> Iterator[None]:
    """Inside, standard output and error are a file; afterwards Python's streams are as before."""
    streams = sys.stdout, sys.stderr
    with suppress(OSError, ValueError):
        _flush()
    with _file() as file:
        copies = {number: _copy(number) for number in NUMBERS}
        for number in NUMBERS:
            os.dup2(file.fileno(), number)
        try:
            yield
        finally:
            with suppress(OSError, ValueError):
                _flush()
            for number, copy in copies.items():
                _put_back(number, copy)
            sys.stdout, sys.stderr = streams
            with suppress(OSError, ValueError):
                _show(file)


def _file() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "w+b")


def _flush() -> None:
    """Flush Python's streams and those of the C library."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None and not stream.closed:
            stream.flush()
    ctypes.CDLL(None).fflush(None)


def _copy(number: int) -> int | None:
    try:
        return os.dup(number)
    except OSError:
        return None  # it is closed


def _put_back(number: int, copy: int | None) -> None:
    with suppress(OSError):
        if copy is None:
            os.close(number)
        else:
            os.dup2(copy, number)
            os.close(copy)


def _show(file: IO[bytes]) -> None:
    """Write what was collected to standard error, with unprintable characters escaped."""
    out: Any = sys.stderr
    file.seek(0)
    for line in file:
        if out is not None:
            text = line.decode(errors="backslashreplace").removesuffix("\n")
            out.write("".join(c if c in "\t" or c.isprintable() else _escaped(c) for c in text))
            out.write("\n")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
