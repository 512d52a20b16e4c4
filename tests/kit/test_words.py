"""The words of texts, as searches compare them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.kit.words import LONGEST_WORD, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, World's 42nd_x", "hello world s 42nd x"), ("é É e\u0301", "e e e"), ("ﬁn Straße", "fin strasse"),
        ("ŁÓDŹ Ærø Đ", "lodz aero d"), ("İstanbul ISTANBUL ı", "istanbul istanbul i"),
        ("ΣΊΣΥΦΟΣ ἀρχή", "σισυφοσ αρχη"),
        ("１２３ ² ½", "123 2 1 2"), ("tiếng Việt", "tieng viet"), ("ёлка Йод", "елка иод"), ("مُحَمَّد", "محمد"),
        ("שָׁלוֹם", "שלום"), ("हिन्दी में", "हिन्दी में"), ("한국어 단어", "한국어 단어"),
        ("東京タワー is", "東 京 タ ワ ー is"),
        ("สวัสดี", "ส ว ั ส ด ี"), ("a\0b\tc\u200bd", "a b c d"), ("🦊 -- * \"", ""), ("𠮷野家", "𠮷 野 家"),
        ("ｶﾞ", "ガ"), ("x" * 300, "x" * LONGEST_WORD),
    ],
)  # fmt: skip
def test_words(text: str, words: str) -> None:
    """Letters and digits, without case and accents; scripts without spaces character by character."""
    assert words_of(text) == words.split()


@given(st.text())
def test_words_are_in_their_one_form(text: str) -> None:
    """A word is made of itself alone, has no blank and nothing that a database reads as a sign."""
    for word in words_of(text):
        assert words_of(word) == [word]
        assert word.strip() == word != ""
        assert not set(word) & set(" |\"'*:&!()<>\\\0")
