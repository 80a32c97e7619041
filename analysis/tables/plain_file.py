"""Only plain files are read: opening a pipe or a device may never end, or may wake something."""

from __future__ import annotations

import os
import stat

KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


def other_kind(path: str) -> str | None:
    """What lies at a path instead of a plain file, in words; None if it is a plain file.

    A link counts as what it leads to.

    Raises:
        OSError: the system refuses, or nothing is there.
    """
    mode = os.stat(path).st_mode
    return None if stat.S_ISREG(mode) else KINDS.get(stat.S_IFMT(mode), "a device")
