"""Why a piece of work has failed, in the one line that its row keeps."""

from __future__ import annotations

from greedy_core.errors import BaseModelChanged

OUT_OF_MEMORY = "the machine ran out of memory, and Ray ended the worker"
LOST = "the worker was lost together with its machine"

_CHANGED = f"{BaseModelChanged.__name__}: "


def cause_of_error(error: BaseException) -> str:
    """An exception, without its module."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def cause_in(traceback: str) -> str:
    """The exception at the end of a traceback's text, without its module."""
    lines = traceback.rstrip().split("\n")
    after = 1 + max((n for n, line in enumerate(lines[:-1]) if line.startswith("  ")), default=-1)
    name, colon, message = "\n".join(lines[after:]).partition(":")
    return " ".join(f"{name.rpartition('.')[2]}{colon}{message}".split())


def changed_model(cause: str) -> str | None:
    """What a worker said that found its base model changed; None where the cause is another one."""
    return cause.removeprefix(_CHANGED) if cause.startswith(_CHANGED) else None
