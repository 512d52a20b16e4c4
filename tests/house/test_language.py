"""Plain technical English: words that texts and names don't use, since the field has others for what they mean."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

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
# The same for names in the product's code, each word of which is looked at.
NAMES = {
    "companion": "transaction hook",
    "door": "runner, path",
    "hear": "receive, notify",
    "heard": "received",
    "horizon": "floor",
    "housekeeping": "maintenance",
    "lineages": "database ids",
    "news": "changes",
    "rivals": "other writers",
    "said": "named, given",
    "say": "set, print",
    "says": "has, is",
    "stamp": "timestamp",
    "tidied": "deleted",
    "tidy": "maintain",
    "trespasses": "violations",
    "trouble": "error",
    "wish": "request",
}
# Frozen: what databases have been through.
FROZEN = {"server/storage/migrations.py", "client/local/schema.py"}
FOLDERS = ["benchmarks", "conformance", "examples", "tests"]
TYPESCRIPT = [*(f"clients/typescript/{name}" for name in ("src", "tests", "tools")), "examples/shop/web/src"]
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def pattern(*words: str) -> re.Pattern[str]:
    """What finds any of the words, as a whole and in whatever case."""
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, words))})(?![\w-])", re.IGNORECASE)


_IN_TEXTS, _IN_NAMES = pattern(*WORDS), pattern(*WORDS, *NAMES)


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """The comments and strings of a module, with their lines."""
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}
    for token in tokenize.generate_tokens(io.StringIO(file.read_text()).readline):
        if token.type in kinds:
            yield token.start[0], token.string


def beside(folder: str) -> list[Path]:
    """The modules of a folder beside the product's, without this one, which has the words."""
    files = sorted((ROOT / folder).rglob("*.py"))
    return [file for file in files if "node_modules" not in file.parts and file != Path(__file__)]


def names(file: Path) -> Iterator[tuple[int, str]]:
    """The names in a module, in words, with their lines."""
    for token in tokenize.generate_tokens(io.StringIO(file.read_text()).readline):
        if token.type == tokenize.NAME:
            yield token.start[0], in_words(token.string)


def in_words(name: str) -> str:
    """The words of a name in snake case or camel case, with blanks between them."""
    return " ".join(_PARTS.findall(name)).lower()


def found(place: str, text: str, listed: re.Pattern[str] = _IN_TEXTS) -> list[str]:
    """Each listed word in a text, with what to write instead."""
    flat = " ".join(text.split())
    instead = WORDS | NAMES
    return [f"{place}: {match[1]!r}; write {instead[match[1].lower()]!r}" for match in listed.finditer(flat)]


def test_the_words_of_the_source() -> None:
    """No message, docstring or comment has a word of the list."""
    files = [file for file in modules(PACKAGE) if str(file.relative_to(PACKAGE)) not in FROZEN]
    places = [(f"{file.relative_to(ROOT)}:{line}", text) for file in files for line, text in texts(file)]
    assert len(places) > 5_000
    assert [word for place, text in places for word in found(place, text)] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_words_of_tests_and_examples(folder: str) -> None:
    """No docstring, comment or text in tests, examples and measurements has a word of the first list."""
    places = [(f"{file.relative_to(ROOT)}:{line}", text) for file in beside(folder) for line, text in texts(file)]
    assert places
    assert [word for place, text in places for word in found(place, text)] == []


@pytest.mark.parametrize("folder", TYPESCRIPT)
def test_the_words_of_typescript(folder: str) -> None:
    """No line of the TypeScript client, of its tests and of the shop's page has a word of the first list."""
    files = [file for file in sorted((ROOT / folder).rglob("*")) if file.suffix in (".ts", ".tsx", ".mjs", ".js")]
    lines = [(f"{file.relative_to(ROOT)}:{n}", line) for file in files for n, line in enumerate(_lines(file), 1)]
    assert lines
    assert [word for place, line in lines for word in found(place, line)] == []


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def test_the_names_of_the_source() -> None:
    """No name of the product has a word of either list."""
    files = [file for file in modules(PACKAGE) if str(file.relative_to(PACKAGE)) not in FROZEN]
    places = [(f"{file.relative_to(ROOT)}:{line}", name) for file in files for line, name in names(file)]
    assert len(places) > 100_000
    assert [word for place, name in places for word in found(place, name, _IN_NAMES)] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_names_of_tests_and_examples(folder: str) -> None:
    """No name in tests, examples and measurements has a word of the first list."""
    places = [(f"{file.relative_to(ROOT)}:{line}", name) for file in beside(folder) for line, name in names(file)]
    assert places
    assert [word for place, name in places for word in found(place, name)] == []


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
    assert in_words("_HTTPDoor2") == "http door"
    assert found("x", in_words("what_stands"), _IN_NAMES) == ["x: 'what stands'; write 'the result'"]
