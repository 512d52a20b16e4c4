"""The client against the real server: in this process, through faults, and over sockets between processes."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinterland.client import BlockingClient
from hinterland.client.client import Client
from hinterland.client.errors import (
    Conflict,
    Forbidden,
    HinterlandError,
    InvalidCredentials,
    InvalidResponse,
    NetworkError,
    NotFound,
    ServerError,
    Stale,
    Unauthorized,
    UnknownCollection,
    ValidationFailed,
)
from hinterland.client.options import Options
from hinterland.client.session import SignedIn, SignedOut
from hinterland.client.vault.file import FileVault
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.testing.backend import TestBackend, running_backend
from hinterland.testing.faulty import FaultyNetwork
from tests.support.server import ServerProcess

PASSWORD = "a long walk outside"
NOTES = Collection(name="notes", fields={"text": Text(required=True), "number": Integer()}, rules=EVERYBODY)
OWN = "auth.id == record.owner"
DIARY = Collection(
    name="diary",
    fields={"text": Text(), "owner": Text(fill="auth.id")},
    rules=Rules(list=OWN, view=OWN, create=OWN, update=OWN, delete=OWN),
)
COMMENTS = Collection(name="comments", fields={"text": Text()}, parent="notes", rules=EVERYBODY)
APP_FILE = """
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.declaration import App

notes = Collection(name="notes", fields={"text": Text(required=True), "number": Integer()}, rules=EVERYBODY)
app = App(collections=[notes])
"""


class Note(msgspec.Struct):
    """A note as an app sees it."""

    id: str
    text: str
    revision: int
    created_at: str


@pytest.fixture
async def backend() -> AsyncIterator[TestBackend]:
    """A real backend in this process."""
    async with running_backend([NOTES, DIARY, COMMENTS]) as backend:
        yield backend


async def signed_up(backend: TestBackend, name: str, **settings: Any) -> Client:
    """A client of somebody who has just signed up."""
    client = await backend.client(**settings)
    await client.auth.sign_up(name=name, email=f"{name}@example.org", password=PASSWORD)
    return client


async def test_the_last_page_has_no_next(backend: TestBackend) -> None:
    """A page's `next` is None at the end, so that `while page.next is not None` ends."""
    client = await signed_up(backend, "ada")
    notes = client.collection("notes")
    await notes.create({"text": "one"})
    await notes.create({"text": "two"})
    first = await notes.list(limit=1)
    assert first.next
    assert (await notes.list(limit=1, cursor=first.next)).next is None


async def test_an_account_from_beginning_to_end(backend: TestBackend) -> None:
    """Sign up, who am I, renew, log out, log in, and each refusal on the way: as the server means it."""
    client = await signed_up(backend, "ada")
    user = await client.auth.me()
    assert (user["name"], user["email"]) == ("ada", "ada@example.org")
    state = client.auth.state
    assert isinstance(state, SignedIn)
    await client.auth.refresh()
    newer = client.auth.state
    assert isinstance(newer, SignedIn)
    assert newer.access_token != state.access_token
    await client.auth.log_out()
    assert client.auth.state == SignedOut("log_out")
    with pytest.raises(Unauthorized):
        await client.auth.me()
    with pytest.raises(InvalidCredentials):
        await client.auth.log_in(email="ada@example.org", password="wrong wrong wrong")
    await client.auth.log_in(email="ada@example.org", password=PASSWORD)
    with pytest.raises(Conflict) as taken:
        await client.auth.sign_up(name="ada", email="ada@example.org", password=PASSWORD)
    assert "email" in taken.value.errors
    with pytest.raises(ValidationFailed) as weak:
        await client.auth.sign_up(name="eve", email="eve@example.org", password="123")
    assert "password" in weak.value.errors
    assert client.auth.user is not None


async def test_records_from_beginning_to_end(backend: TestBackend) -> None:
    """Create, get, list, replace, update, delete, with preconditions and refusals: typed on both sides."""
    client = await signed_up(backend, "ada")
    notes = client.collection("notes", Note)
    one = await notes.create({"text": "one", "number": 1})
    assert await notes.get(one.id) == one
    two = await notes.update(one.id, {"text": "two"}, revision=one.revision)
    with pytest.raises(Stale):
        await notes.replace(one.id, {"text": "late"}, revision=one.revision)
    assert (await notes.replace(one.id, {"text": "three"}, revision=two.revision)).text == "three"
    await notes.delete(one.id)
    with pytest.raises(NotFound):
        await notes.get(one.id)
    with pytest.raises(ValidationFailed) as invalid:
        await notes.create({"text": 7, "number": "x", "more": 1})
    assert invalid.value.errors.keys() == {"text", "number", "more"}
    with pytest.raises(UnknownCollection):
        await client.collection("nothing").list()
    note = await notes.create({"text": "with comments"})
    comments = client.collection("comments", parent=f"notes/{note.id}")
    comment = await comments.create({"text": "first"})
    assert (await comments.get(comment["id"]))["text"] == "first"
    assert [c["text"] async for c in comments.iterate()] == ["first"]


async def test_lists_are_asked_in_every_way(backend: TestBackend) -> None:
    """Pages by number and by cursor, totals, filters, equality and sorting give what the server holds."""
    client = await signed_up(backend, "ada")
    notes = client.collection("notes")
    for number in range(25):
        await notes.create({"text": f"n{number % 3}", "number": number})
    page = await notes.list(page=2, limit=10, sort=["-number"], total=True)
    assert [note["number"] for note in page.items] == list(range(14, 4, -1))
    assert page.total == 25
    assert [note["number"] async for note in notes.iterate(limit=4, sort="number")] == list(range(25))
    assert len((await notes.list(text="n1", limit=100)).items) == 8
    some = await notes.list(filter='record.text == "n1" && record.number > 20', sort=["number"])
    assert [note["number"] for note in some.items] == [22]
    with pytest.raises(HinterlandError, match="filter"):
        await notes.list(filter="record.")
    sums = await notes.aggregate(group="text", count="*", sum="number", sort=["-count", "text"], limit=2)
    assert sums.items == [{"text": "n0", "count": 9, "sum_number": 108}, {"text": "n1", "count": 8, "sum_number": 92}]
    assert sums.next
    assert await notes.distinct("text", filter="record.number > 22") == [{"text": "n0"}, {"text": "n2"}]


async def test_rules_are_refusals(backend: TestBackend) -> None:
    """What the rules refuse is Forbidden or not there, and never seen by another."""
    ada, eve = await signed_up(backend, "ada"), await signed_up(backend, "eve")
    secret = await ada.collection("diary").create({"text": "mine"})
    with pytest.raises((Forbidden, NotFound)):
        await eve.collection("diary").get(secret["id"])
    with pytest.raises((Forbidden, NotFound)):
        await eve.collection("diary").update(secret["id"], {"text": "hers"})
    assert (await eve.collection("diary").list()).items == []


async def test_a_type_that_does_not_fit_is_reported(backend: TestBackend) -> None:
    """An app whose type is another than the server's gets the path and what was found."""

    class Wrong(msgspec.Struct):
        text: int

    client = await signed_up(backend, "ada")
    note = await client.collection("notes").create({"text": "one"})
    [mismatch] = (await client.collection("notes", Wrong).list()).mismatches
    assert (mismatch.path, mismatch.found) == (f"notes/{note['id']}.text", "str")
    assert mismatch.request_id
    with pytest.raises(InvalidResponse) as caught:
        await client.collection("notes", Wrong).get(note["id"])
    assert (caught.value.path, caught.value.found) == ("$.text", "str")
    assert caught.value.request_id


async def test_events_come_live(backend: TestBackend) -> None:
    """A subscriber sees each commit as it happens, whole, and only what the rules show."""
    ada, eve = await signed_up(backend, "ada"), await signed_up(backend, "eve")
    async with aclosing(eve.events(["notes", "diary"])) as events:
        ready = await anext(events)
        assert ready.kind == "ready"
        await ada.collection("diary").create({"text": "mine"})
        note = await ada.collection("notes").create({"text": "for all"})
        event = await anext(events)
        while event.kind == "position":
            event = await anext(events)
    assert event.kind == "commit"
    assert [(change.kind, change.collection, change.id) for change in event.changes] == [
        ("create", "notes", note["id"])
    ]
    assert event.changes[0].record is not None
    assert event.changes[0].record["text"] == "for all"


async def test_no_event_is_missed_through_cuts(backend: TestBackend) -> None:
    """An SSE stream cut at any event → resumed, no gap, no duplicate, against the real server."""
    network = FaultyNetwork(backend.transport(), seed=7, cut=0.3)
    reader = await signed_up(backend, "eve", transport=network, random=lambda: 0.001)
    writer = await signed_up(backend, "ada")
    numbers: list[int] = []

    async def write() -> None:
        for number in range(120):
            await writer.collection("notes").create({"text": "n", "number": number})

    async with asyncio.timeout(60), aclosing(reader.events("notes")) as events:
        assert (await anext(events)).kind == "ready"
        writing = asyncio.create_task(write())
        async for event in events:
            numbers += [change.record["number"] for change in event.changes if change.record]
            if len(numbers) == 120:
                break
        await writing
    assert numbers == list(range(120))
    assert network.met["cut"] > 10


async def test_keyed_writes_happen_exactly_once(backend: TestBackend) -> None:
    """Keyed POSTs through lost answers: exactly as many records as calls, also where the app itself tries again."""
    operations = frozenset({"records.create"})
    network = FaultyNetwork(backend.transport(), seed=3, operations=operations, reset=0.1, lost=0.15, busy=0.05)
    client = await signed_up(backend, "ada", transport=network, options=_patient())
    for start in range(0, 400, 40):
        await asyncio.gather(*(_create(client, start + number) for number in range(40)))
    found = [note["number"] async for note in client.collection("notes").iterate()]
    assert sorted(found) == list(range(400))
    assert network.met["lost"] > 30


async def _create(client: Client, number: int) -> None:
    while True:
        try:
            await client.collection("notes").create({"text": "n", "number": number}, key=f"note-{number}")
            return
        except (NetworkError, ServerError):
            continue  # the retry budget is used up: the app's own turn, with the same key


def _patient() -> Options:
    return Options(retries=10, retry_base=0.001, retry_base_busy=0.001)


async def test_a_store_works_without_a_network(backend: TestBackend, tmp_path: Path) -> None:
    """A client with a store writes while the network is down, syncs when it is back, and is the same person after a
    restart; who signs out takes the records from sight."""
    network = FaultyNetwork(backend.transport(), seed=1)
    client = await signed_up(backend, "ada", transport=network, store=tmp_path / "app.db")
    notes = client.local.collection("notes")
    network.is_down = True
    await notes.create({"text": "written on the way"})
    assert [note["text"] for note in (await notes.list()).items] == ["written on the way"]
    with pytest.raises(NetworkError):
        await client.sync.now()
    assert len(await client.outbox.list()) == 1
    network.is_down = False
    await client.sync.now()
    other = await signed_up(backend, "eve")
    assert [note["text"] for note in (await other.collection("notes").list()).items] == ["written on the way"]
    await client.close()

    again = await backend.client(store=tmp_path / "app.db")
    assert again.auth.user is not None
    assert [note["text"] for note in (await again.local.collection("notes").list()).items] == ["written on the way"]
    await again.auth.log_out()
    assert (await again.local.collection("notes").list()).items == []


RENEW = """
import asyncio, sys
from hinterland.client import Client, FileVault

async def main(url, path, times):
    async with Client(url, vault=FileVault(path)) as client:
        for _ in range(times):
            await client.auth.refresh()
            await client.auth.me()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


@pytest.fixture
def served(server_process: Callable[..., ServerProcess], tmp_path: Path) -> ServerProcess:
    """A real server in a process of its own."""
    file = tmp_path / "app.py"
    file.write_text(APP_FILE)
    return server_process(file)


def test_processes_share_one_vault(served: ServerProcess, tmp_path: Path) -> None:
    """Two processes with one vault → no double use, nobody signed out."""
    vault = tmp_path / "session.vault"
    with BlockingClient(served.url, vault=FileVault(vault)) as client:
        client.auth.sign_up(name="ada", email="ada@example.org", password=PASSWORD)
        command = [sys.executable, "-c", RENEW, served.url, str(vault), "15"]
        processes = [subprocess.Popen(command) for _ in range(2)]
        for _ in range(15):
            client.auth.refresh()
        assert [process.wait(60) for process in processes] == [0, 0]
        client.auth.refresh()
        assert client.auth.me()["name"] == "ada"


async def test_a_server_that_is_killed_is_met_again(served: ServerProcess) -> None:
    """Calls and streams over real sockets outlive a server that is killed and started again."""
    async with asyncio.timeout(90), Client(served.url, random=lambda: 0.3) as client:
        await client.auth.sign_up(name="ada", email="ada@example.org", password=PASSWORD)
        notes = client.collection("notes")
        async with aclosing(client.events("notes")) as events:
            assert (await anext(events)).kind == "ready"
            await notes.create({"text": "before"})
            assert [c.record["text"] for c in (await anext(events)).changes if c.record] == ["before"]
            served.kill()
            assert (await anext(events)).kind == "offline"
            with pytest.raises(HinterlandError) as caught:
                await notes.create({"text": "lost"})
            assert caught.value.sent == "no"
            await asyncio.to_thread(served.start)
            await notes.create({"text": "after"})
            kinds, texts = [], []
            while "after" not in texts:
                event = await anext(events)
                kinds.append(event.kind)
                texts += [change.record["text"] for change in event.changes if change.record]
    assert kinds[0] == "ready"
    assert texts == ["after"]


async def test_secrets_are_not_reported(
    served: ServerProcess,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Planted tokens and passwords appear in no log, URL, error, trace or printed object, over real sockets and with
    every log switched on."""
    monkeypatch.setenv("NETWORK_DEBUG", "1")
    caplog.set_level(logging.DEBUG)
    reported: list[object] = []
    vault = FileVault(tmp_path / "session.vault")
    async with Client(served.url, vault=vault, on_trace=reported.append) as client:
        client.auth.listen(reported.append)
        await client.auth.sign_up(name="ada", email="ada@example.org", password=PASSWORD)
        first = client.auth.state
        await client.auth.refresh()
        second = client.auth.state
        for act in (
            client.auth.sign_up(name="ada", email="ada@example.org", password=PASSWORD),
            client.auth.log_in(email="ada@example.org", password=f"{PASSWORD}!"),
            client.calls("auth.refresh", body={"refresh_token": "planted-refresh"}, output=dict),
            client.request("GET", "/v1/nothing"),
        ):
            with pytest.raises(HinterlandError) as caught:
                await act
            reported += [str(caught.value), repr(caught.value)]
        await client.auth.log_out()
    assert isinstance(first, SignedIn)
    assert isinstance(second, SignedIn)
    everything = f"{reported} {caplog.text} {capsys.readouterr()} {vars(client)}"
    assert "auth.refresh" in everything
    secrets = [PASSWORD, "planted-refresh"]
    secrets += [token for state in (first, second) for token in (state.access_token, state.refresh_token)]
    assert [secret for secret in secrets if secret in everything] == []
