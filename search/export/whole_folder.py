"""A new folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from analysis.tables.paths import local_path
from greedy_core.errors import InputError
from greedy_core.umask import umask


def new_folder(text: str) -> Path:
    """The path of a folder that can be made; nothing is made yet.

    Raises:
        InputError: if something is there, unless it is an empty folder, or none can be made.
    """
    try:
        given = local_path(text)
    except ValueError as error:
        raise InputError(f"out {error}") from None
    try:
        path = Path(given).resolve()
        there = os.path.lexists(path)
        if there and not (path.is_dir() and not any(path.iterdir())):
            raise InputError(f"out must not exist, or be an empty folder, but got {text}")
        above = next(each for each in path.parents if each.exists())
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            raise InputError(f"out cannot be made: {above} is no folder that can be written to")
    except (OSError, RuntimeError, UnicodeError) as error:
        raise InputError(f"out cannot be used: {_reason(error)}") from None
    return path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a folder to write into, beside the path; it becomes the path when all went well.

    with written_whole(new_folder("out")) as folder:
        (folder / "README.md").write_text("...")

    Otherwise nothing is left, not even folders above it that were made for it.

    Raises:
        InputError: if the disk refuses, or something is at the path by then.
    """
    above = [each for each in path.parents if not each.exists()]
    hidden: Path | None = None
    done = "made"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}-", dir=path.parent))
        done = "written"
        yield hidden
        done = "synced to the disk"
        _finish(hidden)
        done = "put in its place"
        hidden.rename(path)  # replaces an empty folder, and nothing else
        hidden, above = None, []
    except OSError as error:
        raise InputError(_refusal(error, path, hidden, done)) from None
    finally:
        if hidden is not None:
            shutil.rmtree(hidden, ignore_errors=True)
        for each in above:
            with suppress(OSError):  # never made, or somebody else has put something into it
                each.rmdir()


def _refusal(error: OSError, path: Path, hidden: Path | None, done: str) -> str:
    """What could not be done; whoever writes may also have failed to read something elsewhere."""
    named = error.filename
    if done == "written" and isinstance(named, str) and hidden not in Path(named).parents:
        return f"{named}: {_reason(error)}"
    return f"{path}: cannot be {done}: {_reason(error)}"


def _finish(folder: Path) -> None:
    """Give everything inside the usual permissions, which temporary files lack, and sync it."""
    mask = umask()
    for each in (*sorted(folder.rglob("*"), reverse=True), folder):  # a folder after what it holds
        each.chmod((0o777 if each.is_dir() else 0o666) & ~mask)
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
