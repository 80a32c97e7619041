"""The one rule for every text that is read: a record's prompts, subject and targets, a corpus line.

Texts that differ only in how they are written down are one text: a space at an end, a decomposed
accent, the line end of another system. What stands inside a text stays, runs of spaces and newlines
too: tokenizers tell them apart, and published prompts hold them. Case, full-width forms and the
joiners U+200C and U+200D, which change how a word is drawn, make another text.
"""

from __future__ import annotations

import unicodedata

WHITE_SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""All that Unicode calls white space, the no-break and the ideographic space among it."""

INVISIBLE = "\xad\u061c\u180e\u200b\u200e\u200f\u2060\ufeff"
"""Characters of no width that mean nothing at an end: soft hyphen, direction marks, byte order mark
and the like."""

_AT_ENDS = WHITE_SPACE + INVISIBLE


def plain_text(text: str) -> str:
    """The text as it counts: composed (NFC), lines ended by newlines, nothing unseen at its ends.

    Example:
        >>> plain_text(" Caf\\u0065\\u0301\\u00a0")
        'Café'
    """
    composed = unicodedata.normalize("NFC", text)
    return composed.replace("\r\n", "\n").replace("\r", "\n").strip(_AT_ENDS)
