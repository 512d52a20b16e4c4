"""How long a value may be where an index holds it."""

from __future__ import annotations

from base64 import b64encode

import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Bytes, Field, Instant, Integer, Json, List, Text
from hinterland.contract.indexed import INDEXED_BYTES, limits
from hinterland.contract.records import Collection, CompiledCollection

FIELDS: dict[str, Field] = {
    "one": Text(unique=True),
    "two": Text(index=True),
    "three": Text(),
    "n": Integer(index=True),
    "free": Text(),
}
THINGS = Collection(name="things", fields=FIELDS, indexes=(("two", "n"), ("two", "three")))


def test_limits() -> None:
    """A text that an index holds alone has the whole of an entry; those of a group share it; others have no limit."""
    assert limits(THINGS.fields, THINGS.indexes) == {
        "one": INDEXED_BYTES, "two": INDEXED_BYTES // 2, "three": INDEXED_BYTES // 2,
    }  # fmt: skip


@pytest.mark.parametrize("letter", ["a", "é", "日", "🎉"])
def test_bytes_count(letter: str) -> None:
    """The limit is of bytes in UTF-8: the last value within it passes, the next is refused with both numbers."""
    fits = letter * (INDEXED_BYTES // len(letter.encode()))
    assert CompiledCollection(THINGS).new({"one": fits})["one"] == fits
    with pytest.raises(Refusal) as refused:
        CompiledCollection(THINGS).new({"one": fits + letter, "free": fits + letter})
    size = len((fits + letter).encode())
    assert refused.value.errors == {"one": [f"must have at most 2,000 bytes, since it is indexed; has {size:,}"]}


@pytest.mark.parametrize("count", [1_501, 1_502, 1_503])
def test_bytes_are_counted(count: int) -> None:
    """Of Bytes the bytes count, not the letters of base64: 1,500 fit, one more is refused with both numbers."""
    shape = CompiledCollection(Collection(name="things", fields={"x": Bytes(unique=True)}))
    fits = b64encode(bytes(1_500)).decode()
    assert shape.new({"x": fits})["x"] == fits
    with pytest.raises(Refusal) as refused:
        shape.new({"x": b64encode(bytes(count)).decode()})
    assert refused.value.errors == {"x": [f"must have at most 1,500 bytes, since it is indexed; has {count:,}"]}


def test_a_default_that_no_index_holds() -> None:
    """A default that is too long for an index of its field, its own or a group's, is refused by the field's name."""
    alone: dict[str, Field] = {"x": Text(index=True, default="a" * 2_001)}
    shared: dict[str, Field] = {"x": Text(default="a" * 1_001), "y": Text()}
    with pytest.raises(ValueError, match=r"^things\.x: its default must have at most 2,000 bytes, since it is indexed"):
        Collection(name="things", fields=alone)
    with pytest.raises(ValueError, match=r"^things\.x: its default must have at most 1,000 bytes, since it is indexed"):
        Collection(name="things", fields=shared, indexes=(("x", "y"),))


def test_many_fields_in_a_group() -> None:
    """A group has 16 fields at most: more could exceed what an entry may have, and 32 columns on PostgreSQL."""
    fields: dict[str, Field] = {f"f{n}": Instant() for n in range(17)}
    Collection(name="things", fields=fields, indexes=(tuple(fields)[:16],))
    with pytest.raises(ValueError, match="names 17 fields; name at most 16"):
        Collection(name="things", fields=fields, indexes=(tuple(fields),))


def test_what_no_index_holds() -> None:
    """Lists and Json can't be unique or indexed: that is refused when it is declared. Bytes can."""
    for field in (List(unique=True), List(index=True), Json(unique=True), Json(index=True)):
        with pytest.raises(ValueError, match="can't be unique or indexed"):
            Collection(name="things", fields={"x": field})
    assert limits({"x": Bytes(unique=True)}, ()) == {"x": INDEXED_BYTES}


def test_what_the_server_says_in_an_index() -> None:
    """Times and revision may be in a group of an index, or alone; another field alone says so itself, and the id and
    unknown names are refused."""
    fields: dict[str, Field] = {"x": Text()}
    groups = (("created_at",), ("x", "updated_at"), ("revision", "x"))
    assert limits(fields, Collection(name="things", fields=fields, indexes=groups).indexes) == {"x": 2_000}
    for group, message in (("x",), "index=True"), (("x", "id"), "can be indexed"), (("parent",), "two or more"):
        with pytest.raises(ValueError, match=message):
            Collection(name="things", fields=fields, indexes=(group,))
