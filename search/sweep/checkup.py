"""Every file of a sweep compared with what was committed, and damage set aside if that is asked."""

from __future__ import annotations

import os
import shlex
from dataclasses import asdict, dataclass, replace
from typing import Any

from analysis.errors import ResultsError
from analysis.tables.address import Address
from analysis.tables.folder import CONFIG, SweepFolder
from greedy_core.errors import InputError
from search.results.inspection import Inspection, inspect, misplaced
from search.results.lock import SweepLock
from search.results.places import results_folder
from search.results.repair import SET_ASIDE, repair
from search.sweep.checkup_sentences import next_steps, standing
from search.sweep.file_reader import parse_sweep_file, read_sweep_file


@dataclass(frozen=True)
class Checkup:
    """What a look at every file of a sweep has found; plain values, ready for JSON."""

    folder: str
    """The sweep's folder."""
    usable: bool
    """Whether the sweep can be used as it is now."""
    faults: tuple[str, ...]
    """A line for everything that is not as the sweep has written it, set aside since or not."""
    trials: tuple[int, ...]
    """Trials that are whole; none where so much is damaged that they were not looked at."""
    partial_trials: tuple[int, ...]
    """Trials of which something is whole and something is not."""
    set_aside: tuple[str, ...]
    """Folders that damaged files were moved into."""
    sentences: tuple[str, ...]
    """What `ratchet check` prints: all of that, what it means, and what to do next."""

    def to_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)


def check_sweep(address: Address, repairing: bool) -> Checkup:
    """Look at every file of a sweep: what is wrong, and what can still be used.

    Args:
        address: the sweep's folder.
        repairing: set aside what is damaged.

    Raises:
        SweepNotFound: there is no sweep.
        SweepLocked: it is to be repaired, and a driver is at work on it.
        StorageError: the folder cannot be used.
    """
    return _Check(address, repairing).checkup()


class _Check:
    """One look, and what it says on its way."""

    def __init__(self, address: Address, repairing: bool) -> None:
        self._address = os.fspath(address)
        self._folder = SweepFolder.at(address)
        self._repairing = repairing
        self._faults: list[str] = []
        self._set_aside: list[str] = []
        self._said: list[str] = []

    def checkup(self) -> Checkup:
        """Look, and repair if that is asked."""
        found = None
        usable = self._places()
        if usable:
            found, _ = _inspected(self._folder)
            usable = self._judged(found)
        return Checkup(
            folder=self._folder.address,
            usable=usable,
            faults=tuple(self._faults),
            trials=() if found is None else tuple(sorted(found.trials)),
            partial_trials=() if found is None else tuple(sorted(found.partial_trials)),
            set_aside=tuple(self._set_aside),
            sentences=tuple(self._said),
        )

    def _places(self) -> bool:
        """Whether the folders are folders; if repairing, what is in their place is set aside."""
        others = misplaced(self._folder)
        for name in others:
            self._fault(f"{self._folder.path(name)}: must be a folder")
        if not self._repairing:
            if others:
                self._offer_repair()
            return not others
        folder = results_folder(self._address)
        with SweepLock(folder) as lock:
            lock.check()
            if others := misplaced(self._folder):
                place = f"{SET_ASIDE}/places"
                folder.set_aside(others, place)
                self._moved(place)
        return True

    def _judged(self, found: Inspection) -> bool:
        """Whether a sweep with such files can be used, or can once it is repaired."""
        for fault in found.faults:
            self._fault(fault)
        readable = self._has_settings(found)
        self._said += standing(found)
        if not self._repairing or not (found.faults or found.partial_trials):
            if found.faults:
                self._offer_repair()
            return readable and not found.faults
        folder = results_folder(self._address)
        with SweepLock(folder) as lock:
            found, edited = _inspected(folder.reading)  # as it is now that nobody else writes
            place = repair(folder, found, lock.check, edited)
        if place is not None:
            self._moved(place)
        if readable:
            self._said += next_steps(found, self._address)
        return readable

    def _has_settings(self, found: Inspection) -> bool:
        """Whether what counts of sweep.yaml can be read; no repair could make it up."""
        path = self._folder.path(CONFIG)
        try:
            text = found.commit.sweep or self._folder.text(CONFIG)
            if text is None:
                raise ResultsError(f"{path}: missing")
            parse_sweep_file(text, path)
        except ResultsError as error:
            for fault in error.faults:
                if fault not in found.faults:
                    self._fault(fault)
            self._said.append(
                "without its settings the sweep cannot go on, but its tables can be loaded"
            )
            return False
        return True

    def _fault(self, line: str) -> None:
        self._faults.append(line)
        self._said.append(line)

    def _moved(self, place: str) -> None:
        self._set_aside.append(self._folder.path(place))
        self._said.append(f"set aside: {self._folder.path(place)}")

    def _offer_repair(self) -> None:
        line = shlex.join(["ratchet", "check", self._address, "--repair"])
        self._said.append(f"to set aside what is damaged and go on: {line}")


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
