"""Functions that make something of a sweep's results."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from analysis.tables.arguments import checked
from analysis.tables.paths import local_path
from greedy_core.errors import InputError
from search.commands.arguments import KINDS, or_none

if TYPE_CHECKING:
    from analysis.tables.address import Address


@checked({**KINDS, "out": or_none(KINDS["out"])})
def report(
    folder: Address,
    out: str | os.PathLike[str] | None = None,
    *,
    format: Literal["html", "md", "ipynb"] = "html",
) -> Path:
    """Write a report: the verdict, the best setting as YAML, and a figure for each question.

    Args:
        folder: the sweep's.
        out: the file; None: report.html in the sweep's folder, for an object store NAME-report.html
            here.
        format: a page, Markdown, or a notebook to go on from.

    Returns:
        The file.

    Raises:
        InputError: the file cannot be written.
        ResultsError: there is no sweep, or it is damaged or not valid.
        StorageError: the folder's place cannot be used.

    Example:
        >>> ratchet.report("results/first", format="md").name
        'report.md'
    """
    from search.sweep.valid import read_valid

    stored = read_valid(folder)
    from analysis.report import report_path, write_report  # imports pandas, once there is a sweep
    from analysis.tables.sweep import framed

    sweep = framed(stored)
    path = report_path(sweep, format) if out is None else Path(local_path(os.fspath(out)))
    try:
        write_report(sweep, path, format)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    return path


@checked(KINDS)
def export(
    folder: Address,
    out: str | os.PathLike[str],
    *,
    trial: int | str = "best",
    to: Literal["adapter", "merged"] = "adapter",
    accept_differences: bool = False,
) -> str:
    """Write a trial's edited model, as an adapter or merged, with a model card.

    Args:
        folder: the sweep's.
        out: a new folder, or an empty one.
        trial: `best`, the search's best trial, or any by its number.
        to: a LoRA adapter for PEFT, or the whole model with the edits merged.
        accept_differences: export the walk made here, even if it differs from the recorded one.

    Returns:
        What was written, in a sentence.

    Raises:
        InputError: there is no such trial, it kept no step, the model, data or walk differs from
            the sweep's, or the folder cannot be written.
        ResultsError, SweepInterrupted, BaseModelChanged, StorageError: as in `resume`.

    Example:
        >>> ratchet.export("results/first", "first-adapter", trial=0)
        'trial 0 as an adapter of rank 4: first-adapter'
    """
    from search.export.whole_folder import new_folder
    from search.sweep.file_reader import read_sweep_file

    new_folder(os.fspath(out))
    read_sweep_file(folder)
    from search.export.run import export_trial  # imports pandas, once there is a sweep

    return export_trial(folder, str(trial), to, os.fspath(out), accept_differences)
