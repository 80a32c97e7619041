"""What is made once for all processes that run tests side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the first process to ask makes, while the others wait; read it only.

    Args:
        factory: knows where these tests may write.
        name: of the folder.
        make: writes into it; if that fails, the next one tries.
    """
    root = factory.getbasetemp()
    if root.name.startswith("popen-"):  # one of several processes
        root = root.parent
    folder, done = root / name, root / f"{name}.done"
    with FileLock(root / f"{name}.lock"):
        if not done.exists():
            make(folder)
            done.touch()
    return folder
