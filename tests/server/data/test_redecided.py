"""Live views whose rule asks another collection: records come and leave as that changes, on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hinterland.contract.identity import Principal
from hinterland.kit.clock import ManualClock
from hinterland.server.storage.protocol import Storage
from tests.server.data.acts import make
from tests.server.data.teams import COLLECTIONS
from tests.server.data.world import ADA, BEN, Replica, World, delete, listen, opened, patch, summary

EVE = Principal(id="eve")


@pytest.fixture
async def asking(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """Ben is in the team red."""
    async with opened(storage, clock, COLLECTIONS) as world:
        await world.write(
            make("teams", "red"),
            make("members", "2", team="red", user="ben"),
            *[make("posts", f"{team}{number}", team=team) for team in ("red", "blue", "grey") for number in "12"],
        )
        yield world


async def test_fields_come_and_leave(asking: World) -> None:
    """A record that shows more or fewer fields after a change of what their read rules ask comes as an update, in the
    commit of that change; records of which a reader sees the same do not."""
    await asking.write(
        *[make("notices", team, team=team, room="r1") for team in ("red", "blue")], make("notices", "none")
    )
    ben, eve = await listen(asking, BEN, "notices"), await listen(asking, EVE, "notices")
    await asking.write(make("members", "3", team="blue", user="ben"))
    (shown,) = await ben.changes()
    assert (shown.kind, shown.id, shown.record and shown.record["room"]) == ("update", "blue", "r1")
    await asking.write(delete("members", "3"), patch("notices", "red", text="new"))
    changes = {change.id: change for change in await ben.changes()}
    assert {id: change.record and "room" in change.record for id, change in changes.items()} == {
        "blue": False, "red": True,
    }  # fmt: skip
    (own,) = await eve.changes()
    assert (own.id, own.record and "room" in own.record) == ("red", False)


async def test_a_field_of_any_record(asking: World) -> None:
    """Where no == limits a field's rule to some of the records, its change ends the streams that it concerns, whose
    readers read the collection again."""
    await asking.write(make("notices", "red", team="red", notes="n"))
    ben, eve = await listen(asking, BEN, "notices"), await listen(asking, EVE, "notices")
    await asking.write(make("members", "3", team="blue", user="ben", role="speaker"))
    assert await ben.raw() == b""
    device = Replica(asking, BEN, "notices")
    await device.sync()
    assert [row["notes"] for row in device.rows.values()] == ["n"]
    await asking.write(patch("notices", "red", text="new"))
    assert summary(await eve.changes()) == [("update", "red")]


async def test_records_come_and_leave(asking: World) -> None:
    """A new membership brings the team's records as creations, in its own commit; its end takes them away as left; what
    happens to them in between is reported as ever."""
    listener = await listen(asking, BEN, "posts")
    await asking.write(make("members", "3", team="blue", user="ben"))
    changes = await listener.changes()
    assert summary(changes) == [("create", "blue1"), ("create", "blue2")]
    head = (await asking.storage.head()).revision
    assert {change.revision for change in changes} == {head}
    await asking.write(patch("posts", "blue1", text="new"))
    assert summary(await listener.changes()) == [("update", "blue1")]
    await asking.write(patch("members", "3", team="grey"), patch("posts", "grey1", text="x"))
    assert sorted(summary(await listener.changes())) == [
        ("create", "grey1"), ("create", "grey2"), ("left", "blue1"), ("left", "blue2"),
    ]  # fmt: skip
    await asking.write(patch("posts", "blue2", text="unseen"), make("members", "9", team="blue", user="eve"))
    await asking.write(delete("members", "3"), delete("posts", "grey1"))
    assert sorted(summary(await listener.changes())) == [("delete", "grey1"), ("left", "grey2")]


async def test_one_of_two_memberships(asking: World) -> None:
    """Where two records answer, the end of one changes nothing, and the end of the other takes the records away."""
    await asking.write(make("members", "3", team="red", user="ben"))
    listener = await listen(asking, BEN, "posts")
    await asking.write(delete("members", "2"), make("members", "4", team="red", user="ben"))
    await asking.write(delete("members", "3"))
    await asking.write(delete("members", "4"))
    assert summary(await listener.changes()) == [("left", "red1"), ("left", "red2")]


async def test_a_cursor(asking: World) -> None:
    """A cursor goes on where nothing changed in what the rule asks; where that changed meanwhile, a stream has the
    collection read again, and a pull sends what came and left."""
    listener, device = await listen(asking, BEN, "posts"), Replica(asking, BEN, "posts")
    await device.sync()
    await asking.write(make("members", "3", team="blue", user="ben"))
    cursor = (await listener.next()).id
    await asking.write(patch("posts", "blue1", text="x"))
    again = await listen(asking, BEN, "posts", cursor=cursor)
    assert summary(await again.changes()) == [("update", "blue1")]
    pulled = await device.page()
    assert (pulled.reason, sorted(summary(pulled.changes))) == ("", [("create", "blue1"), ("create", "blue2")])
    await device.sync()
    assert device.rows == await asked(asking, BEN)
    assert {change.record and change.record["text"] for change in pulled.changes} == {"x", None}
    after = await asking.pull(BEN, "posts", cursor=cursor)
    assert (after.reason, summary(after.changes)) == ("", [("update", "blue1")])
    await asking.write(delete("members", "3"))
    lost = await asking.subscribe(BEN, "posts", cursor=cursor)
    assert b"resync" in await lost.next()
    await device.sync()
    assert device.rows == await asked(asking, BEN)


async def test_a_stream_that_reads_the_log_alone(asking: World) -> None:
    """A stream that is not live yet ends where what its rule asks changes: it comes back with its cursor."""
    cursor = (await asking.pull(BEN, "posts")).cursor
    subscription = await asking.subscribe(BEN, "posts", cursor=cursor)
    await asking.write(make("members", "3", team="blue", user="ben"))
    while not subscription.has_ended:
        await subscription.next()
    assert not subscription.is_live


async def test_what_has_no_link(asking: World) -> None:
    """Where no equality says which records a change concerns, the streams that it concerns end, and no others."""
    rule = "talks"
    ada, ben = await listen(asking, ADA, rule), await listen(asking, BEN, rule)
    await asking.write(make("bans", "1", user="ben"))
    while not ben.subscription.has_ended:
        await ben.subscription.next()
    await asking.write(make("talks", "t", team="red"))
    assert summary(await ada.changes()) == [("create", "t")]


async def statements_of(world: World, count: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many snapshots the feed takes for a change that concerns so many subscribers."""
    taken: list[int] = []
    callers = [Principal(id=f"u{count}-{number}") for number in range(count)]
    listeners = [await listen(world, caller, "posts") for caller in callers]
    take = world.storage.snapshot

    def counted() -> Any:
        taken.append(1)
        return take()

    with monkeypatch.context() as patched:
        patched.setattr(world.storage, "snapshot", counted)
        many = [make("members", f"{count}-{caller.id}", team="blue", user=caller.id) for caller in callers]
        await world.write(*many)
        for listener in listeners:
            assert summary(await listener.changes()) == [("create", "blue1"), ("create", "blue2")]
    for listener in listeners:
        listener.subscription.end()
    return len(taken)


async def test_statements(asking: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of memberships is as many questions to the database for 200 subscribers as for one."""
    assert [await statements_of(asking, count, monkeypatch) for count in (1, 200)] == [1, 1]


async def asked(world: World, caller: Principal) -> Any:
    """What a first pull shows."""
    fresh = Replica(world, caller, "posts")
    await fresh.sync()
    return fresh.rows
