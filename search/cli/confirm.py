"""`ratchet confirm`: what is missing is run, and everything that is there is judged."""

from __future__ import annotations

import json

import typer

from search import commands
from search.cli.confirm_table import print_confirmation
from search.cli.progress_line import ProgressLine
from search.cli.streams import console


def confirm_and_show(
    folder: str,
    top: int,
    sequences: int | None,
    accept_versions: bool,
    as_json: bool,
    verbose: bool,
    *,
    wait: float,
    give_up_after: float,
) -> bool:
    """Confirm a sweep, print what came of it, and say whether walks have failed.

    Args:
        folder: the sweep's.
        top: how many settings of the search.
        sequences: on how many sequences; None: as many as the reserved records allow, at most 5.
        accept_versions: take other versions of packages than the sweep's.
        as_json: print JSON.
        verbose: let the libraries talk.
        wait: seconds to wait for another driver to end.
        give_up_after: seconds for which the folder's place may fail.
    """
    line = ProgressLine(console(stderr=True))
    with line.shown():
        outcome = commands.confirm(
            folder,
            top=top,
            sequences=sequences,
            watch=line,
            verbose=verbose,
            accept_versions=accept_versions,
            wait=wait,
            give_up_after=give_up_after,
        )
    found = outcome.confirmation
    if as_json:
        typer.echo(json.dumps(found and found.to_dict(), indent=2))
    elif found is not None:
        print_confirmation(found, console())
    if found is None:
        few = "the best setting and the baselines have fewer than two batches in common"
        typer.echo(f"{few}: nothing can be said", err=True)
    if outcome.failed:
        typer.echo(f"{outcome.failed} walks failed; see the column error of confirm", err=True)
    return bool(outcome.failed)
