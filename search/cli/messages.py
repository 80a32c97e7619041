"""Which messages a command shows while it works."""

from __future__ import annotations

import logging

from search import PACKAGES


def set_up_logging(verbose: bool) -> None:
    """Our own warnings always; the libraries' chatter on request."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.ERROR,
        format="%(name)s: %(message)s" if verbose else "ratchet: %(message)s",
    )
    for package in PACKAGES:
        logging.getLogger(package).setLevel(logging.INFO if verbose else logging.WARNING)
