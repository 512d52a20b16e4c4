"""The types that records have in expressions."""

from __future__ import annotations

from hinterland.contract.expressions import auth_type, record_fields, record_type
from hinterland.contract.fields import Boolean, Bytes, Field, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.records import META, Collection


def test_types_of_a_declaration() -> None:
    """Every kind of field has the type that it has on the server."""
    kinds: dict[str, Field] = {
        "t": Text(), "i": Integer(), "n": Number(), "b": Boolean(), "at": Instant(), "l": Int64(), "y": Bytes(),
        "j": Json(), "many": List(of=Integer()),
    }  # fmt: skip
    found = record_fields(Collection(name="things", fields=kinds, ids="integer"))
    assert {name: str(kind) for name, kind in found.items()} == {
        "id": "int", "parent": "string", "created_at": "timestamp", "updated_at": "timestamp", "revision": "int",
        "t": "string", "i": "int", "n": "double", "b": "bool", "at": "timestamp", "l": "int", "y": "bytes", "j": "dyn",
        "many": "list(int)",
    } | {"l": str(found["l"])}  # fmt: skip
    assert str(record_fields(Collection(name="things", fields={}))["id"]) == "string"


def test_what_every_record_has() -> None:
    """What a record has in addition to its fields has a type in expressions, and nothing else has."""
    assert record_fields(Collection(name="things", fields={})).keys() == set(META)


def test_who_may_be_nobody() -> None:
    """`auth` may be null, as `record` is where there may be none; the ids of users are of the kind that they have."""
    assert auth_type(is_integer=True).fields["id"] != auth_type(is_integer=False).fields["id"]
    things = Collection(name="things", fields={})
    assert [record_type(things).nullable, record_type(things, nullable=True).nullable] == [False, True]
    assert auth_type(is_integer=False).nullable
