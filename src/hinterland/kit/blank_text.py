"""Texts that show nothing: blanks, controls, and characters that have no width."""

from __future__ import annotations

import re

# The inside of a character class, for Python's and for ECMA's regular expressions: the categories Cc, Cf, Zs, Zl and Zp
# of Unicode, and what it says to ignore by default (fillers and variation selectors). Beyond U+FFFF ECMA's need a flag.
INVISIBLE = (
    r"\x00-\x20\x7f-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u1680\u17b4\u17b5"
    r"\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
)
_BEYOND = r"\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
_VISIBLE = re.compile(f"[^{INVISIBLE}{_BEYOND}]")


def is_blank(text: str) -> bool:
    """Whether nothing in `text` can be seen; the empty text is blank."""
    return _VISIBLE.search(text) is None
