"""`ratchet status`: a sweep's standing for people, once or again and again."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from analysis.errors import StorageError
from search.cli.measures import measure
from search.cli.streams import console as standard_console
from search.cli.streams import drawn_again
from search.sweep.status import Status, read_status
from spaces.values import inert

LOOK_SECONDS = 2.0

_MEANS = {
    "preparing": "preparing",
    "running": "running",
    "in use": "in use by a command that runs no trials",
    "interrupted": "interrupted; `ratchet resume` goes on",
    "lost": "its driver ended without a word; `ratchet resume` goes on",
    "finished": "finished",
    "invalid": "not valid: the base model's weights were changed in memory while it ran",
}
_AT_WORK = ("preparing", "running", "in use")


def show_status(folder: str, watch: bool, as_json: bool) -> None:
    """Print how a sweep stands; with `watch`, until nobody works on it or Ctrl-C is pressed.

    On a terminal a watched status is redrawn; elsewhere it is printed whenever it has changed.

    Args:
        folder: the sweep's.
        watch: go on looking.
        as_json: print JSON, one line each time.
    """
    console = standard_console()
    status = read_status(folder)
    if not watch:
        if as_json:
            typer.echo(json.dumps(status.to_dict(), indent=2))
        else:
            console.print(drawn(status))
        return
    try:
        if console.is_terminal and not as_json:
            _redraw(folder, status, console)
        else:
            _print_changes(folder, status, as_json)
    except KeyboardInterrupt:
        return


def drawn(status: Status) -> Group:
    """A status as lines and tables."""
    parts: list[Text | Table] = [Text(inert(line)) for line in _lines(status)]
    if status.running:
        parts.append(_running(status))
    if status.best is not None:
        parts.append(_standing(status.best))
    return Group(*parts)


def _redraw(folder: str, status: Status, console: Console) -> None:
    with drawn_again(drawn(status), console, auto_refresh=False) as live:
        while status.state in _AT_WORK:
            time.sleep(LOOK_SECONDS)
            status = _look_again(folder, status)
            live.update(drawn(status), refresh=True)


def _print_changes(folder: str, status: Status, as_json: bool) -> None:
    told = ""
    while True:
        line = json.dumps(status.to_dict()) if as_json else inert("; ".join(_lines(status)[:2]))
        if _summary(status) != told:
            typer.echo(line)
            told = _summary(status)
        if status.state not in _AT_WORK:
            return
        time.sleep(LOOK_SECONDS)
        status = _look_again(folder, status)


def _look_again(folder: str, last: Status) -> Status:
    """The status now; while its place cannot be read, the last one, with the reason."""
    try:
        return read_status(folder)
    except StorageError as error:
        if not error.may_pass:
            raise
        return replace(last, waiting=str(error))


def _summary(status: Status) -> str:
    running = [each.get("trial") for each in status.running]
    return f"{status.state} {status.ended} {running} {status.waiting is not None}"


def _lines(status: Status) -> list[str]:
    lines = [f"{status.folder}: {_MEANS[status.state]}{_driver(status)}"]
    counts = ", ".join(f"{number} {name}" for name, number in status.ended.items())
    lines.append(
        f"{sum(status.ended.values())} of {status.asked or '?'} trials have ended"
        f"{f' ({counts})' if counts else ''}{_pace(status)}"
        f"{f'; waiting: {status.waiting}' if status.waiting else ''}"
    )
    if status.generation:
        lines.append(f"generation {status.generation}")
    visited = status.states_computed + status.states_read
    if visited:
        lines.append(f"{visited} states visited, {status.states_computed} of them computed")
    if status.unchecked:
        lines.append(f"of {status.unchecked} trials nobody knows whether the weights were the same")
    lines += [f"failed {number} times: {cause}" for cause, number in status.causes.items()]
    return lines


def _driver(status: Status) -> str:
    if status.driver is None:
        return ""
    return f" ({status.driver}, last sign of life {status.silent_seconds:.0f} s ago)"


def _pace(status: Status) -> str:
    if status.trials_per_minute is None or status.minutes_left is None:
        return ""
    return f", {status.trials_per_minute:.1f} a minute, {status.minutes_left:.0f} minutes left"


def _running(status: Status) -> Table:
    table = Table("running", "role", "attempt", "edits", "composite", "seconds", box=None)
    for each in status.running:
        composite, seconds = each.get("composite"), each.get("seconds")
        cells = [each.get(name) for name in ("trial", "role", "attempt", "edits")]
        table.add_row(
            *(Text(inert(str(cell))) for cell in cells),
            "" if composite is None else measure(composite),
            "" if seconds is None else f"{seconds:.0f}",
        )
    return table


def _standing(best: dict[str, Any]) -> Table:
    """The best composite beside the baselines'."""
    rows = {f"best (trial {best['trial']})": best["metrics"], **best["baselines"]}
    table = Table("held-out", "composite", box=None)
    for name, values in {**rows, "unedited": best["unedited"]}.items():
        composite = values["composite"]
        table.add_row(Text(inert(name)), "" if composite is None else measure(composite))
    return table
