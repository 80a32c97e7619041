"""The command line: one call, errors as clear lines on stderr, exit codes."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from typing import Any, NoReturn

import typer

from analysis.errors import ResultsError, StorageError
from greedy_core.errors import InputError, RatchetError
from search.cli.exit_status import (
    BROKEN_PIPE,
    INTERRUPTED,
    OUR_FAULT,
    TABLE,
    WRONG_INPUT,
    status_of,
)
from search.cli.results import best, check, confirm, export, report, status
from search.cli.settings_help import SettingsHelp
from search.cli.streams import inert_streams, put_back
from search.cli.sweeps import edit, extend, resume, run, show_config
from search.errors import OutputLost, SweepInterrupted

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
    epilog=TABLE,
)

_UsageError: Any = typer.BadParameter.__mro__[1]  # has no public name
REPORT = "an error of ratchet itself, please report it with what follows"


@app.callback()
def ratchet() -> None:
    """Search the settings of greedy knowledge editing.

    `ratchet config` prints all settings; README.md says what they mean.
    """


for command in (run, resume, extend, edit, best, confirm, report, export, check, status):
    app.command(short_help=(command.__doc__ or "").partition("\n")[0])(command)
app.command(name="config", cls=SettingsHelp)(show_config)


def main() -> NoReturn:
    """Run the command line; the only place where errors become text and exit codes."""
    # Importing torch makes millions of objects that all stay: looking for garbage among them, and
    # once more at exit, would take a quarter of a short command's time.
    gc.set_threshold(20_000)
    try:
        with inert_streams():
            code = _ended()
    except OutputLost as error:
        code = _without_output(error)
    finally:
        gc.freeze()
    sys.exit(code)


def _ended() -> int:
    """Run the command; its exit code."""
    try:
        _check_text(sys.argv[1:])
        sys.path.append(_working_directory())  # where a metric function may be
        return app(standalone_mode=False) or 0
    except OutputLost:
        raise
    except (RatchetError, ResultsError, StorageError) as error:
        for line in getattr(error, "faults", None) or (str(error),):
            _say(line)
        if isinstance(error, SweepInterrupted):
            _exit_now(status_of(error))
        return status_of(error)
    except MemoryError:
        _say("memory was not enough")
        return WRONG_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as error:
        if not error.code:
            return 0  # a shell's completion was written
        return _our_fault()
    except _UsageError as error:
        error.show()
        return WRONG_INPUT
    except Exception:
        return _our_fault()


def _say(line: str) -> None:
    put_back()
    typer.echo(f"ratchet: {line}".replace("\n", "\\n"), err=True)


def _our_fault() -> int:
    _say(REPORT)
    traceback.print_exc()
    return OUR_FAULT


def _without_output(error: OutputLost) -> int:
    """Say that the answer could not be written, unless its reader has left, which is usual."""
    if error.reader_gone:
        return BROKEN_PIPE
    if sys.stderr is not None:
        print(f"ratchet: {error}", file=sys.stderr)
    return status_of(error)


def _exit_now(status: int) -> NoReturn:
    """Exit without Ray's own farewell, which would wait for processes that a signal has ended."""
    put_back()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _check_text(arguments: list[str]) -> None:
    """Refuse bytes that are no text, which neither YAML nor Parquet can hold."""
    for argument in arguments:
        _require_text("an argument", argument)


def _require_text(what: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{what} must be UTF-8, but got {text}") from None


def _working_directory() -> str:
    try:
        folder = os.getcwd()
    except OSError as error:
        raise InputError(f"the working directory cannot be used: {error.strerror}") from error
    _require_text("the working directory's name", folder)
    return folder


if __name__ == "__main__":
    main()
