"""Fields of stored records that become references, or refer to another collection."""

from __future__ import annotations

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Reference, Text
from hinterland.contract.imports import Import
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.data import schema
from hinterland.server.data.requests import WriteRequest
from tests.server.data.migrated import ADMIN, Database, changed, documents_of, notes, serving, stored


async def test_a_text_that_becomes_a_reference(database: Database) -> None:
    """A field becomes a reference where all its values are ids of records; those that are not are reported. The other
    way, and to delete otherwise, nothing is asked."""
    people = Collection(name="people", fields={}, rules=EVERYBODY)
    await stored(database, people, {"id": "ada"})
    async with serving(database, people, notes(by=Text())) as backend:
        rows = [{"id": "a", "by": "ada"}, {"id": "b", "by": "ben"}, {"id": "c"}]
        assert (await backend.importer.run("notes", Import(rows=rows))).refused == []
    by = notes(by=Reference(to="people"))
    reported = await changed(database, people, by)
    assert reported.problems == ('notes/b: by is "ben", and people has no such record',)
    async with serving(database, people, notes(by=Text())) as backend:
        write = Write(act="patch", collection="notes", id="b", body={"by": None})
        await backend.commands.submit(WriteRequest([write], ADMIN))
    reported = await changed(database, people, by)
    assert reported.steps[0] == "make notes.by Reference(to='people'), was Text"
    async with serving(database, people, notes(by=Reference(to="people", on_delete="cascade"))) as backend:
        await backend.commands.submit(WriteRequest([Write(act="delete", collection="people", id="ada")], ADMIN))
        assert {*await documents_of(backend)} == {"b", "c"}


async def test_a_reference_to_another_collection(database: Database) -> None:
    """A reference that comes to refer to another collection is a change of stored records; one that is new is none."""
    people, pets = (Collection(name=name, fields={}, rules=EVERYBODY) for name in ("people", "pets"))
    await stored(database, notes(title=Text()), {"id": "a"})
    async with serving(database, people, pets, notes(title=Text(), by=Reference(to="people"))) as backend:
        made = [Write(act="create", collection="people", id="ada"),
                Write(act="patch", collection="notes", id="a", body={"by": "ada"})]  # fmt: skip
        await backend.commands.submit(WriteRequest(made, ADMIN))
    other = notes(title=Text(), by=Reference(to="pets"))
    with pytest.raises(schema.SchemaChange, match=r"notes.by is Reference\(to='pets'\), was Reference\(to='people'\)"):
        async with serving(database, people, pets, other):
            pass
    reported = await changed(database, people, pets, other)
    assert reported.problems == ('notes/a: by is "ada", and pets has no such record',)
