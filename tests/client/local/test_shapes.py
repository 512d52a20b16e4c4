"""What a device knows of collections, and a description that takes the place of another."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import msgspec
import pytest

from hinterland.client.local import mutations, records
from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.schema import MIGRATIONS
from hinterland.client.local.shapes import Description, Shapes, recall, take_over
from hinterland.contract.changes import Write
from hinterland.contract.described import collections_in
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.kit.sqlite import connect, migrate, transaction
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.description import describe
from hinterland.server.declaration import App
from tests.client.local.things import opened

NOTES = Collection(name="notes", fields={"title": Text(), "count": Integer(default=1)}, rules=EVERYBODY)
STRICT = Collection(name="notes", fields={"title": Text(required=True), "count": Integer(default=2)}, rules=EVERYBODY)
MORE = Collection(name="more", fields={"title": Text()}, ids="integer", rules=EVERYBODY)
SERVER = "https://one.example"


def description(*collections: Collection) -> Description:
    """The description of a server with these collections."""
    app = App(collections=collections)
    made = describe(app, Catalogue(app.collections, "sqlite"), is_admin=False)
    return Description(f'"{made.fingerprint}"', msgspec.json.encode(made).decode())


def take(connection: StoreConnection, scope: Scope, shapes: Shapes, given: Description) -> None:
    """Take a description over, in a transaction."""
    found = collections_in(given.text)
    assert found is not None
    connection.begin()
    with transaction(connection):
        take_over(connection, scope, SERVER, shapes, given, found)


def test_the_app_declares_first() -> None:
    """A collection is what the app declares, else what the server has described."""
    shapes = Shapes([STRICT])
    found = collections_in(description(NOTES, MORE).text)
    assert found is not None
    assert shapes.describe(found) == {"users", "more"}
    assert shapes["notes"].collection is STRICT
    assert ({*shapes}, len(shapes), shapes["more"].collection.ids) == ({"notes", "users", "more"}, 3, "integer")
    assert shapes.describe(found) == set()
    assert shapes.describe({"users": found["users"]}) == {"more"}
    assert "more" not in shapes


def test_a_change_of_hooks_is_one() -> None:
    """Which writes hooks may change belongs to what is known."""
    given = msgspec.json.decode(description(NOTES).text)
    before = collections_in(msgspec.json.encode(given))
    given["collections"][1]["hooks"] = ["create"]
    after = collections_in(msgspec.json.encode(given))
    shapes = Shapes()
    assert before is not None
    assert after is not None
    assert shapes.describe(before) == {"users", "notes"}
    assert shapes.describe(after) == {"notes"}


def test_a_description_is_kept_by_server() -> None:
    """The store has the last description of each server, and what is no description is nothing."""
    with opened() as connection:
        scope, given = Scope(1, "ada", {}), description(NOTES)
        take(connection, scope, Shapes(), description(MORE))
        take(connection, scope, Shapes(), given)
        shapes = Shapes()
        assert recall(connection, "https://two.example", shapes) == ""
        assert len(shapes) == 0
        assert recall(connection, SERVER, shapes) == given.tag
        assert {*shapes} == {"users", "notes"}
        connection.execute("UPDATE descriptions SET description = '<html>'")
        assert recall(connection, SERVER, Shapes()) == ""


def test_a_store_of_an_earlier_version() -> None:
    """A store without descriptions gets their table."""
    with closing(connect(":memory:", sqlite3.Connection)) as connection:
        migrate(connection, MIGRATIONS[:5])
        migrate(connection, MIGRATIONS)
        assert connection.execute("SELECT * FROM descriptions").fetchall() == []


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"title": "a"}, {"title": "a", "count": 2}),
        ({"count": 5}, {"count": 5}),  # it lacks what is required now
        ({"title": "a", "place": 1}, {"title": "a", "place": 1}),
    ],
)
def test_unsent_writes_stay(body: dict[str, Any], shown: dict[str, Any]) -> None:
    """Records with unsent writes look as the new description says; one that would no longer be valid stays visible as
    it was written, for the server to decide. Those who watch the collection are notified, others not."""
    with opened() as connection:
        shapes = Shapes()
        scope = Scope(1, "ada", shapes)
        connection.begin()
        write = Write(act="create", collection="notes", id="a", body=body)
        with transaction(connection):
            mutations.enqueue(connection, scope, "m", [write], 5.0, dict)
        take(connection, scope, shapes, description(STRICT, MORE))
        document = records.seen(connection, scope, ("notes", "", "a"))
        assert document is not None
        assert {name: value for name, value in document.items() if name in ("title", "count", "place")} == shown
        assert connection.store_change.collections == {"users", "notes", "more"}
        assert [entry.id for entry in mutations.entries(connection, scope)] == ["m"]
        take(connection, scope, shapes, description(STRICT, MORE))
        assert connection.store_change.collections == set()
