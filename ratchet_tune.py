"""The command `ratchet`, also as `python -m ratchet`: starts it whatever lies around.

Python looks for modules in the folders of PYTHONPATH, and with `-m` in the working directory,
before it looks where packages are installed. A file `search.py` or `yaml.py` there is somebody's
own, and none of ours. So the working directory becomes the last place, and our packages are those
beside this file, whose name nobody else has.
"""

from __future__ import annotations

import os
import sys

HOME = os.path.dirname(os.path.abspath(__file__))
"""The folder that our packages are in."""


def main() -> None:
    """Run the command line."""
    sys.path[:] = working_directory_last(sys.path)
    sys.path.insert(0, HOME)
    try:
        import search  # noqa: F401  # from now on it holds fast where its siblings are
    finally:
        sys.path.remove(HOME)
    from search.cli.app import main as command_line

    command_line()


def working_directory_last(entries: list[str]) -> list[str]:
    """Entries of `sys.path`, those that are the working directory at the end."""
    return sorted(entries, key=_is_working_directory)


def _is_working_directory(entry: str) -> bool:
    try:
        return os.path.samefile(entry or ".", ".")
    except OSError:
        return False  # no such folder, or no working directory


if __name__ == "__main__":
    main()
