"""The one rule for every text that is read."""

from __future__ import annotations

import sys
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greedy_core.inputs.plain_text import plain_text
from greedy_core.inputs.unseen import is_unseen, seen


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("X", "X"),
        (" X ", "X"),
        ("\tX\n", "X"),
        ("\ufeffX\u200b", "X"),
        ("\u00a0X\u3000", "X"),
        ("\u200e X\u00ad", "X"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a  b\t\tc\u200bd", "a  b\t\tc\u200bd"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("\u1112\u1161\u11ab", "\ud55c"),
        ("\u212b", "\u00c5"),
        ("\uff38", "\uff38"),
        ("x\u200d", "x\u200d"),
        (" \u2003\ufeff\r\n", ""),
        ("\u2068X\u2069", "X"),
        ("a\u2068X\u2069b", "a\u2068X\u2069b"),
        ("\u2764\ufe0f", "\u2764\ufe0f"),
        ("\u203c\ufe0f \ufe0f", "\u203c\ufe0f"),
        ("X\ufe0f", "X"),
        ("\ufe0fX", "X"),
        ("1\ufe0f\u20e3", "1\ufe0f\u20e3"),
        ("\u845b\U000e0100", "\u845b\U000e0100"),
        ("\u1820\u180b", "\u1820\u180b"),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f", "\U0001f3f4\U000e0067\U000e0062\U000e007f"),
        ("X\U000e0067\U000e007f", "X"),
        ("\u2800\ufe0f", ""),
        ("\u0600", "\u0600"),
    ],
)
def test_the_rule(text: str, plain: str) -> None:
    assert plain_text(text) == plain


UNSEEN = [
    *(" ", "\u00a0", "\u3000", "\u2028", "\x85", "\x00", "\x08", "\x0e", "\x1b", "\x7f", "\x9f"),
    *("\u00ad", "\u034f", "\u061c", "\u115f", "\u1160", "\u17b4", "\u180b", "\u180e", "\u180f"),
    *("\u200b", "\u200e", "\u202a", "\u202e", "\u2060", "\u2061", "\u2064", "\u2065", "\u2066"),
    *("\u206f", "\u2800", "\u3164", "\ufe00", "\ufe0f", "\ufeff", "\uffa0", "\ufff0", "\ufff9"),
    *("\ufffb", "\U0001bca0", "\U0001d159", "\U0001d173", "\U000e0001", "\U000e0020"),
    *("\U000e007f", "\U000e0100", "\U000e01ef", "\U000e0fff"),
]


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
def test_what_nobody_sees_is_at_no_end(unseen: str) -> None:
    assert plain_text(f"Africa{unseen}") == "Africa"
    assert plain_text(f"{unseen}Africa{unseen}{unseen}") == "Africa"
    assert plain_text(unseen) == ""


MIXED = "".join(UNSEEN) + "ae\u0301\u1100\u1161\u11a8\u2000{}\u200d\u2764\u845b\U0001f3f4"


@given(st.text(st.sampled_from(MIXED)))
def test_a_text_that_counts_stays_as_it_is(text: str) -> None:
    assert plain_text(plain_text(text)) == plain_text(text)


def test_all_white_space_controls_and_formats_of_unicode_are_unseen() -> None:
    everything = [chr(number) for number in range(sys.maxunicode + 1)]
    assert all(map(is_unseen, filter(str.isspace, everything)))
    kept = [c for c in everything if category(c) in ("Cc", "Cf") and not is_unseen(c)]
    assert {"\u200c", "\u200d", "\u06dd"} < {*kept}
    assert len(kept) == 15


@pytest.mark.parametrize(
    ("text", "other"), [("Af\u202crica", "Africa"), ("A\u200db", "Ab"), ("a\u00a0b", "a b")]
)
def test_what_is_seen_of_a_text(text: str, other: str) -> None:
    assert seen(text) == seen(other)
    assert seen("New York") != seen("NewYork")


def test_another_flag_is_seen() -> None:
    flags = {seen(f"\U0001f3f4\U000e0067{tag}\U000e007f") for tag in "\U000e0062\U000e0063"}
    assert len(flags) == 2
