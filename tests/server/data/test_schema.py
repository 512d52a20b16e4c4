"""Which changes of a declaration are additions, and which touch stored records."""

from __future__ import annotations

import pytest

from hinterland.contract.fields import (
    Boolean,
    Bytes,
    Field,
    Instant,
    Int64,
    Integer,
    Json,
    List,
    Number,
    Text,
)
from hinterland.contract.records import Collection, Rules
from hinterland.server.data import schema

NOTES = Collection(name="notes", fields={"title": Text()})


def reasons(old: Field, new: Field) -> list[str]:
    """Why a field can't be changed at a start."""
    before = Collection(name="notes", fields={"x": old})
    return schema.breaking({"notes": before}, [Collection(name="notes", fields={"x": new})])


@pytest.mark.parametrize(
    "new",
    [
        [NOTES, Collection(name="tags", fields={})],
        [Collection(name="notes", fields={"title": Text(), "more": Integer()})],
        [Collection(name="notes", fields={"title": Text(), "more": Integer(unique=True)})],
        [Collection(name="notes", fields={"title": Text(index=True), "n": Integer()}, indexes=(("title", "n"),))],
        [Collection(name="notes", fields={"title": Text()}, rules=Rules(list="true"))],
        [Collection(name="notes", fields={"title": Text(default="new", merge="server")})],
    ],
)
def test_additions(new: list[Collection]) -> None:
    """A new collection, an optional field, an index, rules, and a default for records to come are additions."""
    assert schema.breaking({"notes": NOTES}, new) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (Text(max_length=10), Text(max_length=20)),
        (Text(min_length=2), Text()),
        (Text(choices=("a",)), Text(choices=("a", "b"))),
        (Text(choices=("a",)), Text()),
        (Text(format="email"), Text(format="email", max_length=20_000)),
        (Text(pattern="a+"), Text()),
        (Text(required=True, unique=True), Text()),
        (Text(read="true"), Text(read="auth != null")),
        (Integer(minimum=0), Integer(minimum=-1)),
        (Number(minimum=0, maximum=1), Number(minimum=0)),
        (Number(maximum=1), Number(maximum=2)),
        (Bytes(max_length=10), Bytes(max_length=11)),
        (List(of=Text(max_length=5)), List(of=Text(max_length=6), max_items=2_000)),
        (Boolean(), Boolean()),
        (Instant(), Instant(index=True)),
        (Int64(), Int64()),
        (Json(), Json()),
    ],
)
def test_wider_limits(old: Field, new: Field) -> None:
    """What takes every value that was taken before is an addition."""
    assert reasons(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (Text(max_length=10), Text(max_length=9), "narrower limits"),
        (Text(), Text(min_length=1), "narrower limits"),
        (Text(), Text(choices=("a",)), "narrower limits"),
        (Text(choices=("a", "b")), Text(choices=("a",)), "narrower limits"),
        (Text(choices=("a",)), Text(format="url"), "narrower limits"),
        (Text(pattern="a"), Text(pattern="b"), "narrower limits"),
        (Integer(), Integer(maximum=5), "narrower limits"),
        (Number(), Number(minimum=0), "narrower limits"),
        (Number(minimum=1), Number(minimum=2), "narrower limits"),
        (Bytes(), Bytes(max_length=1), "narrower limits"),
        (List(), List(max_items=1), "narrower limits"),
        (List(of=Text()), List(of=Text(max_length=1)), "narrower limits"),
        (Text(), Integer(), "is Integer, was Text"),
        (List(of=Text()), List(of=Integer()), "is List(of=Integer), was List(of=Text)"),
        (Text(), Text(required=True), "is required now"),
        (Text(), Text(unique=True), "is unique now"),
        (Text(), Text(read="true"), "has a read rule now"),
        (Text(read="true"), Text(), "no longer has a read rule"),
    ],
)
def test_what_touches_records(old: Field, new: Field, words: str) -> None:
    """What stored values may not fit, or what moves them, is no addition and says why."""
    (reason,) = reasons(old, new)
    assert reason.startswith("notes.x")
    assert words in reason


def test_whole_collections() -> None:
    """A collection or field that is gone, other ids and another parent are no additions."""
    old = {"notes": NOTES, "tags": Collection(name="tags", fields={})}
    new = [Collection(name="notes", fields={}, ids="integer", parent="users")]
    assert schema.breaking(old, new) == [
        "the collection 'tags' is gone",
        "notes has integer ids, had string ids",
        "notes lives under users, lived under the top",
        "notes.title is gone",
    ]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (Text(default="a"), 'has a default ("a"), which stored records lack'),
        (Text(required=True), "is new and required"),
        (Text(default="a", unique=True), "is new and unique"),
    ],
)
def test_new_fields_that_records_need(field: Field, words: str) -> None:
    """A new field whose value stored records lack is no addition."""
    found = schema.breaking(
        {"notes": Collection(name="notes", fields={})}, [Collection(name="notes", fields={"x": field})]
    )
    assert words in "\n".join(found)
