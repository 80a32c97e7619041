"""Sweeps with Ray Tune over greedy editing; the only package that imports Ray.

Importing this package loads neither ray nor torch, so that configurations are checked in no time.
In a checkout, our packages are from then on imported from the folders beside it, since their names
are common: a script's folder or a working directory may have a `spaces.py` of its own. In a wheel
all of them lie under `ratchet`, and such names are left to others.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

UNDER = __name__.removesuffix("search")
"""What our packages' names begin with: nothing in a checkout, `ratchet.` in a wheel."""
PACKAGES = tuple(f"{UNDER}{name}" for name in ("analysis", "greedy_core", "search", "spaces"))
HOME = str(Path(__file__).absolute().parents[1 + UNDER.count(".")])
"""The folder that holds our packages, or the package that they lie under."""


class _Siblings:
    """Finds our packages in their own folder, before anybody looks elsewhere."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a top-level package of ours is; None for any other module."""
        return PathFinder.find_spec(name, [HOME]) if name in PACKAGES else None


if not UNDER:
    sys.meta_path.insert(0, _Siblings)
