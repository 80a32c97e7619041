"""Where modules are imported from: those of metric functions, and in Ray's workers all others.

A sweep names the folders that its metric functions lie in (roots), so that it goes on from
anywhere: they come before the working directory. Besides, its driver has folders that it imports
from (places): a worker looks there last, after where it would look anyway. Ray would have it look
in the driver's script's folder and working directory first, and a file there, such as a `search.py`
or a `yaml.py`, would be imported in place of the real module.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterable, Sequence

from search import HOME
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


def python_path() -> str | None:
    """PYTHONPATH for processes that must not look in the working directory first."""
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join(each for each in entries if not _is_working_directory(each)) or None


def driver_places() -> tuple[str, ...]:
    """Every folder that this process imports from; a metric function may be in any of them."""
    return tuple(dict.fromkeys(os.path.abspath(entry) for entry in sys.path))


def look_there_last(places: Sequence[str]) -> None:
    """Import from these folders, too, in a worker.

    Args:
        places: the driver's.
    """
    if sys.path[:1] == [HOME]:
        del sys.path[0]  # no longer needed: our packages are loaded by now
    sys.path.extend(place for place in (*places, HOME) if place not in sys.path)


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
    """Whether it is a folder of installed modules, which every environment has at its own path."""
    return root in {os.path.abspath(path) for path in sysconfig.get_paths().values()}


def _index_of_working_directory() -> int:
    """Its place in `sys.path`; the end if it is not there."""
    here = os.getcwd()
    for index, path in enumerate(sys.path):
        if path == "" or os.path.abspath(path) == here:
            return index
    return len(sys.path)


def _is_working_directory(entry: str) -> bool:
    try:
        return os.path.samefile(entry or ".", ".")
    except OSError:
        return False
