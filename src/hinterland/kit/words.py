"""The words of a text, as searches compare them: without case, without diacritics, whatever the database.

Letters and digits of all scripts make words. What is written without spaces (Han, kana, Thai, Lao, Burmese, Khmer) is
taken character by character, so that a sequence of them is found inside a longer one.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_WORD = 100
"""Code points of a word that are compared; both databases keep a word of this length."""

# Marks that are left out: those beside Latin, Greek and Cyrillic letters, Hebrew points and Arabic vowel signs. Those
# of other scripts are parts of words.
_DROPPED = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\u0591-\u05bd\u05bf\u05c1\u05c2"
_DROPPED += "\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed"
_MARK = re.compile(f"[{_DROPPED}]+")
# The vowel signs of South and South-East Asia, which are no letters to `re`.
_SIGNS = "\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09d7\u0a01-\u0a03\u0a3c-\u0a51"
_SIGNS += "\u0a81-\u0a83\u0abc-\u0acd\u0b01-\u0b03\u0b3c-\u0b57\u0b82\u0bbe-\u0bcd\u0c00-\u0c04\u0c3c-\u0c56"
_SIGNS += "\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d\u0d81-\u0d83\u0dca-\u0ddf\u0f18-\u0f3f\u0f71-\u0f84"
_ALONE = "\u0e01-\u0e4e\u0e81-\u0ece\u1000-\u104a\u1050-\u109d\u1780-\u17d3\u3005-\u3007\u3041-\u3096\u309d-\u309f"
_ALONE += "\u30a1-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(f"[{_ALONE}]|(?:[^\\W_{_ALONE}]|[{_SIGNS}])+")
_ASCII_WORD = re.compile("[a-z0-9]+")
# Letters that Unicode does not decompose, though a keyboard without them writes them so.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe"})


def words_of(text: str) -> list[str]:
    """The words of `text` in order, each in the one form in which it is compared, and at most `LONGEST_WORD` long."""
    if text.isascii():
        found = _ASCII_WORD.findall(text.lower())
    else:
        plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        found = _WORD.findall(unicodedata.normalize("NFC", _MARK.sub("", plain)).translate(_PLAIN))
    return [word[:LONGEST_WORD] for word in found] if len(text) > LONGEST_WORD else found
