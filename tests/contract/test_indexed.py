"""How long a value may be where an index holds it."""

from __future__ import annotations

import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import AnyField, Bytes, Integer, Json, List, Text
from hinterland.contract.indexed import INDEXED_BYTES, limits
from hinterland.contract.records import Collection, Shape

FIELDS: dict[str, AnyField] = {
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
    assert Shape(THINGS).new({"one": fits})["one"] == fits
    with pytest.raises(Refusal) as refused:
        Shape(THINGS).new({"one": fits + letter, "free": fits + letter})
    size = len((fits + letter).encode())
    assert refused.value.errors == {"one": [f"must have at most 2,000 bytes, since it is indexed; has {size:,}"]}


def test_what_no_index_holds() -> None:
    """Lists and Json can't be unique or indexed: that is refused when it is declared. Bytes can."""
    for field in (List(unique=True), List(index=True), Json(unique=True), Json(index=True)):
        with pytest.raises(ValueError, match="can't be unique or indexed"):
            Collection(name="things", fields={"x": field})
    assert limits({"x": Bytes(unique=True)}, ()) == {"x": INDEXED_BYTES}
