"""What a client makes of the description of an app."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hinterland.contract.changes import Write, apply
from hinterland.contract.described import DescribedCollection, collections_in
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Boolean, Bytes, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.contract.schemas import described_field

NOW = "2026-01-02T03:04:05.000000Z"
THINGS = Collection(
    name="things",
    ids="integer",
    parent="notes",
    fields={
        "text": Text(required=True, min_length=1, max_length=9, choices=("a", "b"), default="a"),
        "count": Integer(minimum=1, merge="counter"),
        "price": Number(maximum=3),
        "done": Boolean(default=False),
        "at": Instant(index=True),
        "views": Int64(write="admin"),
        "raw": Bytes(),
        "tags": List(of=Integer(minimum=1), merge="set", max_items=3),
        "any": Json(),
        "owner": Text(fill="auth.id", unique=True),
    },
    indexes=(("text", "created_at"),),
    rules=EVERYBODY,
)
NOTES = Collection(name="notes", fields={"title": Text(required=True), "count": Integer(default=1)}, rules=EVERYBODY)


def described(*collections: Collection) -> dict[str, Any]:
    """The description of an app with these collections, as JSON has it."""
    each = [
        {
            **msgspec.to_builtins(collection),
            "fingerprint": "x",
            "access": {"list": "everybody"},
            "hooks": [],
            "fields": {name: {**described_field(field), "max_bytes": 3} for name, field in collection.fields.items()},
        }
        for collection in collections
    ]
    return {"api": 1, "fingerprint": "x", "collections": each}


def known(given: Any) -> dict[str, DescribedCollection]:
    """The collections that a client finds in a description."""
    found = collections_in(msgspec.json.encode(given))
    assert found is not None
    return found


def changed(**members: Any) -> DescribedCollection | None:
    """The notes as a client knows them where their description has these members too."""
    given = described(NOTES)
    given["collections"][0] |= members
    return known(given).get("notes")


def test_a_client_knows_what_is_declared() -> None:
    """A client has the declaration itself, without its rules."""
    found = known(described(NOTES, THINGS))
    assert [*found] == ["notes", "things"]
    assert found["things"].collection == msgspec.structs.replace(THINGS, rules=Rules())


@pytest.mark.parametrize(
    "text", ["", "<!doctype html><p>Sign in", "[]", "{}", '{"api": 1}', '{"collections": []}', "\x80"]
)
def test_what_is_no_description(text: str) -> None:
    """The page of a portal and any other answer are no description."""
    assert collections_in(text) is None


def test_fields_of_a_newer_server() -> None:
    """A field of an unknown kind, or with what this version can't declare, is any JSON value; what others have is
    still checked."""
    fields = {
        "title": {"kind": "text", "required": True, "colour": "red"},
        "place": {"kind": "point", "srid": 4326, "required": True},
        "rank": {"kind": "integer", "merge": "highest"},
        "odd": {"kind": "text", "pattern": "("},
        "list": 3,
    }
    found = changed(fields=fields, indexes=[["title", "place"], ["title", "created_at"]])
    assert found is not None
    assert ([*found.collection.fields], found.collection.is_open) == (["title"], True)
    assert found.collection.indexes == (("title", "created_at"),)
    assert found.new({"title": "a", "place": [1, 2], "rank": 3}) == {"title": "a", "place": [1, 2], "rank": 3}
    write = Write(act="patch", collection="notes", id="a", body={"rank": {"$increment": 2}})
    assert apply(found, write, {"title": "a", "rank": 3}, NOW) == {"title": "a", "rank": 5}
    with pytest.raises(Refusal, match="title: is required"):
        found.new({})


@pytest.mark.parametrize(
    "members", [{"ids": "uuid"}, {"name": 3}, {"name": "Notes"}, {"fields": []}, {"fields": None}, {"is_open": "x"}]
)
def test_collections_of_a_newer_server(members: dict[str, Any]) -> None:
    """A collection that this version can't declare is not known, and others are."""
    given = described(NOTES, THINGS)
    given["collections"][0] |= members
    if members == {"is_open": "x"}:
        assert known(given)["notes"].collection.is_open
    else:
        assert [*known(given)] == ["things"]
    assert [*known(given | {"collections": [3, None, *given["collections"]], "api": 9, "more": {}})] == [*known(given)]


def test_unknown_members_of_a_collection() -> None:
    """Members that this version does not know are ignored."""
    found = changed(retained_by="moon", hooks=["archive"])
    assert found is not None
    assert found.collection == known(described(NOTES))["notes"].collection


@pytest.mark.parametrize("kind", ["create", "update"])
def test_hooked_writes(kind: str) -> None:
    """What a hook may change is not refused and shows as it was sent, completed where that is known; writes of other
    kinds are checked."""
    found = changed(hooks=[kind])
    assert found is not None
    body = {"count": "many", "more": 1}
    if kind == "create":
        assert found.new(body) == {"title": None, "count": "many", "more": 1}
        assert found.new({"title": "a"}) == {"title": "a", "count": 1}
    else:
        assert found.patched({"title": "a", "count": 2}, body) == {"title": "a", "count": "many", "more": 1}
        assert found.replaced({"title": "a", "count": 2}, {"count": ""}) == {"title": "a", "count": ""}
    with pytest.raises(Refusal, match="must be a whole number"):
        found.patched({"title": "a"}, body) if kind == "create" else found.new({"title": "a", **body})


def test_fields_that_a_reader_does_not_see() -> None:
    """A private field that a record lacks is not missed in a change, and stays out of what is shown; in a new record it
    is asked for."""
    hint = {"kind": "text", "required": True, "read_access": "rule"}
    found = changed(fields={"title": {"kind": "text", "required": True}, "hint": hint})
    assert found is not None
    seen = {"title": "a"}
    assert found.patched(seen, {"title": "b"}) == {"title": "b"}
    assert found.replaced(seen, {"title": "b"}) == {"title": "b"}
    assert found.patched({**seen, "hint": "x"}, {"title": "b"}) == {"title": "b", "hint": "x"}
    assert found.patched(seen, {"hint": "y"}) == {"title": "a", "hint": "y"}
    for wrong in ({"title": ""}, {"hint": ""}):
        with pytest.raises(Refusal, match="is required"):
            found.patched(seen, wrong)
    with pytest.raises(Refusal, match="hint: is required"):
        found.new({"title": "a"})


def test_fields_of_a_record_that_came_earlier_than_the_description() -> None:
    """A change keeps the fields of a record that the description does not have yet."""
    found = known(described(NOTES))["notes"]
    assert found.patched({"title": "a", "mood": "good"}, {"title": "b"})["mood"] == "good"
    with pytest.raises(Refusal, match="mood: is not a field of notes"):
        found.patched({"title": "a"}, {"mood": "good"})


def test_a_description_that_is_not_certain() -> None:
    """As long as a description may be older than the app, names that it lacks are accepted; the rest is checked."""
    found = collections_in(msgspec.json.encode(described(NOTES)), is_certain=False)
    assert found is not None
    assert found["notes"].new({"title": "a", "mood": "good"}) == {"title": "a", "count": 1, "mood": "good"}
    with pytest.raises(Refusal, match="title: is required"):
        found["notes"].new({"mood": "good"})
    write = Write(act="patch", collection="notes", id="a", body={"seen": {"$increment": 2}})
    assert apply(found["notes"], write, {"title": "a", "seen": 1}, NOW) == {"title": "a", "count": None, "seen": 3}
    with pytest.raises(Refusal, match="can't be used on this field"):
        apply(known(described(NOTES))["notes"], write, {"title": "a"}, NOW)
    assert found["notes"].is_same(known(described(NOTES))["notes"])
