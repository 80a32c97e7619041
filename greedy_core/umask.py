"""The permissions that a process withholds from the files that it makes."""

from __future__ import annotations

import os
import re
from pathlib import Path

_LINE = re.compile(r"(?m)^Umask:\s*([0-7]+)$")


def umask() -> int:
    """The process's umask; where the system does not tell, it is set for an instant, and set back.

    Files that other threads make in that instant get fewer permissions, never more.
    """
    status = Path("/proc/self/status")
    if status.exists() and (found := _LINE.search(status.read_text())) is not None:
        return int(found[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
