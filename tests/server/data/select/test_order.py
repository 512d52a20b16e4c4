"""The places that cursors of lists name."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from hinterland.contract.fields import Boolean, Bytes, Integer, Json, List, Text
from hinterland.contract.records import Collection
from hinterland.server.data.select.order import SqlOrder
from hinterland.server.data.select.question import Select, Window
from tests.server.refused import refused

ITEMS = Collection(
    name="items",
    fields={"text": Text(), "whole": Integer(), "flag": Boolean(), "bytes": Bytes(), "any": Json(), "tags": List()},
)


def order(*sort: str, is_postgres: bool = False) -> SqlOrder:
    """The order of a list."""
    return SqlOrder(ITEMS, sort, is_postgres=is_postgres)


def forged(cursor: str, *values: Any) -> str:
    """A cursor of the same list that names another place."""
    [question, *_] = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return base64.urlsafe_b64encode(msgspec.json.encode([question, *values])).decode().rstrip("=")


def test_orders() -> None:
    """A list is ordered by each name in turn, and by id in the direction of the last; null comes first."""
    assert order().by("r") == 'r."id"'
    assert order("text", "-whole").by("r") == 'r."text", r."whole" DESC, r."id" DESC'
    assert order("-id", "text").by("r") == 'r."id" DESC'
    assert order("-text", "created_at", is_postgres=True).by("r") == 'r."text" DESC NULLS LAST, r."_created", r."id"'


@pytest.mark.parametrize("name", ["what", "bytes", "any", "tags", "-what", "--text"])
def test_what_has_no_order(name: str) -> None:
    """Unknown names, bytes, JSON and lists can't be sorted by."""
    with refused("invalid_query", "can't sort by|unknown sort field"):
        order(name)


def test_places() -> None:
    """A cursor names the place that it was made for, whatever kind its values are."""
    made = order("flag", "-text")
    for values in ((True, "a", "x"), (None, None, "x"), (False, "", "x")):
        assert made.place(made.cursor(values)) == values


@pytest.mark.parametrize(
    "values",
    [(), ("a",), ("a", "x", "y"), ("a", None), ([], "x"), ({}, "x"), (1, "x"), ("a", 1.5), ("a", True), ("a", [])],
)
def test_forged_places(values: tuple[Any, ...]) -> None:
    """A cursor whose values are not those of its list is refused, such as one of before its fields were changed."""
    made = order("text")
    cursor = forged(made.cursor(("a", "x")), *values)
    with refused("invalid_cursor"):
        made.place(cursor)


def test_refusals_are_not_shared() -> None:
    """Each refusal is its own, so that none keeps what another request held."""
    refusals = []
    for _ in range(2):
        with refused("invalid_cursor") as caught:
            order().place("x")
        refusals.append(caught.value)
    assert refusals[0] is not refusals[1]


SPANS: list[tuple[tuple[str, ...], tuple[Any, ...], list[str]]] = [
    ((), ("x",), ['r."id" > ?']),
    (("-id",), ("x",), ['r."id" < ?']),
    (("whole",), (1, "x"), ['(r."whole", r."id") > (?, ?)']),
    (("whole",), (None, "x"), ['r."whole" IS NULL AND r."id" > ?', 'r."whole" IS NOT NULL']),
    (("-whole",), (1, "x"), ['(r."whole", r."id") < (?, ?)', 'r."whole" IS NULL']),
    (("-whole",), (None, "x"), ['r."whole" IS NULL AND r."id" < ?']),
    (("-created_at",), ("t", "x"), ['(r."_created", r."id") < (?, ?)']),
    (
        ("whole", "-text"),
        (1, "a", "x"),
        ['r."whole" >= ? AND (r."whole" > ? OR ((r."text" < ? OR r."text" IS NULL) OR (r."text" = ? AND r."id" < ?)))'],
    ),
]


@pytest.mark.parametrize(("sort", "values", "spans"), SPANS)
def test_what_is_beyond_a_place(sort: tuple[str, ...], values: tuple[Any, ...], spans: list[str]) -> None:
    """What follows a place is one range of the first key, which a search in its index begins with; or two, where both
    values and nulls follow."""
    assert [span.text for span in order(*sort).spans("r", values)] == spans
    window = Window(after=values)
    for span in order(*sort).spans("r", values):
        bound = [value for bind in span.binds for value in bind(Select("items", window=window), {})]
        assert len(bound) == span.text.count("?")
