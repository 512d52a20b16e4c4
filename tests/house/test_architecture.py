"""The page on the architecture says what is there."""

from __future__ import annotations

import re

from tests.house.tree import PACKAGE, ROOT

PAGE = (ROOT / "docs/architecture.md").read_text()


def test_its_files_exist() -> None:
    """Every file and folder of the source that the page names is there."""
    named = set(re.findall(r"`((?:kit|contract|client|server|testing|cli)/[\w/.]+)`", PAGE))
    assert len(named) > 25
    assert sorted(name for name in named if not (PACKAGE / name).exists()) == []


def test_every_room_is_on_it() -> None:
    """Every package, and every room of the server and the client, is named."""
    rooms = [
        path
        for floor in (PACKAGE, PACKAGE / "server", PACKAGE / "client")
        for path in floor.iterdir()
        if path.is_dir() and path.name != "__pycache__"
    ]
    assert len(rooms) > 15
    assert sorted(path.name for path in rooms if not re.search(rf"\b{path.name}\b", PAGE)) == []


def test_the_glossary_is_in_order() -> None:
    """Each word of the glossary stands once, in alphabetical order."""
    table = PAGE.partition("## Glossary")[2]
    words = [row.split("|")[1].strip() for row in table.splitlines() if row.startswith("| ")][1:]
    assert words == sorted(set(words), key=str.casefold)
