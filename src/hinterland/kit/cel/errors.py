"""The one error of the expression language.

``CelError`` (a ``ValueError``) is raised when an expression is read or declared, never while it is evaluated: an
evaluation answers true, false or *error* (None), and error denies.
"""

from __future__ import annotations

from collections.abc import Iterable

_WIDTH = 100


class CelError(ValueError):
    """An expression that cannot be used: what is wrong, where, and what to try.

    ``message`` is one sentence, ``hint`` says what to try (may be empty). ``offset`` counts characters from 0,
    ``line`` and ``column`` from 1. ``excerpt`` is the line with a caret under the place. ``str(error)`` has it all.
    """

    def __init__(self, message: str, source: str, start: int, end: int | None = None, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        self.source = source
        self.offset = start
        self.end = max(start + 1, end if end is not None else start + 1)
        self.line = source.count("\n", 0, start) + 1
        self.column = start - (source.rfind("\n", 0, start) + 1) + 1
        super().__init__(message, source, start, end, hint)

    @property
    def excerpt(self) -> str:
        """The line of the expression with carets under the place, at most 100 characters wide."""
        first = self.offset - self.column + 1
        last = self.source.find("\n", self.offset)
        line = self.source[first : len(self.source) if last < 0 else last].replace("\t", " ")
        cut = max(0, self.column - 1 - _WIDTH // 2)
        shown = line[cut : cut + _WIDTH]
        at = self.column - 1 - cut
        carets = "^" * max(1, min(self.end - self.offset, len(shown) - at))
        return f"{shown}\n{' ' * at}{carets}"

    def __str__(self) -> str:
        hint = f"; {self.hint}" if self.hint else ""
        indented = "\n".join("    " + line for line in self.excerpt.split("\n"))
        return f"{self.message}{hint} (line {self.line}, column {self.column})\n{indented}"


def nearest(word: str, known: list[str], others: Iterable[str] = ()) -> str:
    """A hint that names the word most like ``word`` of those that are known and of ``others``, or lists the known words
    if none is near."""
    from difflib import get_close_matches  # only an error pays for this import

    all_names = [*known, *others]
    found = get_close_matches(word, all_names, 1) or get_close_matches(word.lower(), all_names, 1)
    if found:
        return f'did you mean "{found[0]}"?'
    return f"known: {', '.join(sorted(known)[:20])}" if known else ""
