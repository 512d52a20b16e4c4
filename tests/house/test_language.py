"""Plain technical English: words that the product's texts don't use, since the field has others for what they mean."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import PACKAGE, ROOT, modules

# With what to write instead.
WORDS = {
    "any more": "no longer",
    "besides": "also, in addition",
    "come again": "retry",
    "fate": "outcome",
    "fates": "outcomes",
    "hand in": "push",
    "handed in": "pushed",
    "hands in": "pushes",
    "lest": "so that … not",
    "lineage": "database id",
    "mend": "fix",
    "misfit": "mismatch",
    "misfits": "mismatches",
    "no such thing": "not found",
    "parked": "held",
    "stands in the way": "prevents",
    "take along": "also delete",
    "the own": "your own",
    "told": "reported",
    "troubles": "errors",
    "what stands": "the result",
    "whoever": "a caller who",
}
# Frozen: what databases have been through.
FROZEN = {"server/storage/migrations.py", "client/local/schema.py"}
_FOUND = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, WORDS))})(?![\w-])", re.IGNORECASE)


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """The comments and strings of a module, with their lines."""
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}
    for token in tokenize.generate_tokens(io.StringIO(file.read_text()).readline):
        if token.type in kinds:
            yield token.start[0], token.string


def found(place: str, text: str) -> list[str]:
    """Each word of the list in a text, with what to write instead."""
    flat = " ".join(text.split())
    return [f"{place}: {match[1]!r}; write {WORDS[match[1].lower()]!r}" for match in _FOUND.finditer(flat)]


def test_the_words_of_the_source() -> None:
    """No message, docstring or comment has a word of the list."""
    files = [file for file in modules(PACKAGE) if str(file.relative_to(PACKAGE)) not in FROZEN]
    places = [(f"{file.relative_to(ROOT)}:{line}", text) for file in files for line, text in texts(file)]
    assert len(places) > 5_000
    assert [word for place, text in places for word in found(place, text)] == []


def test_the_words_of_the_documentation() -> None:
    """Neither has the README, a page of the documentation or the changelog."""
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
    lines = [
        (f"{page.relative_to(ROOT)}:{n}", line)
        for page in pages
        for n, line in enumerate(page.read_text().splitlines(), 1)
    ]
    assert [word for place, line in lines for word in found(place, line)] == []


def test_what_is_found() -> None:
    """A word is found in whatever case and across the ends of lines, and only as a whole."""
    assert found("x", "It is not kept any\n    more. Told, retold") == [
        "x: 'any more'; write 'no longer'", "x: 'Told'; write 'reported'",
    ]  # fmt: skip
