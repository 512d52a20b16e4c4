"""The rules for the tests themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.house.tree import ROOT, TESTS, functions, modules, parsed

SLEEPERS = {"asyncio", "anyio", "time"}


def sleep_lines(tree: ast.Module) -> Iterator[int]:
    """The lines where a module waits for a fixed time; `asyncio.sleep(0)`, which only lets others run, is none."""
    borrowed = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in SLEEPERS
        for alias in node.names
        if alias.name == "sleep"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_sleep(node.func, borrowed) and not _is_zero(node.args):
            yield node.lineno


def _is_sleep(called: ast.expr, borrowed: set[str]) -> bool:
    if isinstance(called, ast.Attribute):
        return called.attr == "sleep" and isinstance(called.value, ast.Name) and called.value.id in SLEEPERS
    return isinstance(called, ast.Name) and called.id in borrowed


def _is_zero(arguments: list[ast.expr]) -> bool:
    return len(arguments) == 1 and isinstance(arguments[0], ast.Constant) and arguments[0].value == 0


def test_every_test_says_its_rule() -> None:
    """A test's docstring is the rule that it keeps."""
    silent = [
        f"{file.relative_to(ROOT)}:{function.lineno}: {function.name}"
        for file in modules(TESTS)
        if file.name.startswith("test_")
        for function in functions(file)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert silent == []


def test_no_test_sleeps() -> None:
    """A test waits for what it needs, never for a time."""
    places = [f"{file.relative_to(ROOT)}:{line}" for file in modules(TESTS) for line in sleep_lines(parsed(file))]
    assert places == []


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("import time\ntime.sleep(1)", 1),
        ("import asyncio\nasyncio.sleep(0)", 0),
        ("from asyncio import sleep as nap\nnap(0.1)", 1),
        ("clock.sleep(3)", 0),
    ],
)
def test_a_sleep_is_found_however_it_is_spelt(text: str, places: int) -> None:
    """The rule sees through names, allows a turn of the loop, and lets a hand-turned clock sleep."""
    assert len(list(sleep_lines(ast.parse(text)))) == places
