"""Commands on a sweep that is there: best, check, confirm, report, export, status.

What a command needs is imported when it runs, so that none waits for what another one needs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from search.cli.exit_status import DAMAGED, SOME_FAILED
from search.cli.messages import set_up_logging
from search.cli.options import (
    AcceptVersions,
    Folder,
    GiveUpAfter,
    InProcess,
    Json,
    Verbose,
    WaitForLock,
)
from search.cli.streams import console
from search.cli.verdict_table import print_verdict
from search.cluster.retrying import GIVE_UP_AFTER
from search.commands import looking, results, sweeps
from spaces.values import inert

if TYPE_CHECKING:
    from search.commands.sweeps import ConfirmOutcome
    from search.session.watch import Watch


def best(folder: Folder, as_json: Json = False) -> None:
    """Show a sweep's best setting, its metrics, and its lead over each baseline.

    Example: ratchet best results/first --json
    """
    found = looking.best(folder)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2))
    else:
        print_verdict(found, console())


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
    accept_versions: AcceptVersions = False,
    in_process: InProcess = False,
    wait_for_lock: WaitForLock = 0.0,
    give_up_after: GiveUpAfter = GIVE_UP_AFTER,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Run the best settings and the baselines again, on records that the sweep never edited.

    Example: ratchet confirm results/first --top 3 --sequences 5
    """
    set_up_logging(verbose)
    from search.cli.confirm import confirm_and_show

    def start(watch: Watch) -> ConfirmOutcome:
        return sweeps.confirm(
            folder,
            top=top,
            sequences=sequences,
            watch=watch,
            verbose=verbose,
            accept_versions=accept_versions,
            in_process=in_process,
            wait_for_lock=wait_for_lock,
            give_up_after=give_up_after,
        )

    if confirm_and_show(start, as_json):
        raise typer.Exit(SOME_FAILED)


def report(
    folder: Folder,
    form: Annotated[
        Literal["html", "md", "ipynb"],
        typer.Option("--format", help="A page, Markdown, or a notebook to continue in."),
    ] = "html",
    out: Annotated[
        str | None,
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
    typer.echo(inert(str(results.report(folder, out, format=form))))


def export(
    folder: Folder,
    out: Annotated[str, typer.Argument(metavar="OUT", help="A new folder, or an empty one.")],
    trial: Annotated[
        str,
        typer.Option(
            metavar="best|NUMBER", help="The best trial of the search, or any trial by its number."
        ),
    ] = "best",
    to: Annotated[
        Literal["adapter", "merged"],
        typer.Option(help="A LoRA adapter for PEFT, or the whole model with the edits merged."),
    ] = "adapter",
    accept_differences: Annotated[
        bool,
        typer.Option(
            "--accept-differences",
            help="Export the walk made here, even if it differs from the recorded one.",
        ),
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Write a trial's edited model, as an adapter or merged, with a model card.

    Example: ratchet export results/first --trial best --to adapter first-adapter
    """
    set_up_logging(verbose)
    typer.echo(
        inert(
            results.export(folder, out, trial=trial, to=to, accept_differences=accept_differences)
        )
    )


def check(
    folder: Folder,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Set damaged files aside, so that `resume` runs their trials again."
        ),
    ] = False,
) -> None:
    """Compare every file of a sweep with what was committed, and say what is still whole.

    Example: ratchet check results/first
    """
    set_up_logging(verbose=False)
    found = looking.check(folder, repair)
    for sentence in found.sentences:
        typer.echo(inert(sentence))
    if not found.usable:
        raise typer.Exit(DAMAGED)


def status(
    folder: Folder,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look every 2 s until nobody works on the sweep.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show how a sweep stands, while it runs and after.

    Example: ratchet status results/first --watch
    """
    from search.cli.status import show_status

    show_status(folder, watch, as_json)
