"""What is sent next: in which order, how much at once, and what waits again."""

from __future__ import annotations

import pytest

from hinterland.client.errors import ConnectError, ConnectionLost
from hinterland.client.local import pushes
from hinterland.client.local.connection import StoreConnection
from hinterland.client.local.errors import AlreadySending
from hinterland.client.local.local import Local
from hinterland.contract.sync import MAX_MUTATIONS
from tests.client.local.conftest import OPEN, until
from tests.client.local.steps import Tampered, create, lost
from tests.support.sync_backend import SyncBackend


async def all_pending(local: Local) -> None:
    async for entries in local.outbox.watch():
        if {entry.state for entry in entries} == {"pending"}:
            break


async def test_what_provably_was_not_sent_waits_again(device: OPEN, server: SyncBackend) -> None:
    """Without a connection writes stay pending however often they were tried, and can be edited and discarded; one
    whose outcome is unknown from an earlier try is not among them, and keeps its seq."""
    local = await device(remote=(remote := Tampered(server)))
    notes = local.collection("notes")
    async with server.down():
        first, second = await notes.create({"text": "one"}), await notes.create({"text": "two"})
        for _ in range(2):
            with pytest.raises(ConnectError):
                await local.sync.now()
            assert [(entry.state, entry.seq) for entry in await local.outbox.list()] == [("pending", None)] * 2
        await local.outbox.discard(first.mutation)
        await local.outbox.edit(second.mutation, {"text": "zwei"})
    remote.fault = lost
    with pytest.raises(ConnectionLost):
        await local.sync.now()
    third = await notes.create({"text": "three"})
    remote.fault = None
    async with server.down():
        with pytest.raises(ConnectError):
            await local.sync.now()
    assert [(entry.state, entry.seq) for entry in await local.outbox.list()] == [("sent", 1), ("pending", None)]
    with pytest.raises(AlreadySending):
        await local.outbox.discard(second.mutation)
    await local.outbox.edit(third.mutation, {"text": "drei"})
    await local.sync.now()
    assert [each.seq for each in await server.applied()] == [1, 2]
    assert sorted(record["text"] for record in (await server.records()).values()) == ["drei", "zwei"]
    assert await local.outbox.list() == []


async def test_offline_with_synchronisation_running(device: OPEN, server: SyncBackend) -> None:
    """While synchronisation runs and the server can't be reached, a write can be edited and discarded."""
    local = await device(remote=(remote := Tampered(server)))
    async with server.down():
        written = await local.collection("notes").create({"text": "one"})
        local.sync.start()
        for tries in (1, 2, 3):
            await until(lambda: len(remote.pushed) == tries)  # noqa: B023
            await all_pending(local)
            await local.outbox.edit(written.mutation, {"text": f"try {tries}"})
            local.sync.nudge()
        await until(lambda: len(remote.pushed) == 4)
        await all_pending(local)
        assert local.sync.status.state == "offline"
        await local.outbox.discard(written.mutation)
    assert (await written.settled()).status == "discarded"


async def test_temporary_ids_become_real_everywhere(device: OPEN, server: SyncBackend) -> None:
    """A temporary id becomes the server's in the record, in later writes, in parents and references; the old one still
    finds the record. A batch ends before a write that needs an id which is not known yet."""
    local = await device(remote=(remote := Tampered(server)))
    orders = local.collection("orders", ids="integer")
    first = await orders.create({"amount": 1})
    second = await orders.create({"amount": 2, "after": first.id})
    line = await local.collection("lines", parent=f"orders/{first.id}").create({"text": "line"})
    assert str(first.id).startswith("~")
    await local.sync.now()
    assert [len(push.mutations) for push in remote.pushed] == [1, 2]
    assert (await first.settled()).ids == {first.id: 1}
    assert [(order["id"], order["after"]) for order in (await orders.list(sort=["id"])).items] == [(1, None), (2, 1)]
    assert (await orders.get(second.id))["id"] == 2
    assert (await orders.update(first.id, {"amount": 5})).id == 1
    assert (await local.collection("lines", parent="orders/1").get(line.id))["text"] == "line"


async def test_batches_are_bounded(device: OPEN, server: SyncBackend) -> None:
    """A push carries at most 200 mutations and 500 writes, and acknowledges the outcomes that are kept."""
    local = await device(remote=(remote := Tampered(server)))
    for number in range(MAX_MUTATIONS + 1):
        await local.write(create(id=f"n{number}"))
    for number in range(2):
        await local.write(*(create(id=f"m{number}-{each}") for each in range(300)))
    await local.sync.now()
    assert [len(push.mutations) for push in remote.pushed] == [200, 2, 1]
    assert [push.acknowledged for push in remote.pushed] == [0, 200, 202]
    assert len(await server.records()) == 801


async def test_the_next_push_sorts_nothing(device: OPEN, server: SyncBackend) -> None:
    """What is sent next is read in order from an index: no scan and no sort of the outbox."""
    local = await device()
    await local.write(create(id="a"))

    def plans(connection: StoreConnection) -> list[str]:
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        pushes.next_push(connection, local.scope, 200)
        connection.set_trace_callback(None)
        questions = [statement for statement in asked if "FROM mutations" in statement]
        assert len(questions) == 3
        return [row[3] for question in questions for row in connection.execute(f"EXPLAIN QUERY PLAN {question}")]

    found = await local.store.write(plans)
    assert [plan.split(" (")[0] for plan in found] == [
        "SEARCH mutations USING INDEX mutations_under_way",
        "SEARCH mutations USING INDEX documents_to_send",
        "SEARCH mutations USING INDEX mutations_by_state",
    ]
