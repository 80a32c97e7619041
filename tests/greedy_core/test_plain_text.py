"""The one rule for every text that is read."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greedy_core.inputs.plain_text import INVISIBLE, WHITE_SPACE, plain_text


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
    ],
)
def test_the_rule(text: str, plain: str) -> None:
    assert plain_text(text) == plain


@given(st.text(st.sampled_from(WHITE_SPACE + INVISIBLE + "ae\u0301\u1100\u1161\u11a8\u2000{}")))
def test_a_text_that_counts_stays_as_it_is(text: str) -> None:
    assert plain_text(plain_text(text)) == plain_text(text)


def test_all_white_space_of_unicode_is_known() -> None:
    everything = map(chr, range(sys.maxunicode + 1))
    assert [*WHITE_SPACE] == [character for character in everything if character.isspace()]
