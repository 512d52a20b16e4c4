"""What lists are sorted by, and what `field=value` asks for."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import (
    Boolean,
    Bytes,
    Instant,
    Int64,
    Integer,
    Json,
    List,
    Number,
    Object,
    Reference,
    Text,
)
from hinterland.contract.matching import MAX_SORT, check_sort, read_place, sort_keys, wanted, write_place
from hinterland.contract.records import Collection

THINGS = Collection(
    name="things",
    fields={
        "text": Text(), "count": Integer(), "price": Number(), "done": Boolean(), "at": Instant(), "views": Int64(),
        "raw": Bytes(), "tags": List(), "any": Json(), "numbers": List(of=Integer()),
        "friends": List(of=Reference(to="things")), "parts": Object(fields={"text": Text()}),
    },
    ids="integer",
)  # fmt: skip


@pytest.mark.parametrize(
    ("sort", "keys"),
    [
        ([], "id"),
        (["text"], "text id"),
        (["-text"], "-text -id"),
        (["text", "-count"], "text -count -id"),
        (["-id", "text"], "-id"),
    ],
)
def test_sort_keys(sort: list[str], keys: str) -> None:
    """The id tells equal records apart, in the direction of the last field; nothing can follow it."""
    assert " ".join(f"{'-' if key.is_down else ''}{key.name}" for key in sort_keys(sort)) == keys


def test_too_many_sort_keys() -> None:
    """A list is sorted by sixteen fields at most."""
    sort_keys(["text"] * MAX_SORT)
    with pytest.raises(Refusal, match="at most 16"):
        sort_keys(["text"] * (MAX_SORT + 1))


@pytest.mark.parametrize("name", ["tags", "any", "raw", "nothing", "-nothing", "", "x" * 1000])
def test_what_can_not_be_sorted_by(name: str) -> None:
    """Lists, JSON and bytes have no order, and what is no field has none; the refusal says what has."""
    check_sort(THINGS, ["-text", "count", "id", "created_at"])
    with pytest.raises(Refusal, match=r"(can't sort by|unknown sort field) .*; allowed: text, count") as refused:
        check_sort(THINGS, ["text", name])
    assert refused.value.code == "invalid_query"
    assert len(refused.value.message) < 300


@pytest.mark.parametrize("name", ["Count", "cuont", "-cuont", "--count"])
def test_a_name_that_was_mistyped(name: str) -> None:
    """An unknown name is refused with what there is, the most similar first, in a sort and as a parameter."""
    with pytest.raises(Refusal, match=r"unknown sort field '.*'; allowed: count, text"):
        check_sort(THINGS, [name])
    with pytest.raises(Refusal, match=r"unknown parameter '.*'; allowed: count, text"):
        wanted(THINGS, name, "1")
    with pytest.raises(Refusal, match="allowed: limit, "):
        wanted(THINGS, "limti", "1")


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | FLOATS | st.text()


@given(st.lists(SCALARS, max_size=4), st.text(min_size=1) | st.integers(1, 2**53))
def test_a_place_is_read_as_it_was_written(values: list[Any], record_id: Any) -> None:
    """A cursor is safe in an address and holds the values that it was made of, each of its kind."""
    place = [*values, record_id]
    cursor = write_place("asked", place)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    read = read_place("asked", cursor, len(place))
    assert [(type(value), value) for value in read] == [(type(value), value) for value in place]


def encoded(text: str) -> str:
    """A text in the form that cursors have."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "", "x", "ä", "=", encoded("{}"), encoded("[]"), encoded('"asked"'), encoded('["asked"]'), encoded("[" * 5_000),
        encoded('["asked",' + "[" * 5_000), encoded('["asked",{},"id"]'), encoded('["asked",1,null]'),
        write_place("another", [1, "id"]), write_place("asked", ["id"]), write_place("asked", [1, 2, "id"]),
    ],
)  # fmt: skip
def test_a_place_of_no_such_list(cursor: str) -> None:
    """A cursor of another question, of other keys, of no record or of anything else is refused, however deep it is."""
    with pytest.raises(Refusal, match="start again without a cursor") as refused:
        read_place("asked", cursor, 2)
    assert refused.value.code == "invalid_cursor"


@pytest.mark.parametrize(
    ("name", "value", "held"),
    [
        ("text", "3", "3"), ("count", "3", 3), ("count", 3, 3), ("price", "1.50", 1.5), ("done", "TRUE", True),
        ("views", 10, "10"), ("views", "010", "10"), ("at", "2026-01-02 03:04:05Z", "2026-01-02T03:04:05.000000Z"),
        ("id", "7", 7), ("revision", 7, 7), ("created_at", "2026-01-02T04:04:05+01", "2026-01-02T03:04:05.000000Z"),
        ("parent", "posts/1", "posts/1"),
    ],
)  # fmt: skip
def test_wanted_values(name: str, value: Any, held: Any) -> None:
    """A text, or a value, stands for the value that the record has."""
    assert wanted(THINGS, name, value) == held


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("nothing", "x", "unknown parameter 'nothing'; allowed: text"),
        ("count", "x", "count: must be a whole number"),
        ("tags", "x", "tags: can't be compared for equality; use filter='a' in record.tags"),
        ("numbers", "1", "numbers: can't be compared for equality; use filter=1 in record.numbers"),
        ("friends", "x", "friends: can't be compared for equality; use filter='ID' in record.friends"),
        ("parts", "x", "parts: can't be compared for equality; use filter$"),
        ("tag", "x", "unknown parameter 'tag'; allowed: text, count, price, done, at, views, id, "),
        ("id", "x", "id: must be a whole number"),
        ("revision", "x", "revision: must be a whole number"),
        ("created_at", "banana", "created_at: use an instant such as"),
        ("updated_at", "2026-01-02T03:04:05", "updated_at: must have an offset; give the offset"),
        ("at", "2026-01-02T03:04:05", "at: must have an offset; give the offset"),
    ],
)
def test_what_can_not_be_wanted(name: str, value: Any, message: str) -> None:
    """What no record can have is refused by its name."""
    with pytest.raises(Refusal, match=message):
        wanted(THINGS, name, value)
