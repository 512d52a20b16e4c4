"""Sizes that keep the code readable, and names that say what a module is for."""

from __future__ import annotations

import ast
from statistics import median, quantiles
from typing import TypeGuard

from tests.house.tree import PACKAGE, ROOT, TESTS, Function, functions, modules, parsed

LONGEST_FILE = 400
LONGEST_CLASS = 325
LONGEST_OF_TESTS = 40  # lines of one function, which may set a scene
NAMELESS = {"common", "helper", "helpers", "misc", "util", "utils"}


def code_lines(function: Function) -> int:
    """The lines of a function without its docstring: documentation is never too long for a rule."""
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None or len(function.body) == 1:
        return total
    return total - ((first.end_lineno or first.lineno) - first.lineno + 1)


def is_class(node: ast.AST) -> TypeGuard[ast.ClassDef]:
    """Whether a node is the definition of a class."""
    return isinstance(node, ast.ClassDef)


def test_functions_are_short() -> None:
    """Half of all functions have at most nine lines of code, and nine in ten have under 31."""
    lengths = [code_lines(function) for file in modules() for function in functions(file)]
    assert median(lengths) <= 9
    assert quantiles(lengths, n=10)[-1] < 31


def test_functions_of_tests_are_short() -> None:
    """No function of the tests has more than forty lines of code."""
    lengths = {
        f"{file.relative_to(ROOT)}: {function.name}": code_lines(function)
        for file in modules(TESTS)
        for function in functions(file)
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_OF_TESTS} == {}


def test_no_file_is_long() -> None:
    """A module has at most 400 lines, be it of the product or of its tests; a longer one is two."""
    files = [*modules(PACKAGE), *modules(TESTS)]
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_class_is_long() -> None:
    """A class has at most 325 lines; a longer one does several things, which are classes of their own."""
    classes = [(file, node) for file in modules(PACKAGE) for node in ast.walk(parsed(file)) if is_class(node)]
    lengths = {
        f"{file.relative_to(ROOT)}: {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for file, node in classes
    }
    assert len(lengths) > 300
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_CLASS} == {}


def test_no_room_is_nameless() -> None:
    """No module or folder is called utils or the like: its tool has a name."""
    named = [
        str(file.relative_to(ROOT))
        for file in [*modules(PACKAGE), *modules(TESTS)]
        if NAMELESS & {file.stem, *file.parts}
    ]
    assert named == []
