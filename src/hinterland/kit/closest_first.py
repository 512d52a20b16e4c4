"""Names in the order of their likeness to one that was mistyped."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 64


def closest_first(name: str, known: Iterable[str]) -> list[str]:
    """`known` with those most like `name` first, whatever their case; the others keep their order."""
    from difflib import get_close_matches  # here: only errors need it

    by_fold = {other.casefold(): other for other in known}
    close = get_close_matches(name[:_LONGEST].casefold(), by_fold, cutoff=0.7)
    return [by_fold[fold] for fold in dict.fromkeys([*close, *by_fold])]
