"""One word, one meaning: names that stand for one thing in the whole tree."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import PACKAGE, modules


def type_names(file: Path) -> Iterator[str]:
    """The names of classes and of other types, such as `Write = Callable[…]`, that a module makes."""
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            yield from (name for name in names if re.fullmatch("_?(?:[A-Z][a-z0-9]+)+[A-Z]?", name))


def test_type_names_are_unique() -> None:
    """The name of a class, or of another type, stands for one type, in whichever package it is."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for file in modules(PACKAGE):
        for name in type_names(file):
            places[name].append(str(file.relative_to(PACKAGE)))
    assert len(places) > 500
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_what_is_a_type(tmp_path: Path) -> None:
    """Classes and aliases in camel case are types; constants, functions and single letters are none."""
    module = tmp_path / "module.py"
    module.write_text("class One: ...\nTwo = dict[str, One]\n_Three: object = int\nT = 1\nFOUR = 4\ndef five(): ...\n")
    assert [*type_names(module)] == ["One", "Two", "_Three"]
