"""One word, one meaning: names that stand for one thing in the whole tree."""

from __future__ import annotations

import ast
from collections import defaultdict

from tests.house.tree import PACKAGE, modules


def test_class_names_are_unique() -> None:
    """The name of a class stands for one class, in whichever package it is."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for file in modules(PACKAGE):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(file.relative_to(PACKAGE)))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
