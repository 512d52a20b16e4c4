"""Fields that a migration renames, on each database."""

from __future__ import annotations

from typing import Any

import pytest

from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection
from tests.server.data.migrated import Database, changed, documents_of, notes, serving, stored

TITLE, SECRET = Text(required=True, unique=True, search=True), Text(read="auth != null")
OLD = notes(title=TITLE, sub=Text(), secret=SECRET)
ROWS: tuple[dict[str, Any], ...] = (
    {"id": "a", "title": "A", "sub": "7", "secret": "s"},
    {"id": "b", "title": "B"},
)


async def test_values_are_kept(database: Database) -> None:
    """A renamed field keeps its values, its limits, its index and its words; a record without a value has none."""
    await stored(database, OLD, *ROWS)
    new = notes(headline=TITLE, below=Text(default="x"), own=SECRET)
    renames = {"notes": {"title": "headline", "sub": "below", "secret": "own"}}
    rehearsed = await changed(database, new, renames=renames, is_rehearsal=True)
    assert rehearsed.problems == ()
    assert rehearsed.steps[:3] == (
        "rename notes.title to headline", "rename notes.sub to below", "rename notes.secret to own"
    )  # fmt: skip
    assert (await changed(database, new, renames=renames)).problems == ()
    async with serving(database, new) as backend:
        assert await documents_of(backend) == {
            "a": {"headline": "A", "below": "7", "own": "s"},
            "b": {"headline": "B", "below": None, "own": None},
        }
        rows = await backend.storage.fetch("SELECT id FROM notes WHERE headline = 'B'")
        assert [tuple(row) for row in rows] == [("b",)]


async def test_another_kind_too(database: Database) -> None:
    """What is renamed and declared otherwise at once must fit: it is read as the new kind, or listed."""
    await stored(database, OLD, *ROWS)
    renames = {"notes": {"sub": "count", "title": "number"}}
    new = notes(count=Integer(), secret=SECRET, number=Text(required=True))
    assert (await changed(database, new, renames=renames)).problems == ()
    async with serving(database, new) as backend:
        assert (await documents_of(backend))["a"] == {"count": 7, "secret": "s", "number": "A"}
    worse = notes(count=Integer(), secret=SECRET, amount=Integer(required=True))
    reported = await changed(database, worse, renames={"notes": {"number": "amount"}})
    assert 'notes/a: amount is "A", and must be a whole number' in reported.problems[0]


async def test_required_and_unique(database: Database) -> None:
    """A rename to a field that must have a value, or one that no other record has, is checked like a change of it."""
    await stored(database, notes(sub=Text()), {"id": "a", "sub": "x"}, {"id": "b", "sub": "x"}, {"id": "c"})
    reported = await changed(database, notes(below=Text(required=True)), renames={"notes": {"sub": "below"}})
    assert reported.problems == ("notes/c: below is required, and has no value",)
    reported = await changed(database, notes(below=Text(unique=True)), renames={"notes": {"sub": "below"}})
    assert [problem.partition(":")[0] for problem in reported.problems] == ["notes/a", "notes/b"]
    async with serving(database, notes(sub=Text())) as backend:
        assert (await documents_of(backend))["a"] == {"sub": "x"}


async def test_what_an_open_collection_has(database: Database) -> None:
    """No value is replaced by a renamed one: records with an undeclared field of the new name are listed."""
    old = Collection(name="notes", fields={"sub": Text()}, rules=EVERYBODY, is_open=True)
    await stored(database, old, {"id": "a", "sub": "x", "below": "y"}, {"id": "b", "sub": "x", "z": 1})
    new = Collection(name="notes", fields={"below": Text()}, rules=EVERYBODY, is_open=True)
    reported = await changed(database, new, renames={"notes": {"sub": "below"}})
    assert reported.problems == ("notes/a: below has a value already, so sub can't be renamed to it",)


@pytest.mark.parametrize(
    ("new", "renames", "words"),
    [
        (notes(below=Text()), {"notez": {"sub": "below"}}, "notez is not a collection of both"),
        (notes(below=Text()), {"notes": {"sup": "below"}}, "the database has no such field; notes has sub, more"),
        (notes(below=Text()), {"notes": {"sub": "belov"}}, "the app file does not declare notes.belov"),
        (notes(sub=Text(), below=Text()), {"notes": {"sub": "below"}}, "notes.sub is in the database and in the app"),
        (notes(more=Text()), {"notes": {"sub": "more"}}, "notes.more is in the database and in the app file"),
        (notes(below=Text()), {"notes": {"sub": "below", "more": "below"}}, "two fields of notes can't have one name"),
    ],
)
async def test_what_can_not_be_renamed(
    database: Database, new: Collection, renames: dict[str, dict[str, str]], words: str
) -> None:
    """A rename from a field that is not stored, or to one that is not new, changes nothing and says why."""
    await stored(database, notes(sub=Text(), more=Text()), {"id": "a", "sub": "x"})
    assert words in (await changed(database, new, renames=renames)).problems[0]
    async with serving(database, notes(sub=Text(), more=Text())) as backend:
        assert (await documents_of(backend))["a"] == {"sub": "x", "more": None}
