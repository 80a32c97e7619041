"""A report as a file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

from analysis.report.document import document
from analysis.report.html import html_page
from analysis.report.markdown import markdown_page
from analysis.report.notebook import notebook
from analysis.tables.paths import S3
from analysis.tables.sweep import Sweep
from greedy_core.umask import umask

FORMATS: MappingProxyType[str, Callable[[Sweep], str]] = MappingProxyType(
    {
        "html": lambda sweep: html_page(document(sweep)),
        "md": lambda sweep: markdown_page(document(sweep)),
        "ipynb": notebook,
    }
)
"""The forms of a report, and what writes the text of each."""


def write_report(sweep: Sweep, path: str | os.PathLike[str], form: str = "html") -> None:
    """Write a report; a file of that name is replaced in one instant, or stays as it is.

    Args:
        sweep: the sweep, finished or running.
        path: the file; its folder must exist.
        form: html, md or ipynb.

    Raises:
        ValueError: an unknown form.
        ResultsError: the sweep's configuration or records cannot be used.
        OSError: the file cannot be written.

    Example:
        >>> write_report(ratchet.load("results/my-sweep"), "my-sweep.html")
    """
    if form not in FORMATS:
        raise ValueError(f"`form in ({', '.join(FORMATS)})` must hold, but got ({form=})")
    _replace(Path(path), FORMATS[form](sweep))


def report_path(sweep: Sweep, form: str) -> Path:
    """Where a report is written by default: the sweep's folder; for an object store, here."""
    if sweep.path.startswith(S3):
        return Path(f"{sweep.path.rstrip('/').rsplit('/', 1)[-1]}-report.{form}")
    return Path(sweep.path, f"report.{form}")


def _replace(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o666 & ~umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
