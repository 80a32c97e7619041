"""Files from outside, read whole, but never more of them than memory can bear."""

from __future__ import annotations

import stat
from pathlib import Path

MOST_BYTES = 2**27
"""Largest file of records or text: three times the whole of CounterFact (45 MB). As JSON it takes a
few seconds and 3 GB at worst; as a corpus it is 300 times what covariance.tokens reads."""

CONFIG_BYTES = 2**20
"""Largest config.json; published ones hold a few thousand."""


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """The text of a UTF-8 file, its lines ended by a newline each.

    Raises:
        ValueError: it cannot be read; the text goes on after the file's name.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise ValueError("cannot be read: no file can have this name") from None
    if not stat.S_ISREG(status.st_mode):
        # It is read more than once, and reading a pipe or a device may never end.
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or device"
        raise ValueError(f"cannot be read: it must be a file, not {kind}")
    content = b""
    if status.st_size <= most:
        try:
            with path.open("rb") as file:
                content = file.read(most + 1)
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from None
    if max(status.st_size, len(content)) > most:
        raise ValueError(f"cannot be read: a file may hold {most} bytes at most")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text: {error.reason} at byte {error.start}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
