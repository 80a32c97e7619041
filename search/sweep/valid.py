"""A sweep's tables for commands that decide something from them."""

from __future__ import annotations

import logging

from analysis.tables.address import Address
from analysis.tables.commits import head
from analysis.tables.folder import CONFIG, SweepFolder
from analysis.tables.stored import StoredSweep, read_stored
from search.results.progress import require_valid

logger = logging.getLogger(__name__)


def read_valid(address: Address) -> StoredSweep:
    """The tables of a sweep that may be used, whose sweep.yaml is what it has written.

    Raises:
        As `analysis.load` and `read_sweep_file` do, and ResultsError if the sweep is not valid.
    """
    folder = SweepFolder.at(address)
    sweep = read_stored(folder)
    require_valid(folder)
    commit = head(folder)
    if commit is not None and commit.sweep is not None and folder.text(CONFIG) != commit.sweep:
        from search.sweep.file_reader import read_sweep_file  # takes a while, and is seldom needed

        read_sweep_file(address)
    if sweep.unchecked:
        logger.warning(
            "of %d trials nobody knows whether the shared weights were still the same when they "
            "ended",
            len(sweep.unchecked),
        )
    return sweep
