"""Texts that show nothing."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest

from hinterland.kit.blank_text import INVISIBLE, is_blank

CATEGORIES = ("Cc", "Cf", "Zs", "Zl", "Zp")


def test_every_invisible_character() -> None:
    """A text of controls, formats or separators of Unicode alone is blank, each of them; not with a letter."""
    for number in range(sys.maxunicode + 1):
        if unicodedata.category(char := chr(number)) in CATEGORIES:
            assert is_blank(char * 8), f"U+{number:04X}"
            assert not is_blank(f"{char}a{char}")


@pytest.mark.parametrize("char", "\u034f\u115f\u1160\u17b4\u180b\u2065\u3164\ufe0f\uffa0\U000e0100")
def test_fillers_and_variation_selectors(char: str) -> None:
    """So is one of what Unicode says to ignore by default: fillers and variation selectors."""
    assert is_blank(char)


def test_what_is_seen() -> None:
    """Letters, marks, signs and private characters of every script are seen; the empty text is blank."""
    assert is_blank("")
    for number in range(sys.maxunicode + 1):
        if unicodedata.category(char := chr(number))[0] in "LNPS" and number not in (0x115F, 0x1160, 0x3164, 0xFFA0):
            assert not is_blank(char), f"U+{number:04X}"
    assert not is_blank("\ue000\U0001f600")


def test_the_class_for_documents() -> None:
    """The class that stands in documents says the same of every character up to U+FFFF."""
    seen = re.compile(f"[^{INVISIBLE}]")
    assert all((seen.search(chr(number)) is None) == is_blank(chr(number)) for number in range(0x10000))
