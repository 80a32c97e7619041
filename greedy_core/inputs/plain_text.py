"""The one rule for every text that is read: a record's prompts, subject and targets, a corpus line.

Texts that differ only in how they are written down are one text: a space or an unseen character at
an end, a decomposed accent, the line end of another system. What stands inside a text stays, runs
of spaces, newlines and direction marks too: tokenizers tell them apart, and published prompts hold
them. Case, full-width forms and the joiners U+200C and U+200D, which change how a word is drawn,
make another text. So does a variation selector after a symbol, an ideograph or a Mongolian letter.
"""

from __future__ import annotations

import unicodedata

from greedy_core.inputs.unseen import form_after, is_unseen


def plain_text(text: str) -> str:
    """The text normalized: composed (NFC), lines ended by newlines, nothing unseen at its ends.

    Example:
        >>> plain_text(" Caf\\u0065\\u0301\\u00a0")
        'Café'
    """
    composed = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    start, end = 0, len(composed)
    while start < end and is_unseen(composed[start]):
        start += 1
    while end > start and is_unseen(composed[end - 1]):
        end -= 1
    return composed[start : end + (form_after(composed, end) if end > start else 0)]
