"""A store's file that is copied, or restored from a backup, on the real server."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from hinterland.client.client import Client
from hinterland.client.local.outcomes import Outcome
from hinterland.client.vault.memory import MemoryVault
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.testing.backend import TestBackend, running_backend

NOTES = Collection(name="notes", fields={"text": Text(), "count": Integer(merge="counter")}, rules=EVERYBODY)
PASSWORD = "a long walk outside"
Open = Callable[[str], Awaitable[Client]]


@pytest.fixture
async def backend() -> AsyncIterator[TestBackend]:
    """A real backend in this process."""
    async with running_backend([NOTES]) as backend:
        yield backend


@pytest.fixture
async def ada(backend: TestBackend, tmp_path: Path) -> Open:
    """Opens the store of that name for Ada."""
    form = {"name": "Ada", "email": "ada@example.org", "password": PASSWORD}
    await (await backend.client()).auth.sign_up(**form)

    async def opened(name: str) -> Client:
        client = await backend.client(store=tmp_path / f"{name}.db", vault=MemoryVault())
        await client.auth.log_in(email="ada@example.org", password=PASSWORD)
        client.local.collection("notes")
        return client

    return opened


def copied(folder: Path, name: str, copy: str) -> None:
    """Copy a closed store's files, as a backup or a move to another device does."""
    for file in folder.glob(f"{name}.db*"):
        shutil.copy(file, folder / file.name.replace(f"{name}.db", f"{copy}.db"))


async def edit(client: Client) -> list[str]:
    """Create a note, count it up twice, and delete another: the ids of the mutations."""
    notes = client.local.collection("notes")
    note = await notes.create({"text": "kept", "count": 1})
    doomed = await notes.create({"text": "doomed"})
    writes = [note, doomed, await notes.update(note.id, {"count": {"$increment": 10}})]
    writes += [await notes.update(note.id, {"text": "edited"}), await notes.delete(doomed.id)]
    return [write.mutation for write in writes]


async def outcomes(client: Client, mutations: list[str]) -> set[str]:
    """How the mutations ended, as this store has heard it."""
    found: list[Outcome | None] = [await client.outbox.outcome(mutation) for mutation in mutations]
    return {outcome.status if outcome is not None else "open" for outcome in found}


async def texts_and_counts(client: Client) -> list[tuple[str, int]]:
    """The notes on the server."""
    page = await client.collection("notes").list()
    return [(note["text"], note["count"]) for note in page.items]


@pytest.mark.parametrize("is_original_first", [True, False])
async def test_both_copies_go_on(ada: Open, tmp_path: Path, is_original_first: bool) -> None:
    """A store that is copied with unsent writes: both copies hand them in, whichever is first, and each write is done
    once and reported to both as applied; then both go on with writes of their own."""
    phone = await ada("phone")
    mutations = await edit(phone)
    await phone.close()
    copied(tmp_path, "phone", "copy")
    clients = [await ada("phone"), await ada("copy")]
    for client in clients if is_original_first else reversed(clients):
        await client.sync.now()
        assert await outcomes(client, mutations) == {"applied"}
        assert (await client.outbox.counts()).held == 0
        assert await texts_and_counts(client) == [("edited", 11)]
    for client in (*clients, *clients):
        await client.local.collection("notes").create({"text": "later", "count": 0})
        await client.sync.now()
    assert sorted(await texts_and_counts(clients[0])) == [("edited", 11), *[("later", 0)] * 4]
    for client in clients:
        await client.sync.now()
        assert len((await client.local.collection("notes").list()).items) == 5


@pytest.mark.parametrize("rounds", [0, 1, 2])
async def test_a_restored_backup(ada: Open, tmp_path: Path, rounds: int) -> None:
    """A backup from before the writes were sent, restored after they were applied and acknowledged, hears that they
    were applied: nothing is doubled, and nothing is reported as refused."""
    phone = await ada("phone")
    mutations = await edit(phone)
    await phone.close()
    copied(tmp_path, "phone", "backup")
    phone = await ada("phone")
    await phone.sync.now()
    for number in range(rounds):  # each push acknowledges what was heard before
        await phone.local.collection("notes").create({"text": f"later {number}"})
        await phone.sync.now()
    await phone.close()
    copied(tmp_path, "backup", "phone")
    for file in tmp_path.glob("phone.db-*"):
        file.unlink()
    restored = await ada("phone")
    await restored.sync.now()
    assert await outcomes(restored, mutations) == {"applied"}
    assert await restored.outbox.list() == []
    assert (await texts_and_counts(restored))[0] == ("edited", 11)
    assert len(await texts_and_counts(restored)) == 1 + rounds
    last = await restored.local.collection("notes").create({"text": "and on"})
    await restored.sync.now()
    assert (await last.settled()).is_applied


async def test_a_copy_of_what_was_refused(ada: Open, tmp_path: Path) -> None:
    """What the server refused for the original is refused for the copy, with the same reason."""
    phone = await ada("phone")
    note = await phone.local.collection("notes").create({"text": "x", "count": 1})
    wrong = await phone.local.collection("notes").update(note.id, {"no_such_field": 1})
    await phone.close()
    copied(tmp_path, "phone", "copy")
    heard = []
    for name in ("phone", "copy"):
        client = await ada(name)
        await client.sync.now()
        heard.append(await client.outbox.outcome(wrong.mutation))
    assert heard[0] is not None
    assert heard[0] == heard[1]
    assert heard[0].status == "refused"
