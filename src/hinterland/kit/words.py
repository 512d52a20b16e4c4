"""The words of a text, as searches compare them: without case, without diacritics, whatever the database.

Letters and digits of all scripts make words. What is written without spaces (Han, kana, Thai, Lao, Burmese, Khmer) is
taken character by character, so that a sequence of them is found inside a longer one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby

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


# Characters before which a text can be cut: what is normalised behind it does not depend on what is before.
_CUT = re.compile(
    "[\x00-\u02ff\u3200-\u33ff]|[^\\W\u0640\u06e5\u06e6\u1160-\u11ff\u3131-\u318e\ud7b0-\ud7ff"
    "\ufcf2-\ufcf4\ufe71-\ufe7f\uff9e-\uffdc]"
)
_SLICE = 4_096  # characters that are normalised at once; a few of them become eighteen
# U+0345 is a mark, and becomes a letter without case.
_MARK_AT_ONCE = re.compile(f"(?:(?!\u0345)[{_DROPPED}])+")
# All that is ordered by Unicode, which takes the time of its square there.
_MANY_MARKS = re.compile("(?:[^\\w\x00-\u02ff]|[\uff9e\uff9f]){30,}")


def words_of(text: str, enough: int | None = None) -> list[str]:
    """The words of `text` in order, each in the one form in which it is compared, and at most `LONGEST_WORD` long.

    `enough`: no more than the first ones are needed, once they have so many characters with a blank behind each."""
    found: list[str] = []
    size, rest = 0, ""
    for piece, is_last in _pieces(text):
        plain = rest + (piece.lower() if piece.isascii() else _plain(piece))
        words = (_ASCII_WORD if plain.isascii() else _WORD).findall(plain)
        goes_on = not is_last and words and plain.endswith(words[-1])
        rest = words.pop()[:LONGEST_WORD] if goes_on else ""
        found += [word[:LONGEST_WORD] for word in words] if len(plain) > LONGEST_WORD else words
        if enough is not None and not is_last:
            size += sum(map(len, words)) + len(words)
            if size >= enough:
                break
    return found


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Parts of a text that are normalised each for itself, and whether it is the last one."""
    start = 0
    while len(text) - start > _SLICE and (cut := _CUT.search(text, start + _SLICE)) is not None:
        yield text[start : cut.start()], False
        start = cut.start()
    yield text[start:], True


def _plain(text: str) -> str:
    """A text without case and diacritics."""
    text = _MANY_MARKS.sub(_ordered, _MARK_AT_ONCE.sub("", text))
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFC", _MARK.sub("", plain)).translate(_PLAIN)


def _ordered(run: re.Match[str]) -> str:
    """Many marks as NFKD has them (Unicode Standard Annex 15): each decomposed, and those between two other characters
    by their classes."""
    if not any(unicodedata.combining(mark) for each in set(run[0]) for mark in unicodedata.normalize("NFKD", each)):
        return run[0]
    parts = [mark for each in run[0] for mark in unicodedata.normalize("NFKD", each)]
    groups = groupby(parts, lambda mark: unicodedata.combining(mark) == 0)
    return "".join([each for _, group in groups for each in sorted(group, key=unicodedata.combining)])
