"""Functions that run the trials of a sweep."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from analysis.tables.arguments import checked
from search.cluster.interrupts import Interrupts
from search.cluster.retrying import GIVE_UP_AFTER, Retrying
from search.commands.arguments import KINDS

if TYPE_CHECKING:
    from analysis.judging.confirmed import Confirmation
    from analysis.tables.address import Address
    from search.config.settings import SweepConfig
    from search.session.driver import Options
    from search.session.run import Outcome
    from search.session.watch import Watch


@dataclass(frozen=True)
class ConfirmOutcome:
    """How a sweep's confirmation stands."""

    failed: int
    """How many of the walks that were asked for have failed."""
    confirmation: Confirmation | None
    """What they come to; None while they are too few to say anything."""


@checked(KINDS)
def run(
    config: SweepConfig,
    folder: Address,
    *,
    watch: Watch | None = None,
    verbose: bool = False,
    or_resume: bool = False,
    in_process: bool = False,
    wait_for_lock: float = 0.0,
    give_up_after: float = GIVE_UP_AFTER,
) -> Outcome:
    """Run a sweep, and write it to a folder that holds none yet.

    Args:
        config: its settings; the model's published ones are filled in.
        folder: where it is written: a folder, or s3://bucket/prefix/name.
        watch: told about progress; None: nobody is.
        verbose: let the libraries talk.
        or_resume: where there is a sweep with these settings, finish that.
        in_process: run trials in this process, one after the other and without Ray.
        wait_for_lock: seconds to wait for another driver to end.
        give_up_after: seconds for which the folder's place may fail once trials run.

    Returns:
        how the sweep stands.

    Raises:
        InputError: a setting, a dataset or a model is wrong; all faults together.
        SweepExists: there is a sweep in the folder, and it is not to be finished.
        SweepInterrupted: after a signal; what had ended is on disk, and `resume` goes on.
        BaseModelChanged: trials wrote into the shared weights; the sweep is not valid.
        ResultsError: the folder is damaged.
        StorageError: the folder's place cannot be used.

    Example:
        >>> config = ratchet.Config.from_values({"edits": 4, "search.trials": 4})
        >>> ratchet.run(config, "results/first").trials
        4
    """
    from search.config.arguments import resolved

    config = resolved(config)
    from search.session.run import run_sweep  # takes a while, once the input is known to be right

    options = _options(config, watch, verbose, in_process, wait_for_lock, give_up_after)
    return run_sweep(config, folder, options, or_resume=or_resume)


@checked(KINDS)
def resume(
    folder: Address,
    *,
    watch: Watch | None = None,
    verbose: bool = False,
    accept_versions: bool = False,
    in_process: bool = False,
    wait_for_lock: float = 0.0,
    give_up_after: float = GIVE_UP_AFTER,
) -> Outcome:
    """Finish a sweep: run what is missing, and baselines that failed; other trials stay.

    Args:
        folder: the sweep's.
        watch: told about progress; None: nobody is.
        verbose: let the libraries talk.
        accept_versions: continue with other package versions, as a new generation.
        in_process: run trials in this process, one after the other and without Ray.
        wait_for_lock: seconds to wait for another driver to end.
        give_up_after: seconds for which the folder's place may fail once trials run.

    Returns:
        how the sweep stands.

    Raises:
        InputError: settings, data or versions are not those that the sweep started with.
        ResultsError: there is no sweep, or it is damaged or not valid.
        SweepInterrupted, BaseModelChanged, StorageError: as in `run`.

    Example:
        >>> ratchet.resume("results/first").failed
        0
    """
    from search.sweep.file_reader import read_sweep_file

    config = read_sweep_file(folder).config
    from search.session.run import resume_sweep

    options = _options(config, watch, verbose, in_process, wait_for_lock, give_up_after)
    return resume_sweep(folder, options, accept_versions=accept_versions)


@checked(KINDS)
def extend(
    folder: Address,
    trials: int,
    settings: Mapping[str, object] | Sequence[str] = (),
    *,
    watch: Watch | None = None,
    verbose: bool = False,
    accept_versions: bool = False,
    in_process: bool = False,
    wait_for_lock: float = 0.0,
    give_up_after: float = GIVE_UP_AFTER,
) -> Outcome:
    """Add trials to a sweep, in its own space or another.

    Args:
        folder: the sweep's.
        trials: search trials to add.
        settings: other settings of search, cache and ray, by key, or `key=value` each.
        watch: told about progress; None: nobody is.
        verbose: let the libraries talk.
        accept_versions: continue with other package versions.
        in_process: run trials in this process, one after the other and without Ray.
        wait_for_lock: seconds to wait for another driver to end.
        give_up_after: seconds for which the folder's place may fail once trials run.

    Returns:
        how the sweep stands, earlier trials included.

    Raises:
        InputError: a setting is wrong, or makes the new trials incomparable with the sweep's.
        ResultsError, SweepInterrupted, BaseModelChanged, StorageError: as in `resume`.

    Example:
        >>> ratchet.extend("results/first", 2, {"search.sampler": "random"}).trials
        6
    """
    from search.sweep.extension import Extension
    from search.sweep.file_reader import read_sweep_file

    if isinstance(settings, str):  # a sequence of its letters, to Python
        settings = [settings]
    values = settings if isinstance(settings, Mapping) else {}
    overrides = () if isinstance(settings, Mapping) else tuple(map(str, settings))
    extension = Extension(os.fspath(folder), trials, overrides, values)
    config = extension.config_of(read_sweep_file(folder))
    from search.session.run import extend_sweep

    options = _options(config, watch, verbose, in_process, wait_for_lock, give_up_after)
    return extend_sweep(extension, options, accept_versions=accept_versions)


@checked(KINDS)
def confirm(
    folder: Address,
    *,
    top: int = 3,
    sequences: int | None = None,
    watch: Watch | None = None,
    verbose: bool = False,
    accept_versions: bool = False,
    in_process: bool = False,
    wait_for_lock: float = 0.0,
    give_up_after: float = GIVE_UP_AFTER,
) -> ConfirmOutcome:
    """Run the best settings and the baselines again, on records that the sweep never edited.

    Args:
        folder: the sweep's.
        top: how many settings of the search to confirm.
        sequences: on how many sequences; None: as many as the reserved records allow, at most 5.
        watch: told about progress; None: nobody is.
        verbose: let the libraries talk.
        accept_versions: take other package versions than the sweep's.
        in_process: run trials in this process, one after the other and without Ray.
        wait_for_lock: seconds to wait for another driver to end.
        give_up_after: seconds for which the folder's place may fail once walks run.

    Returns:
        how many walks have failed, and what they come to.

    Raises:
        InputError: no trial has been completed, too few records are reserved or asked for, or
            settings, data or versions are not those of the sweep.
        ResultsError, SweepInterrupted, BaseModelChanged, StorageError: as in `resume`.

    Example:
        >>> ratchet.confirm("results/first", top=1, sequences=2).failed
        0
    """
    from search.sweep.file_reader import read_sweep_file

    config = read_sweep_file(folder).config
    from analysis.judging.confirmation import confirmation
    from analysis.tables.sweep import load
    from search.confirm.run import confirm_sweep

    options = _options(config, watch, verbose, in_process, wait_for_lock, give_up_after)
    failed = confirm_sweep(folder, top, sequences, options, accept_versions=accept_versions)
    sweep = Retrying(give_up_after, Interrupts()).insist(partial(load, folder))
    return ConfirmOutcome(failed, confirmation(sweep))


def _options(
    config: SweepConfig,
    watch: Watch | None,
    verbose: bool,
    in_process: bool,
    wait_for_lock: float,
    give_up_after: float,
) -> Options:
    """What a command is asked for; tells its watch that work begins."""
    from search.session.driver import Options
    from search.session.watch import Watch

    watch = watch or Watch()
    watch.starting(config)
    return Options(watch, verbose, in_process, wait_for_lock, give_up_after)
