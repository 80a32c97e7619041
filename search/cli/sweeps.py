"""Commands that edit: run, resume, extend, edit; and config, which shows what they would use.

What a command needs is imported when it runs, so that none waits for what another one needs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.exit_status import SOME_FAILED
from search.cli.messages import set_up_logging
from search.cli.options import (
    AcceptVersions,
    Config,
    Folder,
    GiveUpAfter,
    InProcess,
    Json,
    Verbose,
    WaitForLock,
)
from search.cli.streams import console
from search.cli.verdict_table import print_verdict
from search.cluster.interrupts import Interrupts
from search.cluster.retrying import GIVE_UP_AFTER, Retrying
from search.commands import looking, sweeps
from spaces.values import inert

if TYPE_CHECKING:
    from search.session.run import Outcome
    from search.session.watch import Watch


def run(
    config: Config = None,
    results: Annotated[
        str, typer.Option(metavar="DIR", help="Where sweeps are kept; or s3://bucket/prefix.")
    ] = "results",
    name: Annotated[str, typer.Option(metavar="NAME", help="The sweep's name.")] = "sweep",
    or_resume: Annotated[
        bool,
        typer.Option("--or-resume", help="If the sweep exists and has these settings, finish it."),
    ] = False,
    in_process: InProcess = False,
    wait_for_lock: WaitForLock = 0.0,
    give_up_after: GiveUpAfter = GIVE_UP_AFTER,
    verbose: Verbose = False,
) -> None:
    """Run a sweep, and write it to DIR/NAME.

    Example: ratchet run search.trials=64 --results results --name first
    """
    set_up_logging(verbose)
    from search.config.arguments import split_arguments, sweep_address
    from search.config.reader import read_config

    path, overrides = split_arguments(config or [])
    folder = sweep_address(results, name)
    asked = read_config(path, overrides)

    def start(watch: Watch) -> Outcome:
        return sweeps.run(
            asked,
            folder,
            watch=watch,
            verbose=verbose,
            or_resume=or_resume,
            in_process=in_process,
            wait_for_lock=wait_for_lock,
            give_up_after=give_up_after,
        )

    _sweep(start, give_up_after)


def resume(
    folder: Folder,
    accept_versions: AcceptVersions = False,
    in_process: InProcess = False,
    wait_for_lock: WaitForLock = 0.0,
    give_up_after: GiveUpAfter = GIVE_UP_AFTER,
    verbose: Verbose = False,
) -> None:
    """Finish a sweep: run what is missing, and baselines that failed.

    Example: ratchet resume results/first
    """
    set_up_logging(verbose)

    def start(watch: Watch) -> Outcome:
        return sweeps.resume(
            folder,
            watch=watch,
            verbose=verbose,
            accept_versions=accept_versions,
            in_process=in_process,
            wait_for_lock=wait_for_lock,
            give_up_after=give_up_after,
        )

    _sweep(start, give_up_after)


def extend(
    folder: Folder,
    trials: Annotated[int, typer.Option(metavar="N", min=1, help="Search trials to add.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[key=value ...]",
            help="Other settings of search, cache and ray: a space, a sampler, ...",
            show_default=False,
        ),
    ] = None,
    accept_versions: AcceptVersions = False,
    in_process: InProcess = False,
    wait_for_lock: WaitForLock = 0.0,
    give_up_after: GiveUpAfter = GIVE_UP_AFTER,
    verbose: Verbose = False,
) -> None:
    """Add trials to a sweep, in its own space or another.

    Example: ratchet extend results/first --trials 32 'search.space.greedy.steps={int: [2, 4]}'
    """
    set_up_logging(verbose)

    def start(watch: Watch) -> Outcome:
        return sweeps.extend(
            folder,
            trials,
            settings or (),
            watch=watch,
            verbose=verbose,
            accept_versions=accept_versions,
            in_process=in_process,
            wait_for_lock=wait_for_lock,
            give_up_after=give_up_after,
        )

    _sweep(start, give_up_after)


def edit(
    config: Config = None,
    as_json: Json = False,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="Write each step here.")
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Edit with one setting, without Ray, and show each step and the final metrics.

    Example: ratchet edit greedy.steps=4 greedy.patience=1 --events steps.jsonl
    """
    set_up_logging(verbose)
    from search.config.arguments import given_path, split_arguments
    from search.config.reader import read_config

    path, overrides = split_arguments(config or [])
    file = None if events is None else given_path("--events", str(events))
    asked = read_config(path, overrides, space=False)
    from search.cli.edit import edit_once

    edit_once(asked, console(), as_json, file)


def show_config(
    config: Config = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print a JSON schema of configurations, for editors.")
    ] = False,
) -> None:
    """Print the resolved configuration as YAML.

    Example: ratchet config edits=40 search.space=extended > sweep.yaml
    """
    set_up_logging(verbose=False)
    if schema:
        from search.config import schema as schema_of_settings

        typer.echo(json.dumps(schema_of_settings.schema(), indent=1))
        return
    from search.config.arguments import split_arguments
    from search.config.reader import read_config

    path, overrides = split_arguments(config or [])
    typer.echo(looking.resolved(read_config(path, overrides)).to_yaml(), nl=False)


def _sweep(start: Callable[[Watch], Outcome], give_up_after: float) -> None:
    """Run a sweep under a progress line; say where it is, and show its best setting."""
    from search.cli.progress_line import ProgressLine

    line = ProgressLine(console(stderr=True))
    with line.shown():
        outcome = start(line)
    from analysis.judging.verdict import verdict
    from analysis.tables.folder import SweepFolder
    from analysis.tables.stored import read_stored

    retrying = Retrying(give_up_after, Interrupts())
    found = verdict(
        retrying.insist(lambda: read_stored(SweepFolder.at(outcome.folder), ("trials",)))
    )
    if found is not None:
        print_verdict(found, console())
    typer.echo(f"results: {inert(str(outcome.folder))}")
    if outcome.failed:
        typer.echo(f"{outcome.failed} trials failed; see the column error of trials", err=True)
        raise typer.Exit(SOME_FAILED)
