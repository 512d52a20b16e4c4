"""Writes of a device that clash with each other, against the real server on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hinterland.client.client import Client
from hinterland.client.vault.memory import MemoryVault
from hinterland.contract.changes import Write
from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.testing.backend import TestBackend, running_backend

NOTES = Collection(name="notes", fields={"text": Text(), "title": Text(unique=True)}, rules=EVERYBODY)


@pytest.fixture(params=["sqlite", "postgres"])
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TestBackend]:
    """A real backend on each database."""
    if request.param == "postgres":
        storage: Storage = PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)
    else:
        storage = SqliteStorage(tmp_path / "server")
    async with running_backend([NOTES], storage=storage) as backend:
        yield backend


async def signed_up(backend: TestBackend, path: Path, name: str) -> Client:
    """A device on which `name` has signed up."""
    client = await backend.client(store=path, vault=MemoryVault())
    await client.auth.sign_up(name=name, email=f"{name}@example.org", password="a long walk outside")
    client.local.collection("notes")
    return client


SAME = Write(act="create", collection="notes", body={"title": "same"})


async def test_a_clash_inside_one_mutation(either: TestBackend, tmp_path: Path) -> None:
    """Writes that happen together and clash with each other are refused together and held with the reason; later ones
    go on at once, those of others too, and what is held can be discarded."""
    phone = await signed_up(either, tmp_path / "phone.db", "ada")
    other = await signed_up(either, tmp_path / "other.db", "ben")
    bad = await phone.local.write(SAME, SAME)
    notes = phone.local.collection("notes")
    good = await notes.create({"text": "innocent"})
    await phone.sync.now()
    problem = (await bad.settled()).problem
    assert problem is not None
    assert problem.code == "conflict"
    assert (await good.settled()).is_applied
    assert [entry.state for entry in await phone.outbox.list()] == ["refused"]
    await other.sync.now()
    assert [record["text"] for record in (await other.local.collection("notes").list()).items] == ["innocent"]
    await phone.outbox.discard(bad.mutation)
    await phone.sync.now()
    assert await phone.outbox.list() == []
    assert [record["text"] for record in (await notes.list()).items] == ["innocent"]
