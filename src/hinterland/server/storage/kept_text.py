"""Forms of statements that are made once, as long as the statements are of ordinary length."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVarTuple, Unpack

_Rest = TypeVarTuple("_Rest")
LONGEST_KEPT = 15 * 1024
"""Characters of a statement. In an open collection callers choose the fields' names, and so the length."""


def kept_text(make: Callable[[str, Unpack[_Rest]], str]) -> Callable[[str, Unpack[_Rest]], str]:
    """`make`, whose results are kept for statements that are not longer than `LONGEST_KEPT`."""
    keeping = lru_cache(maxsize=2_000)(make)

    def made(sql: str, *rest: *_Rest) -> str:
        return (keeping if len(sql) <= LONGEST_KEPT else make)(sql, *rest)

    return made
