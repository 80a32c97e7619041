"""Where modules of metric functions are imported from, so that a sweep goes on from anywhere."""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterable, Sequence

from spaces import SearchSpace

METRIC = "greedy.metric"


def import_roots(metric: str | None, space: SearchSpace) -> tuple[str, ...]:
    """The folders that the modules of a sweep's metric functions lie in, but for installed ones.

    Args:
        metric: the configured function, `module:function`.
        space: which may search or fix others.
    """
    named = [metric, space.fixed.get(METRIC)]
    if METRIC in space.distributions:
        named += getattr(space.distributions[METRIC], "choices", ())
    tops = dict.fromkeys(name.partition(":")[0].partition(".")[0] for name in named if name)
    roots = dict.fromkeys(root for top in tops if (root := _root(top)) is not None)
    return tuple(root for root in roots if not _is_installed(root))


def make_importable(roots: Sequence[str]) -> None:
    """Have modules found there, before any of the same name in the working directory."""
    for root in roots:
        while root in sys.path:
            sys.path.remove(root)
    here = _index_of_working_directory()
    sys.path[here:here] = roots


def _root(top: str) -> str | None:
    """The folder that a module is found in; None if it is not there, or in no folder."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None:
        return None
    folders: Iterable[str] = spec.submodule_search_locations or ()
    place = next(iter(folders), spec.origin if spec.has_location else None)
    return None if place is None else os.path.dirname(os.path.abspath(place))


def _is_installed(root: str) -> bool:
    """Whether every environment with the same packages has it under its own path."""
    return root in {os.path.abspath(path) for path in sysconfig.get_paths().values()}


def _index_of_working_directory() -> int:
    """Where it stands among the places of modules; the end, if it does not."""
    here = os.getcwd()
    for index, path in enumerate(sys.path):
        if path == "" or os.path.abspath(path) == here:
            return index
    return len(sys.path)
