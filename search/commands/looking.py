"""Functions that look at a configuration or a sweep, and run nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.tables.arguments import checked
from greedy_core.errors import InputError
from search.commands.arguments import KINDS

if TYPE_CHECKING:
    from analysis.judging.verdict import Verdict
    from analysis.tables.address import Address
    from search.config.settings import SweepConfig
    from search.sweep.checkup import Checkup
    from search.sweep.status import Status


@checked(KINDS)
def resolved(config: SweepConfig) -> SweepConfig:
    """Fill in the published settings of a configuration's model, as `run` and `edit` do.

    Args:
        config: its settings; what is open in them is filled in.

    Returns:
        The whole configuration; its `to_yaml()` is what `ratchet config` prints.

    Raises:
        InputError: a setting, a dataset or a model is wrong; all faults together.

    Example:
        >>> open_ones = ratchet.Config.from_values({"edits": 8})
        >>> open_ones.edit.mu, ratchet.resolved(open_ones).edit.mu
        (None, 10.0)
    """
    from search.config import arguments

    return arguments.resolved(config)


@checked(KINDS)
def status(folder: Address) -> Status:
    """Look at how a sweep stands, while it runs and after.

    Args:
        folder: the sweep's.

    Returns:
        How it stands: who works on it, what has ended and failed, what is best so far.

    Raises:
        SweepNotFound: there is no sweep, nor a driver that prepares one.
        ResultsError: the folder is damaged.
        StorageError: the folder's place cannot be used.

    Example:
        >>> ratchet.status("results/first").state
        'finished'
    """
    from search.sweep.status import read_status

    return read_status(folder)


@checked(KINDS)
def best(folder: Address) -> Verdict:
    """Find a sweep's best setting, its metrics, and its lead over each baseline.

    Args:
        folder: the sweep's.

    Returns:
        What `ratchet best` shows; its `to_dict()` is what `ratchet best --json` prints.

    Raises:
        InputError: no search trial has been completed.
        ResultsError: there is no sweep, or it is damaged or not valid.
        StorageError: the folder's place cannot be used.

    Example:
        >>> sorted(ratchet.best("results/first").baselines)
        ['baseline_default', 'baseline_full', 'baseline_literal']
    """
    from analysis.judging.verdict import counted, verdict
    from search.sweep.valid import read_valid

    sweep = read_valid(folder)
    found = verdict(sweep)
    if found is None:
        ended = counted(sweep.searched, "status")
        counts = ", ".join(f"{number} {status}" for status, number in ended.items())
        how = f" ({counts})" if counts else " yet"
        raise InputError(f"{sweep.path}: no search trial has been completed{how}")
    return found


@checked(KINDS)
def check(folder: Address, repair: bool = False) -> Checkup:
    """Compare every file of a sweep with what was committed.

    Args:
        folder: the sweep's.
        repair: set aside what is damaged, so that `resume` runs those trials again.

    Returns:
        What is damaged, what is whole, and what was set aside.

    Raises:
        SweepNotFound: there is no sweep.
        SweepLocked: it is to be repaired, and a driver is at work on it.
        StorageError: the folder's place cannot be used.

    Example:
        >>> ratchet.check("results/first").usable
        True
    """
    from search.sweep.checkup import check_sweep

    return check_sweep(folder, repair)
