"""Where records are asked for in SQL."""

from __future__ import annotations

import re

from tests.house.tree import PACKAGE, modules

# The tables as they are kept, the compiler of questions, and what compares a database with the declarations.
PLACES = ("server/storage/", "server/data/select/", "server/data/migration.py", "server/data/schema.py")
_NAMED_TABLE = re.compile(r"\b(FROM|JOIN|INTO|UPDATE) \{")  # a collection's table, whose name is put in


def test_one_compiler() -> None:
    """SQL for the records of collections is written by the storage and by the one compiler of questions, where each
    collection's rules are added; nothing else of the server names their tables."""
    asking = [
        name
        for file in modules(PACKAGE / "server")
        if _NAMED_TABLE.search(file.read_text())
        and not (name := file.relative_to(PACKAGE).as_posix()).startswith(PLACES)
    ]
    assert asking == []
