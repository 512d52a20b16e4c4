"""What an open collection takes under other names than the declared ones."""

from __future__ import annotations

from typing import Any

import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Integer
from hinterland.contract.kinds.undeclared import UNDECLARED
from hinterland.contract.matching import meanings
from hinterland.contract.records import META, Collection, CompiledCollection

OPEN = Collection(name="open", is_open=True, fields={"rank": Integer(default=1)})
SHAPE = CompiledCollection(OPEN)


def test_names() -> None:
    """An open collection has a field for every name but those that the server sets; another has the declared ones."""
    assert OPEN.field("rank") == Integer(default=1)
    assert OPEN.field("anything") is OPEN.field("") is UNDECLARED
    assert [OPEN.field(name) for name in META] == [None] * len(META)
    assert Collection(name="closed").field("anything") is None


def test_documents() -> None:
    """Undeclared fields follow the declared ones; without a value there is none; a PUT replaces all, a PATCH what it
    names, member by member."""
    made = SHAPE.new({"b": {"x": 1, "y": None}, "a": None, "id": "1", "revision": 7})
    assert made == {"rank": 1, "b": {"x": 1, "y": None}}
    assert SHAPE.patched(made, {"b": {"x": None, "z": 2}, "c": [1]}) == {"rank": 1, "b": {"y": None, "z": 2}, "c": [1]}
    assert SHAPE.patched(made, {"b": None, "rank": 2}) == {"rank": 2}
    assert SHAPE.replaced(made, {"c": 1}) == {"rank": 1, "c": 1}
    with pytest.raises(Refusal) as refused:
        SHAPE.patched(made, {"rank": "x", "c": 1})
    assert [*refused.value.errors] == ["rank"]


@pytest.mark.parametrize(
    ("word", "old", "operand", "new"),
    [
        ("$increment", None, 2, 2), ("$increment", 1.5, 2, 3.5), ("$increment", 2**63 - 1, 2**63 - 1, 2.0**64),
        ("$add", None, ["a"], ["a"]), ("$add", ["a"], ["b", "a"], ["a", "b"]), ("$remove", ["a", "b"], ["a"], ["b"]),
        ("$remove", None, ["a"], []), ("$now", 5, True, "now"),
    ],
)  # fmt: skip
def test_transforms(word: str, old: Any, operand: Any, new: Any) -> None:
    """Transforms count on the value that the record has."""
    transform = SHAPE.transform("anything", word)
    assert transform is not None
    assert transform.apply(old, operand, "now") == new


@pytest.mark.parametrize(
    ("word", "old", "operand"),
    [("$increment", "1", 2), ("$increment", True, 2), ("$increment", 1, "2"), ("$add", "a", ["b"]),
     ("$add", ["a"], "b"), ("$remove", {"a": 1}, ["a"])],
)  # fmt: skip
def test_transforms_that_do_not_fit(word: str, old: Any, operand: Any) -> None:
    """A transform of another kind than the record's value is refused, never taken for data."""
    transform = SHAPE.transform("anything", word)
    assert transform is not None
    with pytest.raises(ValueError, match=rf"\{word} "):
        transform.apply(old, operand, "now")


def test_an_increment_beyond_a_double() -> None:
    """A sum that JSON has no number for is refused, never kept as null."""
    transform = SHAPE.transform("anything", "$increment")
    assert transform is not None
    with pytest.raises(ValueError, match="JSON has finite numbers only"):
        transform.apply(1e308, 1e308, "now")


@pytest.mark.parametrize(
    ("value", "meant"),
    [("Rome", ["Rome"]), ("3", ["3", 3.0]), ("true", ["true", True]), ("1", ["1", 1.0]), (3, [3]), (True, [True]),
     ("2026-01-02T03:04:05Z", ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"]), ("", [""])],
)  # fmt: skip
def test_meanings(value: Any, meant: list[Any]) -> None:
    """A text of a query string may be a text, an instant, a number or a truth value; what has a type is that."""
    assert [(type(one), one) for one in meanings(value)] == [(type(one), one) for one in meant]
