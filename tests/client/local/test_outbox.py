from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hinterland.client.errors import (
    BadRequest,
    Conflict,
    ConnectError,
    ConnectionLost,
    Gap,
    NetworkError,
    NotFound,
    TooLarge,
    Unauthorized,
    ValidationFailed,
)
from hinterland.client.local import mutations
from hinterland.client.local.errors import OnItsWay
from hinterland.client.local.local import Local
from hinterland.client.local.records import writes_in
from hinterland.contract.changes import Write
from hinterland.contract.sync import MAX_MUTATIONS, MAX_WRITES, Push, PushResult
from hinterland.kit.clock import ManualClock
from tests.client.local.conftest import NOTES, OPEN, next_of, until
from tests.support.model_server import ModelServer


async def states(local: Local) -> list[str]:
    return [entry.state for entry in await local.outbox.list()]


def create(**options: Any) -> Write:
    return Write(act="create", collection="notes", **options)


class Tampered:
    """A server whose answers to pushes a test changes."""

    def __init__(self, server: ModelServer) -> None:
        self.server = server
        self.pushed: list[Push] = []
        self.fault: Any = None

    async def push(self, account: Any, push: Push) -> PushResult:
        self.pushed.append(push)
        if self.fault is not None:
            self.fault(push)
        return await self.server.push(account, push)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.server, name)


async def all_pending(local: Local) -> None:
    async for entries in local.outbox.watch():
        if {entry.state for entry in entries} == {"pending"}:
            break


def lost(push: Push) -> None:
    raise ConnectionLost


async def test_a_write_goes_from_pending_to_gone(device: OPEN, server: ModelServer) -> None:
    """A write is seen at once and pending; when the server has it and a pull holds it, it has left the outbox, and its
    fate stays known."""
    local = await device()
    notes = local.collection("notes")
    written = await notes.create({"text": "hello"})
    assert (await notes.get(written.id))["text"] == "hello"
    [entry] = await local.outbox.list()
    assert (entry.id, entry.state, entry.seq) == (written.mutation, "pending", None)
    waiting = asyncio.create_task(written.settled())
    await local.sync.now()
    fate = await waiting
    assert (fate.status, fate.is_applied, fate.revision) == ("applied", True, 1)
    assert await local.outbox.list() == []
    assert await local.outbox.fate(written.mutation) == await written.settled() == fate
    assert (await notes.get(written.id))["revision"] == 1


async def test_nobody_signed_in_keeps_nothing(device: OPEN) -> None:
    """A write that belongs to nobody could never be sent: it is refused."""
    local = await device(account="")
    with pytest.raises(Unauthorized):
        await local.collection("notes").create({"text": "whose?"})
    await local.sync.now()


async def test_a_refused_write_is_parked_with_its_reason(device: OPEN, server: ModelServer) -> None:
    """A refused write is undone here, parked with its reason, and does not hold up those after it."""
    local = await device()
    notes = local.collection("notes")
    note = await notes.create({"text": "fine", "count": 1})
    await local.sync.now()
    server.may_write = lambda account, record: record.get("count") != 666
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
    assert (await local.outbox.counts()).parked == 1


async def test_a_refused_edit_costs_no_look_at_the_others(
    device: OPEN, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a refused creation can take others along: for an edit, what waits in a long outbox is not read."""
    local = await device()
    notes = local.collection("notes")
    note = await notes.create({"count": 1})
    await local.sync.now()
    server.may_write = lambda account, record: record.get("count") != 666
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


async def test_a_parked_write_can_be_edited_and_retried(device: OPEN, server: ModelServer) -> None:
    """A retried write is a new mutation with a new seq at the end; before, it can be given another body."""
    local = await device()
    notes = local.collection("notes")
    server.may_write = lambda account, record: record.get("count") != 666
    written = await notes.create({"count": 666})
    await local.sync.now()
    await local.outbox.edit(written.mutation, {"count": 7})
    assert await states(local) == ["refused"]
    again = await local.outbox.retry(written.mutation)
    assert again.mutation != written.mutation
    assert (await notes.get(written.id))["count"] == 7
    await local.sync.now()
    assert (await again.settled()).is_applied
    assert await local.outbox.list() == []
    assert [mutation.seq for _, _, mutation in server.taken] == [2]


async def test_a_pending_write_can_be_edited_and_discarded(device: OPEN, server: ModelServer) -> None:
    """What was not sent can be changed and forgotten; seqs have no gap in spite of it."""
    local = await device()
    notes = local.collection("notes")
    first, second = await notes.create({"text": "one"}), await notes.create({"text": "two"})
    await local.outbox.edit(second.mutation, {"text": "zwei"})
    await notes.update(first.id, {"text": "one, more"})
    await local.outbox.discard(first.mutation)
    assert (await first.settled()).status == "discarded"
    assert [note["text"] for note in (await notes.list()).items] == ["zwei"]
    await local.sync.now()
    assert [mutation.seq for _, _, mutation in server.taken] == [1]


async def test_what_is_under_way_can_not_be_changed(device: OPEN, server: ModelServer) -> None:
    """A write that was sent, whose fate is unknown, is neither edited, retried nor discarded; unknown ones are not
    found."""
    local = await device(remote=(remote := Tampered(server)))
    written = await local.collection("notes").create({"text": "one"})
    with pytest.raises(OnItsWay):
        await local.outbox.retry(written.mutation)
    remote.fault = lost
    with pytest.raises(ConnectionLost):
        await local.sync.now()
    assert await states(local) == ["sent"]
    for act in (local.outbox.discard, lambda id: local.outbox.edit(id, {})):
        with pytest.raises(OnItsWay):
            await act(written.mutation)
    with pytest.raises(NotFound):
        await local.outbox.discard("unknown")


async def test_what_provably_was_not_sent_waits_again(device: OPEN, server: ModelServer) -> None:
    """Without a connection writes stay pending however often they were tried, and can be edited and discarded; one
    whose fate is unknown from an earlier try is not among them, and keeps its seq."""
    local = await device(remote=(remote := Tampered(server)))
    notes = local.collection("notes")
    with server.down():
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
    with server.down(), pytest.raises(ConnectError):
        await local.sync.now()
    assert [(entry.state, entry.seq) for entry in await local.outbox.list()] == [("sent", 1), ("pending", None)]
    with pytest.raises(OnItsWay):
        await local.outbox.discard(second.mutation)
    await local.outbox.edit(third.mutation, {"text": "drei"})
    await local.sync.now()
    assert [mutation.seq for _, _, mutation in server.taken] == [1, 2]
    assert sorted(record["text"] for record in server.state.records.values()) == ["drei", "zwei"]
    assert await local.outbox.list() == []


async def test_offline_with_synchronisation_running(device: OPEN, server: ModelServer) -> None:
    """While synchronisation runs and the server can't be reached, a write can be edited and discarded."""
    local = await device(remote=(remote := Tampered(server)))
    with server.down():
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


async def test_what_builds_on_a_refused_creation_is_parked_with_it(device: OPEN, server: ModelServer) -> None:
    """Unsent writes that need a record whose creation was refused are parked with it, retried with it, gone with it."""
    local = await device()
    orders = local.collection("orders", ids="integer")
    server.may_write = lambda account, record: False
    order = await orders.create({"amount": 1})
    line = await local.collection("lines", parent=f"orders/{order.id}").create({"text": "line"})
    change = await orders.update(order.id, {"amount": 2})
    other = await local.collection("notes").create({"text": "independent"})
    await local.sync.now()
    problems = [(await written.settled()).problem for written in (order, line, change, other)]
    assert [problem.code for problem in problems if problem] == ["forbidden", "not_found", "not_found", "forbidden"]
    assert "creation was refused" in problems[1].message  # type: ignore[union-attr]
    server.may_write = lambda account, record: True
    await local.outbox.retry(order.mutation)
    assert await states(local) == ["refused", "pending", "pending", "pending"]
    await local.sync.now()
    [record] = (await orders.list()).items
    assert record["amount"] == 2
    assert ("lines", f"orders/{record['id']}", line.id) in server.state.records


async def test_what_needs_two_refused_creations_is_parked_once(device: OPEN, server: ModelServer) -> None:
    """A write that refers to two records, neither of which came to be, is parked once and retried once."""
    local = await device()
    orders = local.collection("orders", ids="integer")
    server.may_write = lambda account, record: False
    first = await orders.create({"amount": 1})
    second = await orders.create({"after": first.id})
    await orders.create({"after": second.id, "amount": first.id})
    await local.sync.now()
    assert await states(local) == ["refused"] * 3
    server.may_write = lambda account, record: True
    await local.outbox.retry(first.mutation)
    await local.sync.now()
    assert await local.outbox.list() == []
    one, two, three = (await orders.list(sort=["id"])).items
    assert (two["after"], three["after"], three["amount"]) == (one["id"], two["id"], one["id"])


async def test_a_discarded_creation_takes_along_what_needs_it(device: OPEN) -> None:
    """Whatever refers to a creation that is discarded before it was sent, directly or not, goes with it."""
    local = await device()
    orders = local.collection("orders", ids="integer")
    first = await orders.create({"amount": 1})
    second = await orders.create({"after": first.id})
    third = await orders.create({"after": second.id, "amount": first.id})
    await orders.update(third.id, {"amount": 3})
    await local.outbox.discard(first.mutation)
    assert await local.outbox.list() == []
    assert (await orders.list()).items == []


async def test_temporary_ids_become_real_everywhere(device: OPEN, server: ModelServer) -> None:
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


async def test_writes_that_happen_together(device: OPEN, server: ModelServer) -> None:
    """Several writes of one mutation are applied together or not at all, here and on the server."""
    local = await device()
    with pytest.raises(Conflict):
        await local.write(create(id="a"), create(id="a"))
    assert await local.outbox.list() == []
    handle = await local.write(create(id="a"), Write(act="patch", collection="notes", id="a", body={"text": "b"}))
    await local.sync.now()
    assert (await handle.settled()).revision == 2
    with pytest.raises(TooLarge):
        await local.write(*(create(id=f"n{number}") for number in range(MAX_WRITES + 1)))


async def test_what_is_wrong_is_told_at_once(device: OPEN) -> None:
    """Where the declaration is known, invalid fields are told before anything is kept; so is a missing record."""
    local = await device(collections=[NOTES])
    notes = local.collection("notes")
    with pytest.raises(ValidationFailed) as caught:
        await notes.create({"count": "many"})
    assert list(caught.value.errors) == ["count"]
    with pytest.raises(NotFound):
        await notes.update("nothing", {"count": 1})
    assert await local.outbox.list() == []


async def test_batches_are_bounded(device: OPEN, server: ModelServer) -> None:
    """A push carries at most 200 mutations and 500 writes, and acknowledges the fates that are kept."""
    local = await device(remote=(remote := Tampered(server)))
    for number in range(MAX_MUTATIONS + 1):
        await local.write(create(id=f"n{number}"))
    for number in range(2):
        await local.write(*(create(id=f"m{number}-{each}") for each in range(300)))
    await local.sync.now()
    assert [len(push.mutations) for push in remote.pushed] == [200, 2, 1]
    assert [push.acknowledged for push in remote.pushed] == [0, 200, 202]
    assert len(server.state.records) == 801


@pytest.mark.parametrize("code", ["too_large", "invalid_body"])
async def test_a_poison_write_is_parked(device: OPEN, server: ModelServer, code: str) -> None:
    """A write that the server can't even read is found, parked with the server's reason, and holds nothing up."""
    local = await device(remote=(remote := Tampered(server)))
    notes = local.collection("notes")
    written = [await notes.create({"text": "poison" if number == 5 else "fine"}) for number in range(8)]

    def fault(push: Push) -> None:
        if any(write.body.get("text") == "poison" for mutation in push.mutations for write in mutation.writes):
            raise (TooLarge if code == "too_large" else BadRequest)("I can't read that", code=code, status=413)

    remote.fault = fault
    await local.sync.now()
    fates = [await each.settled() for each in written]
    assert [fate.status for fate in fates] == ["applied"] * 5 + ["refused"] + ["applied"] * 2
    assert fates[5].problem is not None
    assert fates[5].problem.message == "I can't read that"
    assert len(server.state.records) == 7
    assert [mutation.seq for _, _, mutation in server.taken] == list(range(1, 8))


async def test_a_refusal_that_is_about_something_else_is_raised(device: OPEN, server: ModelServer) -> None:
    """A 400 that is not about the push's content parks nothing."""
    local = await device(remote=(remote := Tampered(server)))
    await local.collection("notes").create({"text": "x"})

    def fault(push: Push) -> None:
        raise BadRequest(code="invalid_query", status=400)

    remote.fault = fault
    with pytest.raises(BadRequest):
        await local.sync.now()
    assert await states(local) == ["sent"]


# ---------------------------------------------------------------- stores that were copied, servers that were restored


async def test_a_cloned_store_becomes_another_device(device: OPEN, server: ModelServer, clock: ManualClock) -> None:
    """A store that was copied together with its device id takes a new one when the server tells; what the two have in
    common is not sent twice, and nothing is lost."""
    local = await device("one")
    notes = local.collection("notes")
    await notes.create({"text": "before"})
    await local.sync.now()
    shared = await notes.create({"text": "sent by both"})
    with server.down(), pytest.raises(NetworkError):
        await local.sync.now()
    await local.close()
    folder = local.store.path.parent
    (folder / "two.db").write_bytes((folder / "one.db").read_bytes())

    first, second = await device("one"), await device("two")
    await first.collection("notes").create({"text": "one's"})
    await second.collection("notes").create({"text": "two's"})
    await first.sync.now()
    await second.sync.now()
    await first.sync.now()
    texts = sorted(record["text"] for record in server.state.records.values())
    assert texts == ["before", "one's", "sent by both", "two's"]
    assert [mutation.id for _, _, mutation in server.taken].count(shared.mutation) == 1
    assert len({name for _, name, _ in server.taken}) == 2
    assert (await first.collection("notes").list()).items == (await second.collection("notes").list()).items
    assert await second.outbox.list() == []


async def test_an_older_copy_of_a_store(device: OPEN, server: ModelServer) -> None:
    """A store that was set back to an older copy asks for the fate of what the server has forgotten the result of, and
    goes on as another device for what is new."""
    local = await device()
    await local.collection("notes").create({"text": "a"})
    with server.down(), pytest.raises(NetworkError):
        await local.sync.now()
    await local.close()
    copy = local.store.path.read_bytes()
    local = await device()
    await local.sync.now()
    await local.collection("notes").create({"text": "b"})
    await local.sync.now()
    await local.close()
    local.store.path.write_bytes(copy)

    local = await device()
    await local.sync.now()
    await local.collection("notes").create({"text": "c"})
    await local.sync.now()
    assert sorted({record["text"] for record in server.state.records.values()}) == ["a", "b", "c"]


async def test_a_restored_server_gets_what_it_has_forgotten(device: OPEN, server: ModelServer) -> None:
    """Server restored from a backup: resync; unsent edits stay, and what is still here is handed in again."""
    local = await device()
    notes = local.collection("notes")
    await notes.create({"text": "in the backup"})
    await local.sync.now()
    backup = server.backup()
    await notes.create({"text": "gone"})
    await local.sync.now()
    server.restore(backup)
    await notes.create({"text": "unsent"})
    await local.sync.now()
    texts = sorted(note["text"] for note in (await notes.list()).items)
    assert texts == ["in the backup", "unsent"]
    assert sorted(record["text"] for record in server.state.records.values()) == texts


async def test_a_gap_is_filled_from_what_is_still_here(device: OPEN, server: ModelServer) -> None:
    """`gap`: the device sends from the seq that the server expects, also what it took for applied."""
    local = await device(remote=(remote := Tampered(server)))
    notes = local.collection("notes")
    backup = server.backup()
    first = await notes.create({"text": "one"})
    remote.pull = _unreachable  # type: ignore[attr-defined]
    with pytest.raises(ConnectionLost):
        await local.sync.now()
    assert await states(local) == ["applied"]
    server.restore(backup)
    del remote.pull
    await notes.create({"text": "two"})
    await local.sync.now()
    assert sorted(record["text"] for record in server.state.records.values()) == ["one", "two"]
    assert (await first.settled()).is_applied
    assert await local.outbox.list() == []


async def _unreachable(*_: object) -> Any:
    raise ConnectionLost


async def test_a_server_that_never_agrees_on_the_seqs(device: OPEN, server: ModelServer) -> None:
    """A server that asks for a gap again and again, or does not say for which, gets another device."""
    local = await device(remote=(remote := Tampered(server)))
    devices: list[str] = []

    def fault(push: Push) -> None:
        if push.device not in devices:
            devices.append(push.device)
        if len(devices) < 3:
            raise Gap(status=409, details={"expected": 1} if len(devices) == 1 else {})

    remote.fault = fault
    written = await local.collection("notes").create({"text": "x"})
    await local.sync.now()
    assert (await written.settled()).is_applied
    assert len(devices) == 3


# ---------------------------------------------------------------- merges


async def test_a_lost_edit_is_reported(device: OPEN, server: ModelServer, clock: ManualClock) -> None:
    """Two devices, same field: the later stamp stands on all replicas, and the edit that gave way is told and stays in
    the outbox until it was looked at."""
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


async def test_two_edits_of_one_device_do_not_clash(device: OPEN, server: ModelServer, clock: ManualClock) -> None:
    """A device's second edit of a record, made before the first was sent, stands."""
    local = await device()
    note = await local.collection("notes").create({"text": "0", "count": 0})
    await local.sync.now()
    for number in range(1, 4):
        await local.collection("notes").update(note.id, {"text": str(number), "count": {"$increment": 1}})
    await local.sync.now()
    record = await local.collection("notes").get(note.id)
    assert (record["text"], record["count"]) == ("3", 3)
    assert await local.outbox.list() == []


async def test_stamps_rise_whatever_the_clock_does(device: OPEN, server: ModelServer, clock: ManualClock) -> None:
    """Stamps of a store rise, over a clock that goes back and a new start."""
    local = await device()
    for jump in (0, -3600, 0):
        clock.jump(jump)
        await local.collection("notes").create({"text": "x"})
    await local.close()
    again = await device()
    await again.collection("notes").create({"text": "x"})
    stamps = [entry.stamp for entry in await again.outbox.list()]
    assert stamps == sorted(set(stamps))


async def test_the_outbox_can_be_watched(device: OPEN, server: ModelServer) -> None:
    """A watcher gets the outbox as it is, and again when it is another."""
    local = await device()
    watching = local.outbox.watch()
    assert await next_of(watching) == []
    await local.collection("notes").create({"text": "x"})
    assert [entry.state for entry in await next_of(watching)] == ["pending"]
    await local.sync.now()
    entries = await next_of(watching)
    while entries:
        entries = await next_of(watching)
    await watching.aclose()


async def test_fates_are_kept(device: OPEN, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fates of many writes can be asked for, also after a restart; of what is forgotten nobody waits in vain."""
    monkeypatch.setattr(mutations, "_KEPT_FATES", 3)
    local = await device()
    handles = [await local.write(create(id=f"n{number}")) for number in range(5)]
    await local.sync.now()
    for handle in handles[:2]:
        with pytest.raises(NotFound):
            await handle.settled()
        with pytest.raises(NotFound):
            await local.outbox.fate(handle.mutation)
    assert [(await handle.settled()).revision for handle in handles[2:]] == [3, 4, 5]
    await local.close()
    again = await device()
    assert await again.outbox.fate(handles[4].mutation) == await again.outbox.settled(handles[4].mutation)
