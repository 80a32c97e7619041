"""The command line: options, one call, errors as clear lines on stderr.

Exit codes: 0 done; 1 finished, but some trials failed; 2 wrong input; 3 damaged results; 4 another
driver is writing; 130, 143, 138 after SIGINT, SIGTERM, SIGUSR1.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer
from rich.console import Console

import analysis
from analysis.errors import ResultsError, StorageError
from greedy_core.errors import InputError, RatchetError
from search.config import SweepConfig
from search.errors import SweepInterrupted
from search.exit_status import SOME_FAILED, status_of
from search.sweep_inputs import resolved_config, split_arguments, sweep_address
from search.verdict_table import print_verdict
from spaces.values import inert

if TYPE_CHECKING:
    from search.sweep import Outcome
    from search.watch import Watch

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

Config = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[CONFIG.yaml] [key=value ...]",
        help="A configuration file, and settings that replace the file's.",
        show_default=False,
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Let the libraries talk.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Folder = Annotated[
    str, typer.Argument(metavar="DIR/NAME", help="A sweep's folder, or s3://bucket/prefix/name.")
]
AcceptVersions = Annotated[
    bool,
    typer.Option(
        "--accept-versions", help="Go on with other versions of packages, as a new generation."
    ),
]


@app.callback()
def ratchet() -> None:
    """Search the settings of greedy knowledge editing."""


@app.command()
def run(
    config: Config = None,
    results: Annotated[
        str, typer.Option(metavar="DIR", help="Where sweeps are kept; or s3://bucket/prefix.")
    ] = "results",
    name: Annotated[str, typer.Option(metavar="NAME", help="The sweep's name.")] = "sweep",
    verbose: Verbose = False,
) -> None:
    """Run a sweep, and write it to DIR/NAME.

    Example: ratchet run search.trials=64 --results results --name first
    """
    _set_up_logging(verbose)
    path, overrides = split_arguments(config or [])
    folder = sweep_address(results, name)
    resolved = resolved_config(path, overrides)
    from search.sweep import run_sweep  # imports Ray, once the input is known to be right

    _sweep(lambda watch: run_sweep(resolved, folder, watch, verbose), resolved, verbose)


@app.command()
def resume(
    folder: Folder,
    accept_versions: AcceptVersions = False,
    verbose: Verbose = False,
) -> None:
    """Finish a sweep that was interrupted; ended trials stay as they are.

    Example: ratchet resume results/first
    """
    _set_up_logging(verbose)
    from search.sweep_file import SweepFile

    config = SweepFile.read(folder).config
    from search.sweep import resume_sweep

    _sweep(lambda watch: resume_sweep(folder, watch, verbose, accept_versions), config, verbose)


@app.command()
def extend(
    folder: Folder,
    trials: Annotated[int, typer.Option(metavar="N", help="Search trials to add.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[key=value ...]",
            help="Other settings of search, cache and ray: a space, a sampler, ...",
            show_default=False,
        ),
    ] = None,
    accept_versions: AcceptVersions = False,
    verbose: Verbose = False,
) -> None:
    """Add trials to a sweep, in its own space or another, on top of all that have ended.

    Example: ratchet extend results/first --trials 32 'search.space.greedy.steps={int: [2, 4]}'
    """
    _set_up_logging(verbose)
    from search.extension import Extension
    from search.sweep_file import SweepFile

    extension = Extension(folder, trials, tuple(settings or ()))
    config = extension.config_of(SweepFile.read(folder))
    from search.sweep import extend_sweep

    _sweep(lambda watch: extend_sweep(extension, watch, verbose, accept_versions), config, verbose)


@app.command()
def edit(
    config: Config = None,
    as_json: Json = False,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="Write step events here.")
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Edit with one setting, without Ray: step events and final metrics.

    Example: ratchet edit greedy.steps=4 greedy.patience=1 --events steps.jsonl
    """
    _set_up_logging(verbose)
    path, overrides = split_arguments(config or [])
    resolved = resolved_config(path, overrides, space=False)
    from search.edit_command import edit_once

    edit_once(resolved, Console(), as_json, events)


@app.command()
def best(folder: Folder, as_json: Json = False) -> None:
    """Show a sweep's best setting, its metrics, and its lead over each baseline.

    Example: ratchet best results/first --json
    """
    from analysis.verdict import verdict

    sweep = analysis.load(folder)
    found = verdict(sweep)
    if found is None:
        raise InputError(f"{folder}: no search trial has been completed{_counted(sweep)}")
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2))
    else:
        print_verdict(found, Console())


@app.command()
def confirm(
    folder: Folder,
    top: Annotated[
        int, typer.Option(metavar="K", min=1, help="Best settings of the search to confirm.")
    ] = 3,
    sequences: Annotated[
        int | None,
        typer.Option(
            metavar="R",
            min=1,
            help="Sequences of reserved records; by default all there are, at most 5.",
            show_default=False,
        ),
    ] = None,
    accept_versions: Annotated[
        bool,
        typer.Option("--accept-versions", help="Take other versions of packages than the sweep's."),
    ] = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Run the best settings and the baselines again, on records that the sweep never edited.

    Example: ratchet confirm results/first --top 3 --sequences 5
    """
    _set_up_logging(verbose)
    from search.sweep_file import SweepFile

    SweepFile.read(folder)
    from search.confirm_command import confirm_and_show  # imports Ray, once there is a sweep

    if confirm_and_show(folder, top, sequences, accept_versions, as_json, verbose):
        raise typer.Exit(SOME_FAILED)


@app.command()
def report(
    folder: Folder,
    form: Annotated[
        Literal["html", "md", "ipynb"],
        typer.Option("--format", help="A page, Markdown, or a notebook to go on from."),
    ] = "html",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to write it; by default DIR/NAME/report.html, for an object store "
            "NAME-report.html here.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a report: the verdict, the best setting as YAML, and a figure for each question.

    Example: ratchet report results/first --format md --out first.md
    """
    from analysis.report import report_path, write_report

    sweep = analysis.load(folder)
    path = out or report_path(sweep, form)
    try:
        write_report(sweep, path, form)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    typer.echo(inert(str(path)))


@app.command()
def export(
    folder: Folder,
    out: Annotated[str, typer.Argument(metavar="OUT", help="A new folder, or an empty one.")],
    trial: Annotated[
        str,
        typer.Option(metavar="best|NUMBER", help="The search's best trial, or any by its number."),
    ] = "best",
    to: Annotated[
        Literal["adapter", "merged"],
        typer.Option(help="A LoRA adapter for PEFT, or the whole model with the edits merged."),
    ] = "adapter",
    accept_differences: Annotated[
        bool,
        typer.Option(
            "--accept-differences",
            help="Export the walk as it goes here, where it differs from the one in the results.",
        ),
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Write a trial's edited model, as an adapter or merged, with a model card.

    Example: ratchet export results/first --trial best --to adapter first-adapter
    """
    _set_up_logging(verbose)
    from search.export_command import export_trial

    typer.echo(inert(export_trial(folder, trial, to, out, accept_differences)))


@app.command()
def status(
    folder: Folder,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look every 2 s until nobody works on it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show how a sweep stands, while it runs and after.

    Example: ratchet status results/first --watch
    """
    from search.status_command import show_status

    show_status(folder, watch, as_json)


@app.command(name="config")
def show_config(config: Config = None) -> None:
    """Print the resolved configuration as YAML.

    Example: ratchet config edits=40 search.space=extended > sweep.yaml
    """
    _set_up_logging(verbose=False)
    path, overrides = split_arguments(config or [])
    typer.echo(resolved_config(path, overrides, space=False).to_yaml(), nl=False)


def main() -> None:
    """Run the command line; the only place where errors become text and exit codes."""
    try:
        sys.path.append(_working_directory())  # where a metric function may be
        app()
    except (RatchetError, ResultsError, StorageError) as error:
        for line in getattr(error, "faults", None) or (str(error),):
            typer.echo(f"ratchet: {inert(line)}", err=True)
        if isinstance(error, SweepInterrupted):
            _exit_now(status_of(error))
        sys.exit(status_of(error))


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


def _sweep(start: Callable[[Watch], Outcome], config: SweepConfig, verbose: bool) -> None:
    """Run a sweep under a progress line; say where it is, and show its best setting."""
    from analysis.verdict import verdict
    from search.terminal import ProgressLine

    console = Console(stderr=True)
    line = ProgressLine(console, tuple(config.search_space().distributions))
    with line.shown():
        outcome = start(line)
    found = verdict(analysis.load(outcome.folder))
    if found is not None:
        print_verdict(found, Console())
    typer.echo(f"results: {inert(str(outcome.folder))}")
    if outcome.failed:
        typer.echo(f"{outcome.failed} trials failed; see the column error of trials", err=True)
        raise typer.Exit(SOME_FAILED)


def _set_up_logging(verbose: bool) -> None:
    """Our own warnings always; the libraries' chatter on request."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Inert("%(name)s: %(message)s" if verbose else "ratchet: %(message)s"))
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, handlers=[handler])
    for package in ("greedy_core", "search", "spaces", "analysis"):
        logging.getLogger(package).setLevel(logging.INFO if verbose else logging.WARNING)


class _Inert(logging.Formatter):
    """Messages may quote what files hold; a terminal must not obey it."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(map(inert, super().format(record).split("\n")))


def _counted(sweep: analysis.Sweep) -> str:
    """How the search trials ended, none of them being complete."""
    statuses = sweep.trials["status"][sweep.trials["role"] == "search"].value_counts()
    counts = ", ".join(f"{number} {status}" for status, number in statuses.items())
    return f" ({counts})" if counts else " yet"
