"""What a command lets be said while it works."""

from __future__ import annotations

import logging

from spaces.values import inert


def set_up_logging(verbose: bool) -> None:
    """Our own warnings always; the libraries' chatter on request."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Inert("%(name)s: %(message)s" if verbose else "ratchet: %(message)s"))
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, handlers=[handler])
    for package in ("greedy_core", "search", "spaces", "analysis"):
        logging.getLogger(package).setLevel(logging.INFO if verbose else logging.WARNING)


class _Inert(logging.Formatter):
    """Messages may quote what files hold; a terminal must not obey it."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(map(inert, super().format(record).split("\n")))
