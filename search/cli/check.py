"""`ratchet check`: every file of a sweep compared with what was committed, and damage set aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from analysis.errors import ResultsError
from analysis.tables.folder import CONFIG, SweepFolder
from greedy_core.errors import InputError
from search.results.inspection import Inspection, inspect, misplaced
from search.results.lock import SweepLock
from search.results.places import results_folder
from search.results.repair import SET_ASIDE, repair
from search.sweep.file_reader import parse_sweep_file, read_sweep_file


def check_sweep(address: str, repairing: bool, tell: Callable[[str], None]) -> bool:
    """Look at every file of a sweep, and say what is wrong and what can still be used.

    Args:
        address: the sweep's folder.
        repairing: set aside what is damaged.
        tell: takes each line.

    Returns:
        Whether the sweep can be used as it is now.

    Raises:
        SweepNotFound: there is no sweep.
        SweepLocked: it is to be repaired, and a driver is at work on it.
        StorageError: the folder cannot be used.
    """
    if not _in_their_places(address, repairing, tell):
        return False
    found, _ = _inspected(SweepFolder.at(address))
    for fault in found.faults:
        tell(fault)
    readable = _settings_are_readable(found, SweepFolder.at(address), tell)
    _tell_standing(found, tell)
    if not repairing or not (found.faults or found.partial_trials):
        if found.faults:
            tell(f"to set aside what is damaged and go on: ratchet check {address} --repair")
        return readable and not found.faults
    folder = results_folder(address)
    with SweepLock(folder) as lock:
        found, edited = _inspected(folder.reading)  # as it is now that nobody else writes
        place = repair(folder, found, lock.check, edited)
    if place is not None:
        tell(f"set aside: {folder.reading.path(place)}")
    if not readable:
        return False
    if found.lost_trials or not found.lost_walks:
        tell(f"repaired; to run again what is missing: ratchet resume {address}")
    if found.lost_walks:
        tell(f"repaired; to run again the walks that are missing: ratchet confirm {address}")
    return True


def _inspected(folder: SweepFolder) -> tuple[Inspection, str | None]:
    """What was found, and the text of sweep.yaml if a hand has changed it as it may.

    Such a change is no damage; reading it says what it is.
    """
    found = inspect(folder)
    if CONFIG not in found.damaged or found.is_made_up:
        return found, None
    try:
        read_sweep_file(folder.address)
    except (ResultsError, InputError):
        return found, None
    path = folder.path(CONFIG)
    faults = tuple(each for each in found.faults if not each.startswith(f"{path}: "))
    damaged = tuple(name for name in found.damaged if name != CONFIG)
    return replace(found, faults=faults, damaged=damaged), folder.text(CONFIG)


def _in_their_places(address: str, repairing: bool, tell: Callable[[str], None]) -> bool:
    """Whether the sweep's folders are folders; if repairing, set aside what is in their place."""
    reading = SweepFolder.at(address)
    for name in misplaced(reading):
        tell(f"{reading.path(name)}: must be a folder")
    if not repairing:
        if misplaced(reading):
            tell(f"to set aside what is damaged and go on: ratchet check {address} --repair")
        return not misplaced(reading)
    folder = results_folder(address)
    with SweepLock(folder) as lock:
        lock.check()
        place = f"{SET_ASIDE}/places"
        if others := misplaced(reading):
            folder.set_aside(others, place)
            tell(f"set aside: {reading.path(place)}")
    return True


def _settings_are_readable(
    found: Inspection, folder: SweepFolder, tell: Callable[[str], None]
) -> bool:
    """Whether what counts of sweep.yaml can be read; no repair could make it up."""
    path = folder.path(CONFIG)
    try:
        text = found.commit.sweep or folder.text(CONFIG)
        if text is None:
            raise ResultsError(f"{path}: missing")
        parse_sweep_file(text, path)
    except ResultsError as error:
        for fault in error.faults:
            if fault not in found.faults:
                tell(fault)
        tell("without its settings the sweep cannot go on, but its tables can be loaded")
        return False
    return True


def _tell_standing(found: Inspection, tell: Callable[[str], None]) -> None:
    parts = sum(len(each) for each in found.commit.parts.values())
    known = "as they were written"
    if found.commit.rescued:
        known = "readable" if found.is_made_up else "as they were when digests were taken anew"
    partial = len(found.partial_trials)
    tell(
        f"{len(found.trials)} trials are whole"
        + (f", {partial} are not" if partial else "")
        + (f"; {len(found.walks)} confirmed walks are whole" if found.walks else "")
        + f"; {parts} parts are {known}"
    )
    if found.is_made_up:
        tell("their digests are lost, so only Parquet's own checks were made")
    elif found.commit.rescued:
        tell("digests had been lost: nobody knows whether the parts were changed before a repair")
    elif any(part.digest is None for each in found.commit.parts.values() for part in each):
        tell("written before there were digests, so only Parquet's own checks were made")
    if found.commit.unchecked:
        tell(
            f"of {len(found.commit.unchecked)} trials nobody knows whether the shared weights were "
            "still the same when they ended"
        )
    if found.commit.invalid is not None:
        tell(found.commit.invalid)
