"""Where Ray's workers import from: where they would anyway, then where their driver does.

Ray would have them look in the driver's script's folder and working directory first. Whatever lies
there, such as a `search.py` or a `yaml.py`, would be taken for what it is named after.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ray.job_config import JobConfig

from search import HOME


class OwnPaths(JobConfig):
    """A job whose workers find our packages first, and nothing else of the driver's folders."""

    def __init__(self) -> None:
        super().__init__(_py_driver_sys_path=[HOME])

    def _runtime_env_has_working_dir(self) -> bool:
        """Say so, with which Ray adds no folders."""
        return True


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
        del sys.path[0]  # has done its service: from now on our packages are the ones loaded
    sys.path.extend(place for place in (*places, HOME) if place not in sys.path)


def _is_working_directory(entry: str) -> bool:
    try:
        return os.path.samefile(entry or ".", ".")
    except OSError:
        return False
