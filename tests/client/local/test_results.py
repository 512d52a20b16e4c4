"""What becomes of edits that the server refuses or merges."""

from __future__ import annotations

import pytest

from hinterland.client.local import mutations
from hinterland.client.local.records import writes_in
from hinterland.contract.changes import Write
from hinterland.contract.sync import MAX_MUTATIONS
from hinterland.kit.clock import ManualClock
from tests.client.local.conftest import OPEN
from tests.client.local.steps import states
from tests.support.sync_backend import SyncBackend, rules


async def test_a_refused_write_is_held_with_its_reason(device: OPEN, server: SyncBackend) -> None:
    """A refused write is undone here, held with its reason, and does not hold up those after it."""
    local = await device()
    notes = local.collection("notes")
    note = await notes.create({"text": "fine", "count": 1})
    await local.sync.now()
    await server.set_rules("notes", rules(written="!has(record.count) || record.count != 666"))
    bad = await notes.update(note.id, {"count": 666})
    good = await notes.create({"text": "after"})
    assert (await notes.get(note.id))["count"] == 666
    await local.sync.now()
    assert (await bad.settled()).status == "refused"
    assert (await good.settled()).is_applied
    assert (await notes.get(note.id))["count"] == 1
    [entry] = await local.outbox.list()
    assert entry.state == "refused"
    assert entry.problem is not None
    assert entry.problem.code == "forbidden"
    assert (await local.outbox.counts()).held == 1


async def test_a_refused_edit_costs_no_look_at_the_others(
    device: OPEN, server: SyncBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a refused creation can take others along: for an edit, what waits in a long outbox is not read."""
    local = await device()
    notes = local.collection("notes")
    note = await notes.create({"count": 1})
    await local.sync.now()
    await server.set_rules("notes", rules(written="!has(record.count) || record.count != 666"))
    bad = await notes.update(note.id, {"count": 666})
    for _ in range(MAX_MUTATIONS + 50):  # more than one push takes, so that some wait while it is refused
        await notes.create({"text": "after"})
    read: list[str] = []

    def noted(text: str) -> list[Write]:
        read.append(text)
        return writes_in(text)

    monkeypatch.setattr(mutations, "writes_in", noted)
    await local.sync.now()
    assert (await bad.settled()).status == "refused"
    assert len(read) <= 1


async def test_what_builds_on_a_refused_creation_is_held_with_it(device: OPEN, server: SyncBackend) -> None:
    """Unsent writes that need a record whose creation was refused are held with it, retried with it, gone with it."""
    local = await device()
    orders = local.collection("orders", ids="integer")
    for name in ("orders", "lines", "notes"):
        await server.set_rules(name, rules(written="false"))
    order = await orders.create({"amount": 1})
    line = await local.collection("lines", parent=f"orders/{order.id}").create({"text": "line"})
    change = await orders.update(order.id, {"amount": 2})
    other = await local.collection("notes").create({"text": "independent"})
    await local.sync.now()
    problems = [(await written.settled()).problem for written in (order, line, change, other)]
    assert [problem.code for problem in problems if problem] == ["forbidden", "not_found", "not_found", "forbidden"]
    assert "creation was refused" in problems[1].message  # type: ignore[union-attr]
    for name in ("orders", "lines"):
        await server.set_rules(name, rules())
    await local.outbox.retry(order.mutation)
    assert await states(local) == ["refused", "pending", "pending", "pending"]
    await local.sync.now()
    [record] = (await orders.list()).items
    assert record["amount"] == 2
    assert ("lines", f"orders/{record['id']}", line.id) in await server.records()


async def test_what_needs_two_refused_creations_is_held_once(device: OPEN, server: SyncBackend) -> None:
    """A write that refers to two records, neither of which came to be, is held once and retried once."""
    local = await device()
    orders = local.collection("orders", ids="integer")
    await server.set_rules("orders", rules(written="false"))
    first = await orders.create({"amount": 1})
    second = await orders.create({"after": first.id})
    await orders.create({"after": second.id, "amount": first.id})
    await local.sync.now()
    assert await states(local) == ["refused"] * 3
    await server.set_rules("orders", rules())
    await local.outbox.retry(first.mutation)
    await local.sync.now()
    assert await local.outbox.list() == []
    one, two, three = (await orders.list(sort=["id"])).items
    assert (two["after"], three["after"], three["amount"]) == (one["id"], two["id"], one["id"])


async def test_a_lost_edit_is_reported(device: OPEN, server: SyncBackend, clock: ManualClock) -> None:
    """Two devices, same field: the later timestamp wins on all replicas, and the edit that gave way is reported and
    stays in the outbox until it was looked at."""
    phone, laptop = await device("phone"), await device("laptop")
    note = await phone.collection("notes").create({"text": "first"})
    for local in (phone, laptop):
        await local.sync.now()
    early = await phone.collection("notes").update(note.id, {"text": "early", "count": 1})
    await clock.advance(5)
    await laptop.collection("notes").update(note.id, {"text": "late"})
    for local in (laptop, phone, laptop):
        await local.sync.now()
    assert [lost.mine for lost in (await early.settled()).lost] == ["early"]
    [entry] = await phone.outbox.list()
    assert (entry.state, entry.lost[0].theirs) == ("conflicted", "late")
    records = [await local.collection("notes").get(note.id) for local in (phone, laptop)]
    assert records[0] == records[1]
    assert (records[0]["text"], records[0]["count"]) == ("late", 1)
    await phone.outbox.discard(early.mutation)
    assert await phone.outbox.list() == []


async def test_two_edits_of_one_device_do_not_clash(device: OPEN, server: SyncBackend, clock: ManualClock) -> None:
    """A device's second edit of a record, made before the first was sent, is kept."""
    local = await device()
    note = await local.collection("notes").create({"text": "0", "count": 0})
    await local.sync.now()
    for number in range(1, 4):
        await local.collection("notes").update(note.id, {"text": str(number), "count": {"$increment": 1}})
    await local.sync.now()
    record = await local.collection("notes").get(note.id)
    assert (record["text"], record["count"]) == ("3", 3)
    assert await local.outbox.list() == []
