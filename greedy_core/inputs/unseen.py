"""Invisible characters, recognized by what Unicode says about them.

White space, controls and format characters are recognized by their category. A short list has those
of other categories that are drawn as nothing: fillers, grapheme joiners, code points that Unicode
reserves for such. The joiners U+200C and U+200D count as seen, since they change how a word is
drawn, and so do format characters that are drawn themselves, such as the Arabic number sign.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

JOINERS = "\u200c\u200d"

_DRAWN = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
"""Format characters that stand before a number or under a word, and are seen."""

_NOTHING = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\ufff0-\ufff8\U00016fe4\U0001d159\U000e0000-\U000e0fff]"
)
"""What is drawn as nothing and is no format character: fillers, the blank Braille pattern, the null
note head, variation selectors, and the rest of Default_Ignorable_Code_Point."""

_FORM = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_FLAG = re.compile("(?<=\U0001f3f4)[\U000e0020-\U000e007e]+\U000e007f")
"""The tags that turn a black flag into another one."""


@lru_cache(maxsize=4096)
def is_unseen(character: str) -> bool:
    """Whether a character leaves no mark of its own."""
    if character.isspace() or _NOTHING.match(character):
        return True
    if character in JOINERS or character in _DRAWN:
        return False
    return unicodedata.category(character) in ("Cc", "Cf")


def form_after(text: str, end: int) -> int:
    """How many unseen characters after `text[:end]` say how its last character is drawn.

    A symbol, an ideograph or a Mongolian letter can have a variation selector, which makes another
    picture of it, and a black flag the tags of a region. After all else they mean nothing.
    """
    if end == 0:
        return 0
    found = _FLAG.match(text, end)
    if found is None and _has_forms(text[end - 1]):
        found = _FORM.match(text, end)
    return 0 if found is None else found.end() - end


def seen(text: str) -> str:
    """A text as it looks: without invisible characters or joiners, and with all spaces alike."""
    kept = []
    end = 0
    while end < len(text):
        if text[end].isspace():
            kept.append(" ")
        elif not (is_unseen(text[end]) or text[end] in JOINERS):
            kept.append(text[end])
        end += 1
        if flag := _FLAG.match(text, end):
            kept.append(flag[0])
            end = flag.end()
    return "".join(kept)


def _has_forms(character: str) -> bool:
    if character.isascii():
        return False
    name = unicodedata.name(character, "")
    return unicodedata.category(character)[0] in "SP" or name.startswith(("CJK", "MONGOLIAN"))
