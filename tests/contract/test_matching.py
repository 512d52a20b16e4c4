"""What lists are sorted by, and what `field=value` asks for."""

from __future__ import annotations

from typing import Any

import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Boolean, Bytes, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.matching import MAX_SORT, check_sort, sort_keys, wanted
from hinterland.contract.records import Collection

THINGS = Collection(
    name="things",
    fields={
        "text": Text(), "count": Integer(), "price": Number(), "done": Boolean(), "at": Instant(), "views": Int64(),
        "raw": Bytes(), "tags": List(), "any": Json(),
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


@pytest.mark.parametrize("name", ["tags", "any", "raw", "nothing", "-nothing", "--text", "", "x" * 1000])
def test_what_can_not_be_sorted_by(name: str) -> None:
    """Lists, JSON and bytes have no order, and what is no field has none; the refusal says what has."""
    check_sort(THINGS, ["-text", "count", "id", "created_at"])
    with pytest.raises(Refusal, match=r"things can't be sorted by .*; it can by text, count") as refused:
        check_sort(THINGS, ["text", name])
    assert refused.value.code == "invalid_query"
    assert len(refused.value.message) < 300


@pytest.mark.parametrize(
    ("name", "value", "held"),
    [
        ("text", "3", "3"), ("count", "3", 3), ("count", 3, 3), ("price", "1.50", 1.5), ("done", "TRUE", True),
        ("views", 10, "10"), ("views", "010", "10"), ("at", "2026-01-02 03:04:05", "2026-01-02T03:04:05.000000Z"),
        ("id", "7", 7), ("revision", 7, 7), ("created_at", "2026", "2026"),
    ],
)  # fmt: skip
def test_wanted_values(name: str, value: Any, held: Any) -> None:
    """A text, or a value, stands for the value that the record has."""
    assert wanted(THINGS, name, value) == held


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("nothing", "x", "'nothing' is not a field of things; it has text"),
        ("count", "x", "count: must be a whole number"),
        ("tags", "x", "tags: can't be compared for equality: use filter"),
        ("id", "x", "id: must be a whole number"),
    ],
)
def test_what_can_not_be_wanted(name: str, value: Any, message: str) -> None:
    """What no record can have is refused by its name."""
    with pytest.raises(Refusal, match=message):
        wanted(THINGS, name, value)
