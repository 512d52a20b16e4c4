"""The description of an app, for administrators and for others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from hinterland.contract.fields import Bytes, Integer, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.contract.schemas import Access, AppDescription, CollectionDescription
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.description import describe
from hinterland.server.data.rules import access_of
from hinterland.server.declaration import App
from hinterland.server.hooks import BeforeWrite
from hinterland.server.settings import Settings

SIGNED_IN = "auth != null"


def described(
    *collections: Collection, is_admin: bool = False, settings: Settings | None = None, app: App | None = None
) -> AppDescription:
    """The description of an app with these collections."""
    app = app or App(collections=collections, settings=settings)
    return describe(app, Catalogue(app.collections, "sqlite"), is_admin=is_admin)


def named(found: AppDescription) -> dict[str, CollectionDescription]:
    """Its collections by name."""
    return {collection.name: collection for collection in found.collections}


def test_a_collection() -> None:
    """A collection is described with its shape, its fields, and whom its rules let pass."""
    notes = Collection(
        name="notes",
        parent="books",
        ids="integer",
        is_open=True,
        fields={"title": Text(required=True, max_length=9), "count": Integer(merge="counter"), "at": Text(index=True)},
        rules=Rules(list="true", view=SIGNED_IN, create="auth.id == record.title", update="false"),
        indexes=(("count", "created_at"),),
    )
    found = named(described(Collection(name="books", rules=EVERYBODY), notes))["notes"]
    assert (found.parent, found.ids, found.is_open) == ("books", "integer", True)
    assert found.indexes == [["count", "created_at"]]
    assert msgspec.to_builtins(found.access) == {
        "list": "everybody", "view": "signed_in", "create": "rule", "update": "admin", "delete": "admin",
    }  # fmt: skip
    assert found.fields["title"] == {"kind": "text", "required": True, "min_length": 0, "max_length": 9}
    assert found.fields["at"]["max_bytes"] == 2_000
    assert found.rules is msgspec.UNSET


@pytest.mark.parametrize(
    ("rule", "access"),
    [
        ("", "admin"),
        ("false", "admin"),
        ("true", "everybody"),
        (" true ", "everybody"),
        (SIGNED_IN, "signed_in"),
        ("null != auth", "signed_in"),
        ("auth == null", "rule"),
        ("auth.id != null", "rule"),
        ("record.title != null", "rule"),
        ("record.title == 'a'", "rule"),
    ],
)
def test_access(rule: str, access: Access) -> None:
    """One word says whom a rule lets pass, as far as that is certain without a record."""
    notes = Collection(name="notes", fields={"title": Text()}, rules=Rules(view=rule))
    assert access_of(Catalogue([users(), notes], "sqlite")["notes"].rules["view"]) == access


def test_what_others_may_not_use() -> None:
    """A collection that no rule lets others use is described to administrators only; one that has others' records
    below it is named, without its fields."""
    closed = Collection(name="closed", fields={"title": Text()}, rules=Rules(view="false"))
    owner = Collection(name="owner", fields={"title": Text()})
    below = Collection(name="below", parent="owner", fields={"title": Text()}, rules=EVERYBODY)
    found = named(described(closed, owner, below))
    assert [*found] == ["users", "owner", "below"]
    assert ([*found["owner"].fields], [*found["below"].fields]) == ([], ["title"])
    whole = named(described(closed, owner, below, is_admin=True))
    assert [[*whole[name].fields] for name in ("closed", "owner")] == [["title"], ["title"]]


def test_fields_that_others_neither_read_nor_write() -> None:
    """A field that nobody but administrators reads or writes is described to them only, as are indexes over it. One
    that others may write but not read is described without its default."""
    fields = {
        "title": Text(),
        "kept": Text(read="false", write="admin"),
        "hint": Text(read="false", default="a", required=True),
        "score": Integer(read="'staff' in auth.roles", write="admin", default=1),
    }
    notes = Collection(
        name="notes", fields=fields, rules=EVERYBODY, indexes=(("title", "kept"), ("title", "score"))
    )  # fmt: skip
    found = named(described(notes))["notes"]
    assert [*found.fields] == ["title", "hint", "score"]
    assert found.fields["hint"] == {
        "kind": "text", "min_length": 0, "max_length": 10_000, "read_access": "admin",
    }  # fmt: skip
    assert found.fields["score"]["default"] == 1
    assert (found.fields["score"]["read_access"], "read" in found.fields["score"]) == ("rule", False)
    assert found.indexes == [["title", "score"]]
    whole = named(described(notes, is_admin=True))["notes"]
    assert [*whole.fields] == [*fields]
    assert (whole.fields["hint"]["default"], whole.fields["hint"]["read"]) == ("a", "false")
    assert whole.indexes == [["title", "kept"], ["title", "score"]]


def test_only_readers_of_a_collection() -> None:
    """Where others only read, fields that they don't read are left out, however they could be written."""
    notes = Collection(
        name="notes", fields={"title": Text(), "hint": Text(read="false")}, rules=Rules(list="true", delete="true")
    )
    assert [*named(described(notes))["notes"].fields] == ["title"]
    deleted = Collection(name="notes", fields={"title": Text()}, rules=Rules(delete=SIGNED_IN))
    assert [*named(described(deleted))["notes"].fields] == []


def test_rules_of_users() -> None:
    """People sign up and read their own record, whatever the rules of `users`."""
    people = users(rules=Rules(), fields={"plan": Text(read="false", write="admin"), "city": Text()})
    assert [*named(described(people))["users"].fields] == ["name", "email", "city"]


@pytest.mark.parametrize(("is_admin", "is_public"), [(True, False), (False, True)])
def test_the_text_of_rules(is_admin: bool, is_public: bool) -> None:
    """Rules are given as text to administrators, and to everybody where the app has public rules."""
    notes = Collection(
        name="notes", fields={"title": Text(read=SIGNED_IN)}, rules=Rules(list="true", view="auth.id == record.title")
    )
    found = named(described(notes, is_admin=is_admin, settings=Settings(public_rules=is_public)))["notes"]
    assert found.rules == notes.rules
    assert (found.fields["title"]["read"], found.fields["title"]["read_access"]) == (SIGNED_IN, "signed_in")


def test_limits_by_an_index() -> None:
    """`max_bytes` is the limit of the value itself, also where the index holds it in another form."""
    fields = {"raw": Bytes(index=True), "a": Text(), "b": Text()}
    found = named(described(Collection(name="notes", fields=fields, rules=EVERYBODY, indexes=(("a", "b"),))))
    assert [found["notes"].fields[name]["max_bytes"] for name in fields] == [1_500, 1_000, 1_000]


def test_hooks() -> None:
    """The kinds of writes with a before-hook are named: their bodies may become others before they are checked."""
    app = App(collections=[Collection(name="notes", fields={"title": Text()}, rules=EVERYBODY)])

    @app.before("notes", "update", "create")
    async def fill(write: BeforeWrite) -> None:
        """Nothing."""

    assert named(described(app=app))["notes"].hooks == ["create", "update"]


NOTES = Collection(name="notes", fields={"title": Text(), "kept": Text(read="false", write="admin")}, rules=EVERYBODY)
MORE = Collection(name="more", fields={"title": Text()}, rules=EVERYBODY)


def changed(**attributes: Any) -> Collection:
    """The notes with other attributes."""
    return msgspec.structs.replace(NOTES, **attributes)


@pytest.mark.parametrize(
    ("collections", "has_changed"),
    [
        ([NOTES, MORE], False),
        ([changed(fields={**NOTES.fields, "kept": Text(read="false", write="admin", max_length=9)})], False),
        ([changed(fields={**NOTES.fields, "title": Text(max_length=9)})], True),
        ([changed(rules=Rules(list="true"))], True),
        ([changed(is_open=True)], True),
    ],
)
def test_the_fingerprint_of_a_collection(collections: Sequence[Collection], has_changed: bool) -> None:
    """It changes with what is described of the collection, and with nothing else."""
    before, after = (named(described(*given))["notes"].fingerprint for given in ([NOTES], collections))
    assert (before != after) is has_changed


def test_the_fingerprint_of_the_whole() -> None:
    """It changes with every collection, setting and audience, and not with the order of the collections, in which the
    processes of one database differ."""
    whole = described(NOTES, MORE)
    assert described(MORE, NOTES).fingerprint == whole.fingerprint
    others = [
        described(NOTES),
        described(NOTES, MORE, is_admin=True),
        described(NOTES, MORE, settings=Settings(log_days=3)),
        described(NOTES, MORE, settings=Settings(max_record_bytes=3)),
        described(NOTES, msgspec.structs.replace(MORE, ids="integer")),
    ]
    assert len({whole.fingerprint, *(other.fingerprint for other in others)}) == 1 + len(others)


def test_the_same_in_another_process() -> None:
    """Fingerprints don't depend on the process."""
    code = (
        "from tests.server.data.test_description import *\n"
        "found = described(NOTES, MORE)\n"
        "print(found.fingerprint, *[each.fingerprint for each in found.collections])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    found = described(NOTES, MORE)
    assert printed.split() == [found.fingerprint, *(each.fingerprint for each in found.collections)]


def test_it_is_json() -> None:
    """A description is JSON, and reads as it was."""
    found = described(NOTES, MORE, is_admin=True)
    assert msgspec.json.decode(msgspec.json.encode(found), type=AppDescription) == found
    assert [each["name"] for each in json.loads(msgspec.json.encode(found))["collections"]] == [
        "users",
        "notes",
        "more",
    ]
