"""Files from outside, read whole, but never more of them than memory can bear."""

from __future__ import annotations

import json
import stat
from pathlib import Path

MOST_BYTES = 2**27
"""Largest file of records or text: three times the whole of CounterFact (45 MB). As JSON it takes a
few seconds; as a corpus it is 300 times what covariance.tokens reads."""

CONFIG_BYTES = 2**20
"""Largest config.json; published ones hold a few thousand."""


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """The text of a UTF-8 file, its lines ended by a newline each, without a byte order mark.

    Raises:
        ValueError: it cannot be read; the message is worded to follow the file's name.
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
    return _decoded(content).replace("\r\n", "\n").replace("\r", "\n")


def _decoded(content: bytes) -> str:
    other = _other_encoding(content[:4])
    if other:
        raise ValueError(f"not UTF-8 text: it looks like {other}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            raise ValueError("not UTF-8 text: it ends within a character") from None
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"not UTF-8 text: byte 0x{content[error.start]:02x} on line {line} is none; "
            "is it Latin-1 or Windows-1252?"
        ) from None


def _other_encoding(beginning: bytes) -> str | None:
    """UTF-16 or UTF-32, told by a byte order mark or by where an ASCII character has its NULs."""
    found = json.detect_encoding(beginning)
    return found.upper() if beginning.strip(b"\0") and not found.startswith("utf-8") else None
