"""`ratchet confirm`: what is missing is run, and everything that is there is judged."""

from __future__ import annotations

import json
from collections.abc import Callable

import typer

from search.cli.progress_line import ProgressLine
from search.cli.streams import console
from search.commands.sweeps import ConfirmOutcome
from search.session.watch import Watch


def confirm_and_show(start: Callable[[Watch], ConfirmOutcome], as_json: bool) -> bool:
    """Confirm a sweep, print what came of it, and say whether walks have failed.

    Args:
        start: confirms it, and tells a watch how far it is.
        as_json: print JSON.
    """
    line = ProgressLine(console(stderr=True))
    with line.shown():
        outcome = start(line)
    found = outcome.confirmation
    if as_json:
        typer.echo(json.dumps(found and found.to_dict(), indent=2))
    elif found is not None:
        from search.cli.confirm_table import print_confirmation  # imports pandas

        print_confirmation(found, console())
    if found is None:
        few = "the best setting and the baselines have no sequence in common"
        typer.echo(f"{few}: nothing can be said", err=True)
    if outcome.failed:
        typer.echo(f"{outcome.failed} walks failed; see the column error of confirm", err=True)
    return bool(outcome.failed)
