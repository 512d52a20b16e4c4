"""Lists, and what is added to them and removed from them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from hinterland.contract.kinds.list import add, remove


@pytest.mark.parametrize(
    ("old", "items", "added", "left"),
    [
        ([1, 2], [2, 3, 3], [1, 2, 3], [1]), ([1], [True, 1.0], [1, True], []), ([{"a": 1}], [{"a": 1.0}, {}],
         [{"a": 1}, {}], []), ([[1, 2]], [[1, 2], [2, 1]], [[1, 2], [2, 1]], []), (["1", None], [1], ["1", None, 1],
         ["1", None]),
    ],
)  # fmt: skip
def test_items(old: list[Any], items: list[Any], added: list[Any], left: list[Any]) -> None:
    """An item is in a list where it is the same JSON value: numbers by value, and no boolean is a number."""
    assert repr(add(old, items)) == repr(added)
    assert repr(remove(old, items)) == repr(left)


def test_cost() -> None:
    """Long lists cost what they are long, not one times the other: others wait for the event loop meanwhile."""
    start = time.process_time()
    assert len(add([*range(50_000)], [*range(25_000, 100_000)])) == 100_000
    assert len(remove([*range(50_000)], [*range(25_000, 100_000)])) == 25_000
    assert time.process_time() - start < 2
