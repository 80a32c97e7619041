"""The command line: one call, errors as clear lines on stderr, exit codes.

Exit codes: 0 done; 1 finished, but some trials failed; 2 wrong input; 3 damaged results; 4 another
driver is writing; 130, 143, 138 after SIGINT, SIGTERM, SIGUSR1.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn

import typer

from analysis.errors import ResultsError, StorageError
from greedy_core.errors import InputError, RatchetError
from search.cli_results import best, check, confirm, export, report, status
from search.cli_sweeps import edit, extend, resume, run, show_config
from search.errors import SweepInterrupted
from search.exit_status import status_of
from spaces.values import inert

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.callback()
def ratchet() -> None:
    """Search the settings of greedy knowledge editing."""


for command in (run, resume, extend, edit, best, confirm, report, export, check, status):
    app.command()(command)
app.command(name="config")(show_config)


def main() -> None:
    """Run the command line; the only place where errors become text and exit codes."""
    # Importing torch makes objects by the million that all stay: the search for garbage among
    # them, and once more at the exit, would take a quarter of a short command's time.
    gc.set_threshold(20_000)
    try:
        sys.path.append(_working_directory())  # where a metric function may be
        app()
    except (RatchetError, ResultsError, StorageError) as error:
        for line in getattr(error, "faults", None) or (str(error),):
            typer.echo(f"ratchet: {inert(line)}", err=True)
        if isinstance(error, SweepInterrupted):
            _exit_now(status_of(error))
        sys.exit(status_of(error))
    finally:
        gc.freeze()


def _exit_now(status: int) -> NoReturn:
    """Exit without Ray's own farewell, which would wait for processes that a signal has ended."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError as error:
        raise InputError(f"the working directory cannot be used: {error.strerror}") from error
