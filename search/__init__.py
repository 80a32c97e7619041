"""Sweeps with Ray Tune over greedy editing; the only package that imports Ray.

Importing this package loads neither ray nor torch, so that configurations are checked in no time.
From then on our packages are the ones beside it, since their names are common: a script's folder
or a working directory may have a `spaces.py` of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

HOME = str(Path(__file__).absolute().parent.parent)
"""The folder that our packages are in."""
PACKAGES = ("analysis", "greedy_core", "search", "spaces")


class _Siblings:
    """Finds our packages in their own folder, before anybody looks elsewhere."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a top-level package of ours is; nothing of other modules."""
        return PathFinder.find_spec(name, [HOME]) if name in PACKAGES else None


sys.meta_path.insert(0, _Siblings)
