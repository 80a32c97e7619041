"""Which rows share a forward, so that none pays for another's length.

Rows of a forward are padded to the longest. Were they taken as they come, one long row would set
the cost of all others: memory and time of a batch would be those of its worst text.
"""

from __future__ import annotations

from collections.abc import Sequence

SMALL = 256
"""Padding that a forward may have in any case: below that, more forwards cost more than it does."""


def of_like_length(lengths: Sequence[int], most_tokens: int) -> list[list[int]]:
    """Divide rows into forwards that run at most twice the tokens that they use, plus SMALL.

    Args:
        lengths: the rows' lengths, each 1 or more.
        most_tokens: most tokens of a forward, padding included, unless a single row has more; it
            bounds memory.

    Returns:
        The rows of each forward, by rising length; rows of one length stay in their order.

    Example:
        >>> of_like_length([3, 900, 5, 4], most_tokens=2048)
        [[0, 3, 2], [1]]
    """
    forwards: list[list[int]] = []
    used = 0
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        padded = (len(forwards[-1]) + 1) * lengths[row] if forwards else 0
        used += lengths[row]
        if not forwards or padded > min(2 * used + SMALL, most_tokens):
            forwards.append([])
            used = lengths[row]
        forwards[-1].append(row)
    return forwards
