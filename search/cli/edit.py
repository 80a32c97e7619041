"""`ratchet edit`: one walk in this process, its steps and its metrics."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from greedy_core.errors import InputError
from greedy_core.walk.edit import run_edit
from greedy_core.walk.evaluation import Evaluation
from greedy_core.walk.events import StepEvent
from search.cli.measures import measure
from search.cluster.interrupts import interruptible
from search.config.settings import SweepConfig
from search.worker.last_words import told_by_another
from search.worker.out_of_memory import told_out_of_memory
from search.worker.reports import STEP_FIELDS, evaluation_values, step_tuple
from search.worker.workbench import Workbench
from spaces.values import inert


def edit_once(config: SweepConfig, console: Console, as_json: bool, events: Path | None) -> None:
    """Edit with the configuration's setting, and print what came of it.

    Raises:
        InputError: if the model cannot be loaded, or the file of events cannot be written.
        BaseModelChanged: if a metric function changed the model; nothing of it is stored.
        OutOfMemory: if memory is not enough.
        SweepInterrupted: after a signal.
    """
    _check_writable(events)
    metric = config.edit.greedy.metric
    with told_by_another(metric), interruptible(), told_out_of_memory(), _EventFile(events) as file:
        bench = Workbench.alone(config.edit, config.cache)
        scores, settings = bench.open(config.edit)

        def on_step(event: StepEvent) -> None:
            bench.share_if_due()
            row = dict(zip(STEP_FIELDS, step_tuple(event), strict=True))
            file.write(row)
            if not as_json:
                console.print(Text(inert(_step_line(event))))

        result = run_edit(scores, settings, on_step)
        bench.verify()
    if as_json:
        accepted = sum(event.accepted for event in result.run.events)
        summary = {
            "edits": result.run.edits,
            "steps": len(result.run.events),
            "accept_rate": accepted / len(result.run.events),
            "probe_prompts": result.run.probe_prompts,
            **evaluation_values(result.edited),
            "unedited": evaluation_values(result.unedited),
        }
        console.print_json(json.dumps(summary))
    else:
        console.print(_table({"unedited": result.unedited, "edited": result.edited}))


def _check_writable(path: Path | None) -> None:
    """Refuse a file that could not be written, without making it."""
    if path is None:
        return
    place = path if path.exists() else path.parent
    if path.is_dir() or not place.exists() or not os.access(place, os.W_OK):
        raise InputError(f"--events {path}: cannot be written")


class _EventFile:
    """Events as lines of JSON; the file appears with the first, so not where none is reached."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = None

    def write(self, row: Mapping[str, object]) -> None:
        """Add an event."""
        if self._path is None:
            return
        try:
            if self._file is None:
                # By line, so that a full disk is told at once.
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
            if kind is None:  # else it has been told, or something worse is
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
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("held-out")
    rows = {name: evaluation_values(each) for name, each in evaluations.items()}
    for column in next(iter(rows.values())):
        table.add_column(column, justify="right")
    for name, values in rows.items():
        cells = ["" if value is None else measure(value) for value in values.values()]
        table.add_row(name, *cells)
    return table
