"""The words of texts, as searches compare them."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hinterland.kit import words as module
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


def whole(text: str) -> list[str]:
    """The words of a text that is normalised as one."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = unicodedata.normalize("NFC", module._MARK.sub("", plain)).translate(module._PLAIN)
    return [word[:LONGEST_WORD] for word in module._WORD.findall(plain)]


@contextmanager
def slices(length: int) -> Iterator[None]:
    """Texts are normalised in parts of about this length."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SLICE", length)
        yield


ODD = [
    *[
        "a",
        "B",
        "x" * 40,
        " ",
        "_",
        "\n",
        "\u0301",
        "\u0316",
        "\u0345",
        "\u0344",
        "\u093c",
        "\u094d",
        "\u0e38",
        "\u0e48",
    ],
    *[
        "\u3099",
        "\uff9e",
        "か",
        "ｶ",
        "東",
        "\u1100",
        "\u1161",
        "\u11a8",
        "가",
        "각",
        "\u3131",
        "\u09c7",
        "\u09be",
        "\ufdfa",
    ],
    *["㍿", "é", "ß", "ﬁ", "ｱ", "\u0f73", "\u0f71", "\u0640", "\ufe71", "🦊", "\u05bc", "\u05e9", "ΐ", "æ", "１"],
]
TEXTS = st.lists(st.tuples(st.sampled_from(ODD) | st.characters(), st.sampled_from([1, 1, 2, 40])), max_size=12)


@example(1, [("a", 40), ("æ", 40)], 1)
@given(st.integers(1, 50), TEXTS, st.integers(1, 200))
def test_long_texts(length: int, parts: list[tuple[str, int]], enough: int) -> None:
    """The words of a text are the same whether it is normalised as one or in parts, and where no more than the first
    ones are needed they are its first ones."""
    text = "".join([part * count for part, count in parts])
    with slices(length):
        assert words_of(text) == whole(text)
        first = words_of(text, enough)
    assert first == whole(text)[: len(first)]
    assert first == whole(text) or sum(map(len, first)) + len(first) >= enough


def test_where_a_text_is_cut() -> None:
    """Before no character is a text cut that changes what is before it."""
    odd = [each for each in map(chr, range(sys.maxunicode + 1))
           if unicodedata.decomposition(each) or unicodedata.combining(each) or each in ODD]  # fmt: skip
    with slices(1):
        for each in odd:
            for text in (f"a{each}\u0301b", f"\u1100\u1161{each}\u11a8", f"か{each}\u3099", f"\u09c7{each}\u09be"):
                assert words_of(text) == whole(text), hex(ord(each))


def test_many_marks() -> None:
    """Marks by the hundred thousand, which Unicode orders in the time of their square, take no long time: what is given
    to it is in order."""
    for marks in ("\u0301\u0316", "\u0e48\u0e38", "\u0301\uff9e", "\u094d\u093c"):
        for run in (marks * 50, marks * 50_000):
            ordered = module._MANY_MARKS.sub(module._ordered, module._MARK_AT_ONCE.sub("", run))
            classes = [unicodedata.combining(each) for each in ordered]
            assert classes == sorted(classes)
        assert words_of("a" + marks * 50 + "b") == whole("a" + marks * 50 + "b")
        assert words_of("a" + marks * 50_000 + " b")[-1] == "b"
