"""Objects with declared members, and lists of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Boolean, Date, Field, Integer, Json, List, Object, Reference, Text
from hinterland.contract.kinds.field import NestedErrors
from hinterland.contract.records import Collection, CompiledCollection, read_collection
from hinterland.contract.schemas import described_field

ADDRESS = Object(
    fields={
        "street": Text(required=True),
        "city": Text(default="Rome"),
        "geo": Object(fields={"lat": Integer(), "lon": Integer()}),
        "extra": Json(),
    }
)
LINES = List(of=Object(fields={"item": Text(required=True), "count": Integer(minimum=1, default=1)}), max_items=200)
ORDERS = Collection(name="orders", fields={"title": Text(), "address": ADDRESS, "lines": LINES})


def errors_of(body: dict[str, Any], old: dict[str, Any] | None = None) -> dict[str, list[str]]:
    """What is wrong with a creation, or a patch of `old`."""
    shape = CompiledCollection(ORDERS)
    with pytest.raises(Refusal) as caught:
        shape.new(body) if old is None else shape.patched(old, body)
    return dict(caught.value.errors)


def test_the_stored_form_has_every_member() -> None:
    """Members are in declared order; one that is left out has its default, or null; null stays null."""
    check = ADDRESS.checker()
    stored = check({"city": "Bari", "street": "x"})
    assert list(stored.items()) == [("street", "x"), ("city", "Bari"), ("geo", None), ("extra", None)]
    assert check({"street": "x"})["city"] == "Rome"
    assert check({"street": "x", "city": None, "geo": {"lon": 2.0}}) == {
        "street": "x", "city": None, "geo": {"lat": None, "lon": 2}, "extra": None,
    }  # fmt: skip


def test_errors_name_the_place() -> None:
    """Each wrong value inside is reported by its path; a value that is no object or no list by the field."""
    body = {"lines": [{"item": "a"}, {"item": "", "count": 0, "x": 1}], "address": {"geo": {"lat": "1"}}, "title": 1}
    assert errors_of(body) == {
        "title": ["must be text"],
        "address.street": ["is required"],
        "address.geo.lat": ["must be a whole number"],
        "lines.1.item": ["is required"],
        "lines.1.count": ["must be between 1 and 9007199254740991"],
        "lines.1.x": ["is not a member; known are item, count"],
    }
    assert errors_of({"lines": {}, "address": []}) == {"lines": ["must be a list"], "address": ["must be an object"]}
    assert errors_of({"lines": [{"item": "a"}, 5]}) == {"lines": ["item 1: must be an object"]}
    assert len(errors_of({"lines": [{f"x{n}": 1 for n in range(50)}] * 9})) == NestedErrors.MOST


def test_a_patch_merges_members() -> None:
    """A patch changes the members that it names, at any depth; null takes a value; a list is replaced. An object that
    is not valid leaves the record as it was."""
    shape = CompiledCollection(ORDERS)
    old = shape.new({"address": {"street": "x", "geo": {"lat": 1, "lon": 2}, "extra": {"a": 1, "b": 2}}})
    new = shape.patched(old, {"address": {"city": None, "geo": {"lon": 3}, "extra": {"a": None}}})
    assert new["address"] == {"street": "x", "city": None, "geo": {"lat": 1, "lon": 3}, "extra": {"b": 2}}
    assert shape.patched(new, {"address": {"geo": None}})["address"]["geo"] is None
    assert shape.patched(new, {"address": None})["address"] is None
    assert errors_of({"address": {"street": None}}, new) == {"address.street": ["is required"]}
    assert errors_of({"address": {"geo": {"alt": 1}}}, new) == {
        "address.geo.alt": ["is not a member; known are lat, lon"]
    }
    assert shape.try_replace(new, {"address": {"street": 1}})[0]["address"] == new["address"]


def test_declarations_travel() -> None:
    """A declaration with members comes back from JSON as it was; a description has the limits of each member's kind."""
    assert read_collection(msgspec.json.encode(ORDERS)) == ORDERS
    assert described_field(ADDRESS)["fields"]["street"] == described_field(Text(required=True))
    assert described_field(LINES)["of"]["fields"]["count"]["minimum"] == 1
    schema = ADDRESS.json_schema()
    assert (schema["required"], schema["additionalProperties"]) == (["street"], False)
    assert schema["properties"]["city"] == {"type": ["string", "null"], "maxLength": 10_000}
    assert "required" not in ADDRESS.patch_schema()


def deep(levels: int) -> Field:
    """Objects in objects."""
    return Object(fields={"in": deep(levels - 1) if levels > 1 else Text()})


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (Object(), "orders.x: an Object has members"),
        (Object(fields={"a": Text(index=True)}), "orders.x: its member a: index is for fields of a collection"),
        (Object(fields={"a": Text(read="true")}), "orders.x: its member a: read is for fields of a collection"),
        (Object(fields={"a": Reference(to="users")}), "orders.x: its member a: a reference is a field of a collection"),
        (List(of=Object(fields={"a b": Text()})), "orders.x: its member a b: names of members use letters"),
        (Object(fields={"a": Integer(minimum=2, maximum=1)}), "orders.x: its member a: minimum is 2"),
        (Object(fields={"a": Object()}), "orders.x: its member a: an Object has members"),
        (deep(9), "objects are nested deeper than 8 levels"),
        (Object(fields={"a": Text()}, default={"a": 1}), "orders.x: its default must be valid inside: a must be text"),
        (Object(fields={"a": Text()}, unique=True), "a Object can't be unique or indexed"),
    ],
)
def test_declarations_that_can_not_be(field: Field, message: str) -> None:
    """What no object can be is refused where it is declared, with the member's place."""
    with pytest.raises(ValueError, match=message):
        Collection(name="orders", fields={"x": field})
    Collection(name="orders", fields={"x": deep(8)})


@pytest.mark.parametrize(
    ("members", "takes"),
    [
        ({"a": Text(), "b": Date()}, True),
        ({"a": Text(), "b": Date(), "c": Boolean()}, True),
        ({"a": Text(), "b": Date(), "c": Boolean(required=True)}, False),
        ({"a": Text(), "b": Date(), "c": Boolean(default=True)}, False),
        ({"a": Text(max_length=5), "b": Date()}, False),
        ({"a": Text(required=True), "b": Date()}, False),
        ({"a": Text(), "b": Text()}, False),
        ({"a": Text()}, False),
    ],
)
def test_what_takes_all_stored_values(members: dict[str, Field], takes: bool) -> None:
    """Members may be added and have wider limits; everything else touches stored values."""
    old = Object(fields={"a": Text(), "b": Date()})
    assert Object(fields=members).takes_all_of(old) is takes
    assert List(of=Object(fields=members)).takes_all_of(List(of=old)) is takes
