"""Sizes that keep the code readable, and names that say what a module is for."""

from __future__ import annotations

import ast
from statistics import median, quantiles

from tests.house.tree import ROOT, Function, functions, modules

LONGEST_FILE = 400
NAMELESS = {"common", "helper", "helpers", "misc", "util", "utils"}


def code_lines(function: Function) -> int:
    """The lines of a function without its docstring: documentation is never too long for a rule."""
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None or len(function.body) == 1:
        return total
    return total - ((first.end_lineno or first.lineno) - first.lineno + 1)


def test_functions_are_short() -> None:
    """Half of all functions have at most nine lines of code, and nine in ten have under 31."""
    lengths = [code_lines(function) for file in modules() for function in functions(file)]
    assert median(lengths) <= 9
    assert quantiles(lengths, n=10)[-1] < 31


def test_no_file_is_long() -> None:
    """A module has at most 400 lines; a longer one is two."""
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in modules()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_room_is_nameless() -> None:
    """No module or folder is called utils or the like: its tool has a name."""
    named = [str(file.relative_to(ROOT)) for file in modules() if NAMELESS & {file.stem, *file.parts}]
    assert named == []
