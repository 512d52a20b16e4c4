"""Edits that wait: how they are seen, changed, retried, discarded and watched."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hinterland.client.errors import Conflict, ConnectionLost, NotFound, TooLarge, Unauthorized, ValidationFailed
from hinterland.client.local import mutations
from hinterland.client.local.errors import AlreadySending, StoreError
from hinterland.contract.changes import Write
from hinterland.contract.sync import MAX_WRITES
from hinterland.kit.clock import ManualClock
from tests.client.local.conftest import NOTES, OPEN, next_of, until
from tests.client.local.steps import Tampered, create, lost, states
from tests.support.sync_backend import SyncBackend, rules


async def test_a_write_goes_from_pending_to_gone(device: OPEN, server: SyncBackend) -> None:
    """A write is seen at once and pending; when the server has it and a pull holds it, it has left the outbox, and its
    outcome stays known."""
    local = await device()
    notes = local.collection("notes")
    written = await notes.create({"text": "hello"})
    assert (await notes.get(written.id))["text"] == "hello"
    [entry] = await local.outbox.list()
    assert (entry.id, entry.state, entry.seq) == (written.mutation, "pending", None)
    waiting = asyncio.create_task(written.settled())
    await local.sync.now()
    outcome, revision = await waiting, await server.revision()
    assert (outcome.status, outcome.is_applied, outcome.revision) == ("applied", True, revision)
    assert await local.outbox.list() == []
    assert await local.outbox.outcome(written.mutation) == await written.settled() == outcome
    assert (await notes.get(written.id))["revision"] == revision


async def test_nobody_signed_in_keeps_nothing(device: OPEN) -> None:
    """A write that belongs to nobody could never be sent: it is refused."""
    local = await device(account="")
    with pytest.raises(Unauthorized):
        await local.collection("notes").create({"text": "whose?"})
    await local.sync.now()


async def test_a_held_write_can_be_edited_and_retried(device: OPEN, server: SyncBackend) -> None:
    """A retried write is a new mutation with a new seq at the end; before, it can be given another body."""
    local = await device()
    notes = local.collection("notes")
    await server.set_rules("notes", rules(written="!has(record.count) || record.count != 666"))
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
    assert [each.seq for each in await server.applied()] == [2]


async def test_a_pending_write_can_be_edited_and_discarded(device: OPEN, server: SyncBackend) -> None:
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
    assert [each.seq for each in await server.applied()] == [1]


async def test_what_is_under_way_can_not_be_changed(device: OPEN, server: SyncBackend) -> None:
    """A write that was sent, whose outcome is unknown, is neither edited, retried nor discarded; unknown ones are not
    found."""
    local = await device(remote=(remote := Tampered(server)))
    written = await local.collection("notes").create({"text": "one"})
    with pytest.raises(AlreadySending):
        await local.outbox.retry(written.mutation)
    remote.fault = lost
    with pytest.raises(ConnectionLost):
        await local.sync.now()
    assert await states(local) == ["sent"]
    for act in (local.outbox.discard, lambda id: local.outbox.edit(id, {})):
        with pytest.raises(AlreadySending):
            await act(written.mutation)
    with pytest.raises(NotFound):
        await local.outbox.discard("unknown")


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


async def test_writes_that_happen_together(device: OPEN, server: SyncBackend) -> None:
    """Several writes of one mutation are applied together or not at all, here and on the server."""
    local = await device()
    with pytest.raises(Conflict):
        await local.write(create(id="a"), create(id="a"))
    assert await local.outbox.list() == []
    handle = await local.write(create(id="a"), Write(act="patch", collection="notes", id="a", body={"text": "b"}))
    await local.sync.now()
    last = await server.revision()
    assert (await handle.settled()).revision == last == (await server.record("notes", "a"))["revision"]
    assert len(await server.applied()) == 1
    with pytest.raises(TooLarge):
        await local.write(*(create(id=f"n{number}") for number in range(MAX_WRITES + 1)))


async def test_what_is_wrong_is_reported_at_once(device: OPEN) -> None:
    """Where the declaration is known, invalid fields are reported before anything is kept; so is a missing record."""
    local = await device(collections=[NOTES])
    notes = local.collection("notes")
    with pytest.raises(ValidationFailed) as caught:
        await notes.create({"count": "many"})
    assert list(caught.value.errors) == ["count"]
    with pytest.raises(NotFound):
        await notes.update("nothing", {"count": 1})
    assert await local.outbox.list() == []


async def test_timestamps_rise_whatever_the_clock_does(device: OPEN, server: SyncBackend, clock: ManualClock) -> None:
    """Stamps of a store rise, over a clock that goes back and a new start."""
    local = await device()
    for jump in (0, -3600, 0):
        clock.jump(jump)
        await local.collection("notes").create({"text": "x"})
    await local.close()
    again = await device()
    await again.collection("notes").create({"text": "x"})
    timestamps = [entry.timestamp for entry in await again.outbox.list()]
    assert timestamps == sorted(set(timestamps))


async def test_the_outbox_can_be_watched(device: OPEN, server: SyncBackend) -> None:
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


async def test_outcomes_are_kept(device: OPEN, server: SyncBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outcomes of many writes can be asked for, also after a restart; of what is forgotten nobody waits in vain."""
    monkeypatch.setattr(mutations, "_KEPT_OUTCOMES", 3)
    local = await device()
    handles = [await local.write(create(id=f"n{number}")) for number in range(5)]
    await local.sync.now()
    for handle in handles[:2]:
        with pytest.raises(NotFound):
            await handle.settled()
        with pytest.raises(NotFound):
            await local.outbox.outcome(handle.mutation)
    last = await server.revision()
    assert [(await handle.settled()).revision for handle in handles[2:]] == [last - 2, last - 1, last]
    await local.close()
    again = await device()
    assert await again.outbox.outcome(handles[4].mutation) == await again.outbox.settled(handles[4].mutation)


async def test_nothing_is_kept_for_a_caller_that_has_gone(device: OPEN) -> None:
    """A wait for an outcome that is cancelled, or that fails because the store can't be read, leaves nothing behind and
    ends no other wait for the same write."""
    local = await device()
    written = await local.collection("notes").create({"text": "hello"})
    staying, going = [asyncio.create_task(written.settled()) for _ in range(2)]
    await local.outbox.list()  # both have read that the outcome is open
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    await local.store.write(lambda c: c.execute("ALTER TABLE outcomes RENAME TO elsewhere"))
    with pytest.raises(StoreError):
        await written.settled()
    await local.store.write(lambda c: c.execute("ALTER TABLE elsewhere RENAME TO outcomes"))
    await local.sync.now()
    assert (await staying).is_applied
    assert not local.store.signals._watchers


async def test_outcomes_that_can_not_be_read_are_logged(
    device: OPEN, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Where another process wrote and the outcomes can't be read, the log says so, no task ends with an error that
    nobody takes, and the wait goes on."""
    local = await device()
    written = await local.collection("notes").create({"text": "hello"})
    waiting = asyncio.create_task(written.settled())
    await local.outbox.list()
    with closing(sqlite3.connect(tmp_path / "phone.db")) as other:
        other.execute("ALTER TABLE outcomes RENAME TO elsewhere")
        await local.store.look()
        await until(lambda: "cannot read the outcomes" in caplog.text)
        other.execute("ALTER TABLE elsewhere RENAME TO outcomes")
    assert "cannot read the outcomes that another process may have written" in caplog.text
    await local.sync.now()
    assert (await waiting).is_applied
