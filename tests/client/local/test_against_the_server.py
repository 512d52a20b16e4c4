"""Local stores against the real server, in this process and through a network with faults."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from hinterland.client.client import Client
from hinterland.client.errors import ConnectionLost, NetworkError, ServerError
from hinterland.client.exchange import Request, Response, Transport
from hinterland.client.local import pulls
from hinterland.client.local.accounts import sender_of
from hinterland.client.local.local import Local
from hinterland.client.local.remote import ServerRemote
from hinterland.client.options import Options
from hinterland.client.vault.memory import MemoryVault
from hinterland.contract.fields import Int64, Integer, List, Text
from hinterland.contract.identity import RecordId
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.contract.sync import Pull, PullResult
from hinterland.testing.backend import TestBackend, running_backend
from hinterland.testing.faulty import FaultyNetwork
from tests.client.local.conftest import until

NOTES = Collection(
    name="notes",
    fields={
        "text": Text(),
        "title": Text(unique=True),
        "count": Integer(merge="counter"),
        "views": Int64(merge="counter"),
        "tags": List(merge="set"),
        "fixed": Text(merge="server"),
    },
    rules=EVERYBODY,
)
ORDERS = Collection(name="orders", fields={"amount": Integer(), "after": Integer()}, ids="integer", rules=EVERYBODY)
LINES = Collection(name="lines", fields={"text": Text()}, parent="orders", rules=EVERYBODY)
MEMBER = "auth.id == record.owner || auth.id in record.members"
LISTS = Collection(
    name="lists",
    fields={"title": Text(), "owner": Text(fill="auth.id"), "members": List()},
    rules=Rules(list=MEMBER, view=MEMBER, create="auth.id == record.owner", update="auth.id == old.owner"),
)
PASSWORD = "a long walk outside"


@pytest.fixture
async def backend() -> AsyncIterator[TestBackend]:
    """A real backend in this process."""
    async with running_backend([NOTES, ORDERS, LINES, LISTS]) as backend:
        yield backend


async def device(backend: TestBackend, path: Path, name: str, *, is_new: bool = True, **settings: Any) -> Client:
    """A device on which `name` is signed in, on a store of its own."""
    client = await backend.client(store=path, vault=MemoryVault(), **settings)
    if is_new:
        await client.auth.sign_up(name=name, email=f"{name}@example.org", password=PASSWORD)
    else:
        await client.auth.log_in(email=f"{name}@example.org", password=PASSWORD)
    for collection in ("notes", "lines", "lists"):
        client.local.collection(collection)
    client.local.collection("orders", ids="integer")
    return client


async def two(backend: TestBackend, tmp_path: Path) -> tuple[Client, Client]:
    """Ada's phone and laptop."""
    phone = await device(backend, tmp_path / "phone.db", "ada")
    return phone, await device(backend, tmp_path / "laptop.db", "ada", is_new=False)


async def both_sync(*clients: Client) -> None:
    for client in (*clients, *clients):
        await client.sync.now()


async def test_two_devices_and_one_record(backend: TestBackend, tmp_path: Path) -> None:
    """Two devices: same field, different fields, delete against edit, unique clash: the documented result on all
    replicas; a lost edit is reported."""
    phone, laptop = await two(backend, tmp_path)
    notes, others = phone.local.collection("notes"), laptop.local.collection("notes")
    first = await notes.create({"text": "0", "count": 10, "views": "10", "tags": ["a"], "fixed": "0"})
    doomed = await notes.create({"text": "doomed"})
    kept = await notes.create({"text": "seen by both as it is"})
    await both_sync(phone, laptop)

    early = await notes.update(
        first.id, {"text": "early", "count": 15, "views": "15", "tags": ["a", "b"], "fixed": "1"}
    )
    await notes.update(first.id, {"text": "early, again"})
    late = await others.update(first.id, {"text": "late", "count": 11, "views": 11, "tags": ["c"], "fixed": "2"})
    end = await others.delete(doomed.id)
    gone = await others.delete(kept.id)
    await notes.update(doomed.id, {"text": "newer than its end"})
    await notes.create({"title": "mine"})
    clash = await others.create({"title": "mine"})
    await both_sync(phone, laptop, phone)

    records = [await repository.get(first.id) for repository in (notes, others)]
    assert records[0] == records[1]
    assert {name: records[0][name] for name in ("text", "count", "views", "fixed")} == {
        "text": "late", "count": 16, "views": "16", "fixed": "1",
    }  # fmt: skip
    assert sorted(records[0]["tags"]) == ["b", "c"]
    assert [lost.field for lost in (await late.settled()).lost] == ["fixed"]
    assert (await early.settled()).is_applied
    assert len((await end.settled()).lost) == 1
    assert (await gone.settled()).lost == []
    problem = (await clash.settled()).problem
    assert problem is not None
    assert problem.code == "conflict"
    assert (await notes.list(limit=100)).items == (await others.list(limit=100)).items
    assert [note["text"] for note in (await notes.list(sort=["text"])).items] == [None, "late", "newer than its end"]
    assert [entry.state for entry in await laptop.outbox.list()] == ["conflicted", "conflicted", "refused"]


async def test_ids_that_the_server_gives(backend: TestBackend, tmp_path: Path) -> None:
    """Records whose ids the server gives can be made, changed and referred to offline."""
    phone, laptop = await two(backend, tmp_path)
    orders = phone.local.collection("orders", ids="integer")
    first = await orders.create({"amount": 1})
    second = await orders.create({"amount": 2, "after": first.id})
    await orders.update(second.id, {"amount": 3})
    await phone.local.collection("lines", parent=f"orders/{second.id}").create({"text": "line"})
    await both_sync(phone, laptop)
    seen = (await laptop.local.collection("orders").list(sort=["id"])).items
    assert [(order["amount"], order["after"]) for order in seen] == [(1, None), (3, seen[0]["id"])]
    lines = laptop.local.collection("lines", parent=f"orders/{seen[1]['id']}")
    assert [line["text"] for line in (await lines.list()).items] == ["line"]
    assert await phone.outbox.list() == []


async def test_a_membership_that_ends(backend: TestBackend, tmp_path: Path) -> None:
    """Permission revoked while offline: rows leave at the next sync, and nobody else's rows were ever here."""
    ada = await device(backend, tmp_path / "ada.db", "ada")
    bob = await device(backend, tmp_path / "bob.db", "bob")
    assert bob.auth.user is not None
    lists = ada.local.collection("lists")
    shared = await lists.create({"title": "shared", "members": [bob.auth.user["id"]]})
    await lists.create({"title": "secret", "members": []})
    await both_sync(ada, bob)
    seen = bob.local.collection("lists")
    assert [each["title"] for each in (await seen.list()).items] == ["shared"]
    await lists.update(shared.id, {"members": []})
    await both_sync(ada, bob)
    assert (await seen.list()).items == []


async def test_another_user_on_the_device(backend: TestBackend, tmp_path: Path) -> None:
    """Another user on the device never sees or sends the first one's queue."""
    client = await device(backend, tmp_path / "app.db", "ada")
    lists = client.local.collection("lists")
    await lists.create({"title": "ada's"})
    await client.auth.log_out()
    await client.auth.sign_up(name="bob", email="bob@example.org", password=PASSWORD)
    assert (await lists.list()).items == []
    await lists.create({"title": "bob's"})
    await client.sync.now()
    assert [each["title"] for each in (await lists.list()).items] == ["bob's"]
    await client.auth.log_in(email="ada@example.org", password=PASSWORD)
    assert [entry.state for entry in await client.outbox.list()] == ["pending"]
    await client.sync.now()
    assert [each["title"] for each in (await lists.list()).items] == ["ada's"]


async def test_a_server_set_back_to_a_backup(tmp_path: Path) -> None:
    """Server restored from a backup: the server's state is kept, unsent edits stay and arrive, and the device, whose
    seqs the server has forgotten, goes on."""
    server, store = tmp_path / "server", tmp_path / "app.db"
    async with running_backend([NOTES, ORDERS, LINES, LISTS], folder=server) as backend:
        client = await device(backend, store, "ada")
        notes = client.local.collection("notes")
        first = await notes.create({"text": "in the backup", "count": 1})
        await client.sync.now()
    shutil.copytree(server, tmp_path / "backup")
    async with running_backend([NOTES, ORDERS, LINES, LISTS], folder=server) as backend:
        client = await device(backend, store, "ada", is_new=False)
        notes = client.local.collection("notes")
        for number in range(5):
            await notes.create({"text": f"lost {number}"})
            await notes.update(first.id, {"count": 100 + number})
        await client.sync.now()
        await notes.update(first.id, {"text": "unsent"})
        await notes.create({"text": "unsent too"})
    async with running_backend([NOTES, ORDERS, LINES, LISTS], folder=tmp_path / "backup") as backend:
        client = await device(backend, store, "ada", is_new=False)
        notes = client.local.collection("notes")
        await client.sync.now()
        on_server = {note["id"]: note async for note in client.collection("notes").iterate()}
        assert sorted(note["text"] for note in on_server.values()) == ["unsent", "unsent too"]
        assert on_server[first.id]["count"] == 1
        assert {note["id"]: note for note in (await notes.list(limit=100)).items} == on_server
        assert await client.outbox.list() == []
        await notes.update(first.id, {"count": {"$increment": 1}})
        await client.sync.now()
        assert (await client.collection("notes").get(first.id))["count"] == 2


class SmallPages(ServerRemote):
    """The server in pages of two, behind each of which something is done."""

    def __init__(self, client: Client, between: Callable[[], Awaitable[None]]) -> None:
        super().__init__(client.calls, client.events, lambda: sender_of(client.auth.state))
        self._between = between

    async def pull(self, account: RecordId, pull: Pull) -> PullResult:
        """Two changes, and what comes between."""
        page = await super().pull(account, msgspec.structs.replace(pull, limit=2))
        await self._between()
        return page


@pytest.mark.parametrize("seed", range(4))
async def test_a_collection_that_changes_while_it_is_sent(backend: TestBackend, tmp_path: Path, seed: int) -> None:
    """Deleted, made and changed between two pages of a whole collection, before and after the place that is reached:
    the device ends level with the server, and keeps nothing that is gone."""
    client, random = await device(backend, tmp_path / "app.db", "ada"), Random(seed)
    notes = client.collection("notes")
    here = [f"{number:02}" for number in range(10, 40, 2)]
    for record_id in here:
        await notes.create({"id": record_id, "count": 0})
    left = list(range(12))

    async def between() -> None:
        if left and left.pop() % 2:
            await notes.delete(here.pop(random.randrange(len(here))))
            here.append(f"{random.randrange(100, 999)}-{len(left)}")
            await notes.create({"id": here[-1]})
            await notes.update(random.choice(here), {"count": len(left)})

    local = Local(tmp_path / "other.db", SmallPages(client, between), client.clock)
    await local.open()
    await local.switch(client.auth.user["id"] if client.auth.user else "")
    copies = local.collection("notes")
    for _ in range(2):
        await local.sync.now()
        on_server = [note async for note in notes.iterate(sort=["id"])]
        assert [note async for note in copies.iterate(sort=["id"])] == on_server
        await local.store.write(lambda c: pulls.start_again(c, local.scope))
        left[:] = range(12)
    await local.close()


class Proxy:
    """Something on the way to the server that answers pushes with mutations as `script` says, in turn: it loses the
    request or the answer, or says with a bare 413 that it is too large."""

    def __init__(self, below: Transport) -> None:
        self.below = below
        self.script: list[str] = []

    async def __call__(self, request: Request) -> Response:
        is_push = request.operation == "sync.push" and b'"mutations":[]' not in request.content
        fault = self.script.pop(0) if self.script and is_push else ""
        if fault == "413":
            return Response(status=413)
        if fault == "request lost":
            raise ConnectionLost
        response = await self.below(request)
        if fault == "answer lost":
            raise ConnectionLost
        return response

    async def close(self) -> None:
        await self.below.close()


@pytest.mark.parametrize("lost", ["answer lost", "request lost"])
@pytest.mark.parametrize("retries", [0, 1])
async def test_a_proxy_that_finds_it_too_large(backend: TestBackend, tmp_path: Path, lost: str, retries: int) -> None:
    """A lost attempt and then a 413 of a proxy: what the server holds is reported as applied, what it has not is held
    with the reason; an increment happens once."""
    proxy = Proxy(backend.transport())
    client = await device(backend, tmp_path / "a.db", "ada", transport=proxy, options=Options(retries=retries))
    notes = client.local.collection("notes")
    note = await notes.create({"count": 1})
    await client.sync.now()
    written = await notes.update(note.id, {"count": {"$increment": 1}})
    proxy.script = [lost, "413"]
    for _ in range(1 - retries):
        with pytest.raises(ConnectionLost):
            await client.sync.now()
    await client.sync.now()
    outcome = await written.settled()
    assert outcome.status == ("applied" if lost == "answer lost" else "refused")
    if outcome.problem is not None:
        assert outcome.problem.code == "too_large"
        again = await client.outbox.retry(written.mutation)
        await client.sync.now()
        assert (await again.settled()).is_applied
    assert (await client.collection("notes").get(note.id))["count"] == 2


class Firewall:
    """Something on the way that answers every request with the word `poison` in its body with a page."""

    def __init__(self, below: Transport) -> None:
        self.below = below
        self.is_on = True

    async def __call__(self, request: Request) -> Response:
        if self.is_on and b"poison" in request.content:
            return Response(status=403, content=b"<title>Blocked</title>")
        return await self.below(request)

    async def close(self) -> None:
        await self.below.close()


async def test_a_firewall_that_blocks_one_body(backend: TestBackend, tmp_path: Path) -> None:
    """A write that a firewall never lets through is held, the others are sent; a retry is applied once it may pass."""
    wall = Firewall(backend.transport())
    client = await device(backend, tmp_path / "a.db", "ada", transport=wall, random=lambda: 0.0)
    client.sync.start()
    notes = client.local.collection("notes")
    written = [await notes.create({"text": "poison" if number == 2 else "fine"}) for number in range(5)]
    outcomes = [await asyncio.wait_for(each.settled(), 60) for each in written]
    assert [outcome.status for outcome in outcomes] == ["applied", "applied", "refused", "applied", "applied"]
    assert outcomes[2].problem is not None
    assert "status 403" in outcomes[2].problem.message
    assert client.auth.user is not None
    wall.is_on = False
    again = await client.outbox.retry(written[2].mutation)
    assert (await asyncio.wait_for(again.settled(), 60)).is_applied
    assert len((await client.collection("notes").list()).items) == 5


@pytest.mark.parametrize("seed", range(3))
async def test_a_fleet_on_a_bad_network(backend: TestBackend, tmp_path: Path, seed: int) -> None:
    """Live devices on a network that resets, loses answers and cuts streams: all replicas equal the server in the end,
    and every write exists exactly once."""
    random, quick = Random(seed), Options(retries=0)
    fleet, networks = [], []
    for number in range(3):
        network = FaultyNetwork(
            backend.transport(), seed=seed * 10 + number, refused=0.1, reset=0.1, lost=0.15, cut=0.1,
            operations=frozenset({"sync.push", "sync.pull", "events.stream"}),
        )  # fmt: skip
        settings = {"transport": network, "options": quick}
        fleet.append(await device(backend, tmp_path / f"{number}.db", "ada", is_new=number == 0, **settings))
        networks.append(network)
    first = await fleet[0].local.collection("notes").create({"count": 0, "tags": []})
    made, added, expected = [first], 0, 1
    for client in fleet:
        await _sync_somehow(client)
        client.sync.start()
    for _ in range(40):
        client = random.choice(fleet)
        notes = client.local.collection("notes")
        if random.random() < 0.3:
            made.append(await notes.create({"text": str(random.random()), "count": 0, "tags": []}))
            expected += 1
        elif note := (await notes.list(limit=100)).items:
            made.append(await notes.update(random.choice(note)["id"], {"count": {"$increment": 1}}))
            added += 1
        await asyncio.sleep(0)
    for network in networks:
        network.heal()
    for client in fleet:
        client.sync.nudge()
    outcomes = await asyncio.wait_for(asyncio.gather(*(write.settled() for write in made)), 30)
    assert all(outcome.is_applied for outcome in outcomes)
    on_server = {note["id"]: note async for note in fleet[0].collection("notes").iterate(limit=100)}
    assert len(on_server) == expected
    assert sum(note["count"] for note in on_server.values()) == added
    for client in fleet:
        async for rows in client.local.collection("notes").watch():
            if {row["id"]: row for row in rows} == on_server:
                break
        await until(lambda: client.sync.status.state == "online")  # noqa: B023


async def _sync_somehow(client: Client) -> None:
    while True:
        try:
            return await client.sync.now()
        except (NetworkError, ServerError):
            continue
