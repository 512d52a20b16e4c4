"""What a session that has ended leaves on the device, against the real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import Unauthorized
from hinterland.client.local.outcomes import Counts
from hinterland.client.session import SignedIn, SignedOut
from hinterland.contract.fields import Text
from hinterland.contract.records import Collection, Rules
from hinterland.testing.backend import TestBackend, running_backend
from tests.client.local.conftest import until

OWN = "auth.id == record.owner"
NOTES = Collection(
    name="notes",
    fields={"text": Text(), "owner": Text(fill="auth.id")},
    rules=Rules(list=OWN, view=OWN, create=OWN, update=OWN, delete=OWN),
)
ADA = {"email": "ada@example.org", "password": "a long walk outside"}


@pytest.fixture
async def backend() -> AsyncIterator[TestBackend]:
    """A real backend in this process."""
    async with running_backend([NOTES]) as backend:
        yield backend


async def opened(backend: TestBackend, tmp_path: Path) -> Client:
    """The app's client, as at each of its starts."""
    client = await backend.client(store=tmp_path / "app.db")
    client.local.collection("notes")
    return client


async def ended(backend: TestBackend, tmp_path: Path) -> Client:
    """A device with one sent and one unsent note of Ada's, whose session the server ends; started anew."""
    client = await opened(backend, tmp_path)
    await client.auth.sign_up(name="Ada", **ADA)
    await client.local.collection("notes").create({"text": "sent"})
    await client.sync.now()
    await client.local.collection("notes").create({"text": "unsent"})
    state = client.auth.state
    assert isinstance(state, SignedIn)
    other = await backend.client()
    await other.request("POST", "/v1/auth/logout", headers={"authorization": f"Bearer {state.access_token}"})
    with pytest.raises(Unauthorized):
        await client.sync.now()
    assert client.auth.state == SignedOut("refused")
    await client.close()
    return await opened(backend, tmp_path)


async def texts(client: Client) -> list[str]:
    """The notes that are shown."""
    return sorted([note["text"] async for note in client.local.collection("notes").iterate()])


async def test_an_ended_session_leaves_the_data(backend: TestBackend, tmp_path: Path) -> None:
    """A session that the server ended leaves the data readable at the next start, writes are queued and counted, and
    it is reported why nothing is sent; signing in again as the same user continues."""
    client = await ended(backend, tmp_path)
    assert client.auth.state == SignedOut("refused")
    assert await texts(client) == ["sent", "unsent"]
    written = await client.local.collection("notes").create({"text": "later"})
    assert await client.outbox.counts() == Counts(waiting=2)
    assert await client.outbox.counts_by_account() == {client.local.account: Counts(waiting=2)}
    client.sync.start()
    await until(lambda: client.sync.status.state == "paused")
    assert str(client.sync.status.error).startswith("The session is over. Sign in again.")
    user = await client.auth.log_in(**ADA)
    assert user["id"] == client.local.account
    assert (await written.settled()).is_applied
    assert sorted([note["text"] async for note in client.collection("notes").iterate()]) == ["later", "sent", "unsent"]


async def test_another_user_after_an_ended_session(backend: TestBackend, tmp_path: Path) -> None:
    """Another user who signs in instead neither sees nor sends them; that they exist is counted, and their owner finds
    them again."""
    client = await ended(backend, tmp_path)
    ada = client.local.account
    await client.auth.sign_up(name="Bob", email="bob@example.org", password=ADA["password"])
    assert await texts(client) == []
    assert await client.outbox.list() == []
    await client.sync.now()
    assert await client.outbox.counts_by_account() == {ada: Counts(waiting=1)}
    await client.auth.log_out()
    assert await texts(client) == []
    assert await client.outbox.counts_by_account() == {ada: Counts(waiting=1)}
    await client.auth.log_in(**ADA)
    await client.sync.now()
    assert [note["text"] async for note in client.collection("notes").iterate()] == ["sent", "unsent"]


async def test_a_log_out_after_an_ended_session(backend: TestBackend, tmp_path: Path) -> None:
    """A log-out hides them, at the next start too."""
    client = await ended(backend, tmp_path)
    await client.auth.log_out()
    assert await texts(client) == []
    await client.close()
    client = await opened(backend, tmp_path)
    assert (client.auth.state, client.local.account) == (SignedOut("never"), "")
    assert await texts(client) == []


async def test_a_vault_that_is_lost(backend: TestBackend, tmp_path: Path) -> None:
    """A kept session that can't be read hides no data either."""
    client = await opened(backend, tmp_path)
    await client.auth.sign_up(name="Ada", **ADA)
    await client.local.collection("notes").create({"text": "unsent"})
    await client.close()
    (tmp_path / "app.db.vault").write_bytes(b"damaged")
    client = await opened(backend, tmp_path)
    assert client.auth.state == SignedOut("unreadable")
    assert await texts(client) == ["unsent"]
    assert (await client.outbox.counts()).waiting == 1
