"""`ratchet edit`: one walk in this process, its steps and its metrics."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from greedy_core.errors import InputError
from search.cli.measures import measure
from search.commands.edit import edit as edit_model
from search.config.settings import SweepConfig
from spaces.values import inert

if TYPE_CHECKING:
    from greedy_core.walk.edit import EditResult  # imports torch
    from greedy_core.walk.evaluation import Evaluation
    from greedy_core.walk.events import StepEvent


def edit_once(config: SweepConfig, console: Console, as_json: bool, events: Path | None) -> None:
    """Edit with the configuration's setting, and print what came of it.

    Raises:
        As `edit_model` does, and InputError if the file of events cannot be written.
    """
    _check_writable(events)
    with _EventFile(events) as file:

        def on_step(event: StepEvent) -> None:
            file.write(_row(event))
            if not as_json:
                console.print(Text(inert(_step_line(event))))

        result = edit_model(config, on_step=on_step)
    if as_json:
        console.print_json(json.dumps(_summary(result)))
    else:
        console.print(_table({"unedited": result.unedited, "edited": result.edited}))


def _row(event: StepEvent) -> dict[str, Any]:
    from search.worker.reports import STEP_FIELDS, step_tuple

    return dict(zip(STEP_FIELDS, step_tuple(event), strict=True))


def _summary(result: EditResult) -> dict[str, Any]:
    from search.worker.reports import evaluation_values

    events = result.run.events
    return {
        "edits": result.run.edits,
        "steps": len(events),
        "accept_rate": sum(event.accepted for event in events) / len(events),
        "probe_prompts": result.run.probe_prompts,
        **evaluation_values(result.edited),
        "unedited": evaluation_values(result.unedited),
    }


def _check_writable(path: Path | None) -> None:
    """Refuse a file that could not be written, without making it."""
    if path is None:
        return
    place = path if path.exists() else path.parent
    if path.is_dir() or not place.exists() or not os.access(place, os.W_OK):
        raise InputError(f"--events {path}: cannot be written")


class _EventFile:
    """Events as lines of JSON; the file is made for the first event, and without one not at all."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = None

    def write(self, row: Mapping[str, object]) -> None:
        """Add an event."""
        if self._path is None:
            return
        try:
            if self._file is None:
                # Line by line, so that a full disk is noticed at once.
                self._file = self._path.open("w", buffering=1, encoding="utf-8")
            self._file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise self._refused(error) from None

    def __enter__(self) -> _EventFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        try:
            if self._file is not None:
                self._file.close()
        except OSError as error:
            if kind is None:  # otherwise it was reported, or something worse was
                raise self._refused(error) from None

    def _refused(self, error: OSError) -> InputError:
        return InputError(f"--events {self._path}: cannot be written: {error.strerror}")


def _step_line(event: StepEvent) -> str:
    kept = "kept  " if event.accepted else "undone"
    return (
        f"batch {event.batch} layer {event.layer} step {event.step}: "
        f"{event.fraction_before!s:>5} -> {event.fraction_proposed!s:<5} {kept} "
        f"{measure(event.composite_before)} -> {measure(event.composite_after)}  {event.reason}"
    )


def _table(evaluations: dict[str, Evaluation]) -> Table:
    from search.worker.reports import evaluation_values

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("held-out")
    rows = {name: evaluation_values(each) for name, each in evaluations.items()}
    for column in next(iter(rows.values())):
        table.add_column(column, justify="right")
    for name, values in rows.items():
        cells = ["" if value is None else measure(value) for value in values.values()]
        table.add_row(name, *cells)
    return table
