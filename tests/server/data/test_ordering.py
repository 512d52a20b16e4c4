"""The places that cursors of lists name."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from hinterland.contract.fields import Boolean, Bytes, Integer, Json, List, Text
from hinterland.contract.records import Collection
from hinterland.server.data.ordering import SqlOrder
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
    assert order().sql == 'r."id"'
    assert order("text", "-whole").sql == 'r."text", r."whole" DESC, r."id" DESC'
    assert order("-id", "text").sql == 'r."id" DESC'
    assert order("-text", "created_at", is_postgres=True).sql == 'r."text" DESC NULLS LAST, r."_created", r."id"'


@pytest.mark.parametrize("name", ["what", "bytes", "any", "tags", "-what", "--text"])
def test_what_has_no_order(name: str) -> None:
    """Unknown names, bytes, JSON and lists can't be sorted by."""
    with refused("invalid_query", "can't be sorted"):
        order(name)


def test_places() -> None:
    """A cursor names the place that it was made for, whatever kind its values are."""
    made = order("flag", "-text")
    for values in ((True, "a", "x"), (None, None, "x"), (False, "", "x")):
        cursor = made.cursor(values)
        _, parameters = made.after(cursor)
        assert set(parameters) == {value for value in values if value is not None}


@pytest.mark.parametrize(
    "values",
    [(), ("a",), ("a", "x", "y"), ("a", None), ([], "x"), ({}, "x"), (1, "x"), ("a", 1.5), ("a", True), ("a", [])],
)
def test_forged_places(values: tuple[Any, ...]) -> None:
    """A cursor whose values are not those of its list is refused, such as one of before its fields were changed."""
    made = order("text")
    cursor = forged(made.cursor(("a", "x")), *values)
    with refused("invalid_cursor"):
        made.after(cursor)


def test_refusals_are_not_shared() -> None:
    """Each refusal is its own, so that none keeps what another request held."""
    refusals = []
    for _ in range(2):
        with refused("invalid_cursor") as caught:
            order().after("x")
        refusals.append(caught.value)
    assert refusals[0] is not refusals[1]
