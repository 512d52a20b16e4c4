"""The page that says what the clients have in common."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.vectors.making import FOLDER, ROOT

PAGE = ROOT / "docs" / "parity.md"
SOURCE = ROOT / "clients" / "typescript" / "src"
_NAMED = re.compile(r"`([^`]+)`: ((?:`[^`]+`(?:, )?)+)")


class Row(NamedTuple):
    """A row of the table."""

    feature: str
    python: str
    typescript: str
    held_by: str


def rows() -> list[Row]:
    """The rows of the table, without its head."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return [Row(*[cell.strip() for cell in line.strip("|").split(" | ")]) for line in lines[1:]]


def named(cell: str) -> Iterator[tuple[str, str]]:
    """Each name of a cell with its module."""
    for module, names in _NAMED.findall(cell):
        yield from ((module, name) for name in re.findall(r"`([^`]+)`", names))


def is_exported(module: str, name: str) -> bool:
    """Whether a TypeScript module declares and exports a name, or exports it from another."""
    text = (SOURCE / f"{module}.ts").read_text()
    declared = rf"^export (?:abstract )?(?:const|async function\*?|function\*?|class|interface|type) {name}\b"
    return re.search(rf"{declared}|^export (?:type )?\{{[^}}]*\b{name}\b[^}}]*\}}", text, re.MULTILINE) is not None


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.feature)
def test_what_a_row_names_exists(row: Row) -> None:
    """Each module, name, file of vectors and test of a row exists; a client without the feature has a reason below."""
    python, typescript = list(named(row.python)), list(named(row.typescript))
    assert python or row.python.startswith("None")
    assert typescript or row.typescript.startswith("None")
    assert [each for each in python if not hasattr(importlib.import_module(f"hinterland.{each[0]}"), each[1])] == []
    assert [each for each in typescript if not is_exported(*each)] == []
    held = re.findall(r"`([^`]+)`", row.held_by)
    places = [FOLDER / name if "/" not in name else ROOT / name for name in held]
    assert held
    assert [str(place) for place in places if not place.is_file()] == []


def test_each_file_of_vectors_has_a_row() -> None:
    """No file of vectors is run without a row that says what it holds."""
    named_files = {name for row in rows() for name in re.findall(r"`(\w+\.json)`", row.held_by)}
    assert named_files == {path.name for path in FOLDER.glob("*.json")}
