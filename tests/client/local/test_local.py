from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hinterland.client import local
from hinterland.client.errors import NetworkError, Unauthorized, UnknownCollection
from hinterland.client.events import Event
from hinterland.client.local.accounts import AccountFollower, account_of, sender_of
from hinterland.client.local.local import Local
from hinterland.client.local.remote import ServerRemote
from hinterland.client.session import SignedIn, SignedOut, SigningIn
from hinterland.contract.changes import Write
from hinterland.contract.fields import Text
from hinterland.contract.identity import RecordId, is_temporary
from hinterland.contract.records import Collection
from hinterland.contract.sync import Pull, PullResult, Push, PushResult
from hinterland.kit.clock import ManualClock
from tests.client.local.conftest import NOTES, OPEN, ORDERS, next_of, until
from tests.support.sync_backend import SyncBackend, rules

ADA = SignedIn(user={"id": "ada"}, access_token="a", refresh_token="r", expires_at=1.0)


async def test_two_people_share_a_device(device: OPEN, server: SyncBackend) -> None:
    """Another user on the device never sees or sends the first one's queue or rows; the first finds them again."""
    seen = rules(seen="auth.id == record.owner")
    own = Collection(name="notes", fields={"text": Text(), "owner": Text(fill="auth.id")}, rules=seen)
    await server.declare(own)
    local = await device(account="ada")
    notes = local.collection("notes")
    await notes.create({"text": "ada's, sent"})
    await local.sync.now()
    await notes.create({"text": "ada's, unsent"})
    watching = notes.watch()
    assert len(await next_of(watching)) == 2
    await local.switch("bob")
    assert await next_of(watching) == []
    assert await local.outbox.list() == []
    await notes.create({"text": "bob's"})
    await local.sync.now()
    assert [each.account for each in await server.applied()] == ["ada", "bob"]
    assert sorted(record["text"] for record in (await server.records()).values()) == ["ada's, sent", "bob's"]
    await local.switch("ada")
    assert len(await next_of(watching)) == 2
    await local.sync.now()
    assert [each.account for each in await server.applied()] == ["ada", "bob", "ada"]
    owners = {record["text"]: record["owner"] for record in (await server.records()).values()}
    assert owners["ada's, unsent"] == owners["ada's, sent"] != owners["bob's"]
    await watching.aclose()


async def test_ids_never_run_backwards(device: OPEN, clock: ManualClock) -> None:
    """Records that are made here are listed in the order of their creation, the newest first, whatever the clock does
    and across restarts."""
    local = await device()
    made = [(await local.collection("notes").create({})).id for _ in range(3)]
    for _ in range(2):
        clock.jump(-86_400)
        handle = await local.write(*(Write(act="create", collection="notes") for _ in range(2)))
        made += handle.ids
        await local.close()
        local = await device()
    made.append((await local.collection("notes").create({})).id)
    assert [note["id"] for note in (await local.collection("notes").list()).items] == made[::-1]
    assert made == sorted(made, key=str)


async def test_ids_after_a_start_at_once(device: OPEN, clock: ManualClock) -> None:
    """What is made after a restart within the same millisecond is behind what was made before, at any time of day."""
    made = []
    for attempt in range(80):
        local = await device()
        made.append((await local.collection("notes").create({})).id)
        await local.close()
        clock.jump(1.037 * (attempt % 2))
    assert made == sorted(made, key=str)


async def test_a_switch_while_it_runs(device: OPEN, server: SyncBackend) -> None:
    """A switch ends what is under way for one person before anything begins for another."""
    local = await device(account="ada")
    local.sync.start()
    await until(lambda: local.sync.status.state == "online")
    await local.switch(7)
    written = await local.collection("notes").create({"text": "seven's"})
    assert (await written.settled()).is_applied
    assert [each.account for each in await server.applied()] == [7]


async def test_two_servers_in_one_file(tmp_path: Path, clock: ManualClock, server: SyncBackend) -> None:
    """The data of two servers in one file stay apart."""
    for name, expected in (("https://one.example", 1), ("https://two.example", 1), ("https://one.example", 2)):
        local = Local(tmp_path / "app.db", server, clock, server=name)
        await local.open()
        await local.switch("ada")
        await local.collection("notes").create({"text": name})
        assert len(await local.outbox.list()) == expected
        await local.close()


@pytest.mark.parametrize(
    ("state", "account", "sender"),
    [
        (ADA, "ada", "ada"),
        (SignedOut("log_out"), "", ""),
        (SignedOut("never"), "", ""),
        (SignedOut("elsewhere"), "", ""),
        (SignedOut("refused"), None, ""),
        (SigningIn(), None, ""),
    ],
)
def test_whose_data_is_shown(state: Any, account: RecordId | None, sender: RecordId) -> None:
    """The signed-in user's; nobody's after a log-out; when the server has ended the session, the user's still."""
    assert account_of(state) == account
    assert sender_of(state) == sender


async def test_accounts_are_followed_in_order() -> None:
    """States that come while a switch is under way are followed after it, the last one wins."""
    switched: list[RecordId] = []
    gate = asyncio.Event()

    async def switch(account: RecordId) -> None:
        await gate.wait()
        switched.append(account)

    follower = AccountFollower(switch)
    await follower.arrived()
    follower(SigningIn())
    follower(ADA)
    await asyncio.sleep(0)
    follower(SignedOut("log_out"))
    follower(ADA)
    gate.set()
    await follower.arrived()
    assert switched == ["ada", "ada"]


async def test_a_request_goes_out_with_its_own_credentials() -> None:
    """What belongs to one account is never sent with another's token."""
    sent: list[str] = []
    signed_in: RecordId = "ada"

    async def call(operation: str, *, output: Any, **options: Any) -> Any:
        sent.append(operation)
        if output is PushResult:
            return PushResult(results=[], settled=0)
        return PullResult(changes=[], cursor="c")

    async def events(collections: Sequence[str], *, cursor: str = "") -> AsyncGenerator[Event, None]:
        sent.append(f"events {','.join(collections)} {cursor}")
        yield Event(kind="ready", cursor=cursor)

    remote = ServerRemote(call, events, lambda: signed_in)
    push, pull = Push(device="d", mutations=[]), Pull(collections=["notes"])
    await remote.push("ada", push)
    await remote.pull("ada", pull)
    assert [event.kind async for event in remote.events("ada", ["notes"], "c")] == ["ready"]
    signed_in = "bob"
    with pytest.raises(Unauthorized):
        await remote.push("ada", push)
    with pytest.raises(Unauthorized):
        await remote.pull("ada", pull)
    with pytest.raises(Unauthorized):
        remote.events("ada", ["notes"], "c")
    assert sent == ["sync.push", "sync.pull", "events notes c"]


def test_the_face_has_what_it_names() -> None:
    """Each name of the room's face is there, and no other."""
    assert all(hasattr(local, name) for name in vars(local)["__all__"])
    assert not hasattr(local, "nothing")


async def test_writes_together_get_their_ids_here(device: OPEN, server: SyncBackend) -> None:
    """A creation without an id gets one on the device, a temporary one where the server gives the ids; the handle
    tells them in the order of the writes."""
    local = await device()
    notes, orders = local.collection("notes"), local.collection("orders", ids="integer")
    new = Write(act="create", collection="notes", body={"text": "new"})
    handle = await local.write(new, new, Write(act="create", collection="orders", body={"amount": 3}))
    first, second, order = handle.ids
    assert len({first, second}) == 2
    assert is_temporary(order)
    assert (await notes.get(second))["text"] == "new"
    assert repr(handle) == f"Handle(mutation={handle.mutation!r}, ids=({first!r}, {second!r}, {order!r}))"
    await local.sync.now()
    assert (await handle.settled()).ids == {order: 1}
    assert (await orders.get(order))["amount"] == 3
    assert {record["id"] for record in (await notes.list()).items} == {first, second}
    changed = await local.write(Write(act="patch", collection="orders", id="1", body={"amount": 4}))
    assert changed.ids == (1,)


async def test_ids_of_a_declared_collection(device: OPEN) -> None:
    """Who gives the ids is known from the declaration, too, before a screen has asked for the collection."""
    local = await device(collections=[NOTES, ORDERS])
    handle = await local.write(Write(act="create", collection="orders", body={"amount": 3}))
    assert is_temporary(handle.ids[0])
    named = await local.write(Write(act="create", collection="notes", body={"id": "mine", "text": "x"}))
    assert named.ids == ("mine",)


async def test_what_a_write_says_of_itself(device: OPEN, server: SyncBackend) -> None:
    """A write prints with its record's id and its mutation's; one that is retried knows its ids still."""
    local = await device()
    written = await local.collection("notes").create({"text": "x"})
    assert repr(written) == f"LocalWrite(id={written.id!r}, mutation={written.mutation!r})"
    await server.set_rules("notes", rules(written="false"))
    await local.sync.now()
    again = await local.outbox.retry(written.mutation)
    assert again.ids == written.ids == (written.id,)


async def test_a_name_that_is_not_declared(device: OPEN) -> None:
    """Where the declarations are known, a wrong name is refused at once; the users' collection is always there."""
    local = await device(collections=[NOTES])
    with pytest.raises(UnknownCollection, match="there is no collection 'nots'; declared are notes"):
        local.collection("nots")
    with pytest.raises(UnknownCollection):
        await local.write(Write(act="create", collection="nots"))
    local.collection("users")
    assert local.subscription == "notes,users"


async def test_signing_out_without_a_network(device: OPEN, server: SyncBackend) -> None:
    """A store that was offline says so when somebody else is signed in, and why with the network's error."""
    local = await device()
    local.sync.start()
    await until(lambda: local.sync.status.state == "online")
    statuses = local.sync.watch()
    async with server.down():
        while (status := await next_of(statuses)).state != "offline":
            pass
        assert isinstance(status.error, NetworkError)
        await local.switch("")
        assert local.sync.status.state == "offline"
    await statuses.aclose()
