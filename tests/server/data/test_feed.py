"""What the feed tells, to whom, and where a stream begins."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.events import Commit
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.records import Rules
from hinterland.kit.clock import ManualClock
from hinterland.kit.event_stream import EventStreamParser, Message
from hinterland.server.data.cursors import Cursors
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.data.world import (
    ADA,
    ADMIN,
    BEN,
    COLLECTIONS,
    NOTES,
    Listener,
    World,
    delete,
    listen,
    note,
    opened,
    patch,
    summary,
)  # fmt: skip


def post(title: str, draft: str = "") -> Write:
    return Write(act="create", collection="posts", body={"title": title, "draft": draft})


# ------------------------------------------------------------------ what is sent


async def test_one_event_for_one_commit(world: World) -> None:
    """One event is one commit with all its changes, in order, and its cursor as the id."""
    ada = await listen(world, ADA, "notes")
    outcome = await world.write(note("a", "ada", title="A"), note("b", "ada"), patch("notes", "a", title="B"))
    message = await ada.next()
    changes = json.loads(message.data)["changes"]
    assert [(c["kind"], c["id"], c["revision"]) for c in changes] == [
        ("create", "a", 1),
        ("create", "b", 2),
        ("update", "a", 3),
    ]
    assert changes[2]["record"] == json.loads(world.catalogue["notes"].wire(ADA, outcome.records[2].after))  # type: ignore[arg-type]
    assert world.cursors.read(message.id).revision == 3


async def test_only_what_is_visible(world: World) -> None:
    """Each caller is sent what the list rule shows, and nothing else."""
    ada, ben = await listen(world, ADA, "notes"), await listen(world, BEN, "notes")
    await world.write(note("a", "ada"), note("b", "ben"), note("ab", "ada", "ben"))
    await world.write(note("x", "ada"))
    assert summary(await ada.changes()) == [("create", "a"), ("create", "ab")]
    assert summary(await ben.changes()) == [("create", "b"), ("create", "ab")]
    assert summary(await ada.changes()) == [("create", "x")]


async def test_left_and_joined(world: World) -> None:
    """A caller who is taken off a record's list is sent that it left, with the id alone; one who joins, a creation;
    one who saw it neither before nor after, nothing."""
    await world.write(note("a", "ada", title="secret"))
    ada, ben, root = [await listen(world, caller, "notes") for caller in (ADA, BEN, ADMIN)]
    await world.write(patch("notes", "a", members=["ben"], title="deeper secret"))
    (left,) = await ada.changes()
    assert msgspec.to_builtins(left) == {"kind": "left", "collection": "notes", "id": "a", "revision": 2}
    (joined,) = await ben.changes()
    assert (joined.kind, joined.record and joined.record["title"]) == ("create", "deeper secret")
    assert summary(await root.changes()) == [("update", "a")]
    await world.write(delete("notes", "a"))
    await world.write(note("b", "ada", "ben"))
    assert summary(await ada.changes()) == [("create", "b")]
    (deleted,) = await ben.changes()
    assert msgspec.to_builtins(deleted) == {"kind": "delete", "collection": "notes", "id": "a", "revision": 3}


async def test_nested(world: World) -> None:
    """A nested collection is followed below all its parents; what goes with its parent is sent too."""
    anybody = await listen(world, SIGNED_OUT, "posts", "comments")
    await world.write(post("one"))
    (made,) = await anybody.changes()
    await world.write(
        Write(act="create", collection="comments", parent=f"posts/{made.id}", id="c", body={"text": "hi"})
    )
    (comment,) = await anybody.changes()
    assert (comment.parent, comment.id) == ("posts/1", "c")
    await world.write(patch("comments", "c", "posts/1", hidden=True))
    assert summary(await anybody.changes()) == [("left", "c")]
    await world.write(patch("comments", "c", "posts/1", hidden=False))
    assert summary(await anybody.changes()) == [("create", "c")]
    await world.write(delete("posts", 1))
    assert summary(await anybody.changes()) == [("delete", "c"), ("delete", 1)]


async def test_private_fields(world: World) -> None:
    """A field with its own read rule is in the events of those who may read it only."""
    ada, ben = await listen(world, ADA, "posts"), await listen(world, BEN, "posts")
    await world.write(post("one", "hush"))
    (seen,), (cut,) = await ada.changes(), await ben.changes()
    assert seen.record is not None
    assert cut.record is not None
    assert (seen.record["draft"], "draft" in cut.record) == ("hush", False)


async def test_filter(world: World) -> None:
    """A filter narrows a stream to what it holds for; a record that no longer fits has left."""
    ada = await listen(world, ADA, "notes", filter="record.count > 3")
    await world.write(note("a", "ada", count=1), note("b", "ada", count=5))
    assert summary(await ada.changes()) == [("create", "b")]
    await world.write(patch("notes", "b", count=2), patch("notes", "a", count=9))
    assert summary(await ada.changes()) == [("left", "b"), ("create", "a")]


async def test_same_bytes(lite: World) -> None:
    """Subscribers of one view are sent the very same bytes, made once; the public collection is one view for all."""
    await lite.write(post("one"))
    callers = [SIGNED_OUT, BEN, Principal(id="cleo")]
    listeners = [await listen(lite, caller, "comments") for caller in callers]
    await lite.write(Write(act="create", collection="comments", parent="posts/1", body={"text": "hi"}))
    chunks = [await listener.raw() for listener in listeners]
    assert b'"hi"' in chunks[0]
    assert chunks[0] is chunks[1] is chunks[2]


# ------------------------------------------------------------------ where a stream begins


@pytest.mark.parametrize(
    ("caller", "names", "filter", "code"),
    [
        (ADA, ["nowhere"], "", "unknown_collection"),
        (ADA, ["notes", "closed"], "", "forbidden"),
        (SIGNED_OUT, ["closed"], "", "unauthorized"),
        (ADA, ["notes"], "record.count >", "invalid_query"),
        (ADA, ["notes"], "record.nothing == 1", "invalid_query"),
        (ADA, ["notes"], "true || " * 600 + "true", "invalid_query"),
        (BEN, ["posts"], "record.draft == 'x'", "forbidden"),
    ],
)
async def test_refused(lite: World, caller: Principal, names: list[str], filter: str, code: str) -> None:
    """What can't be followed is refused before the stream begins; a filter over a hidden field is refused."""
    with pytest.raises(Refusal) as caught:
        await lite.subscribe(caller, *names, filter=filter)
    assert caught.value.code == code


async def test_administrator(lite: World) -> None:
    """An administrator follows collections without rules too, hidden fields included."""
    root = await listen(lite, ADMIN, "closed", "posts", filter="")
    await lite.write(Write(act="create", collection="closed", body={"text": "x"}), post("one", "hush"))
    closed, posted = await root.changes()
    assert closed.collection == "closed"
    assert posted.record is not None
    assert posted.record["draft"] == "hush"


async def test_replay(world: World) -> None:
    """A stream begins at its cursor: what happened since is sent first, then what happens."""
    ready = (await listen(world, ADA, "notes")).subscription
    cursor = ready.outlet.cursor(ready.revision, ready.check)
    await world.write(note("a", "ada"))
    await world.write(note("b", "ben"))
    await world.write(note("c", "ada"))
    again = await listen(world, ADA, "notes", cursor=cursor)
    await world.write(note("d", "ada"))
    assert [summary(await again.changes()) for _ in range(3)] == [[("create", name)] for name in "acd"]


async def test_replay_brings_the_cursor_up_to_date(world: World) -> None:
    """After a replay without news the cursor is a later one, so that the next replay is shorter."""
    first = await listen(world, ADA, "notes")
    cursor = first.subscription.outlet.cursor(0, 0)
    await world.write(note("b", "ben"))
    again = await listen(world, ADA, "notes", cursor=cursor)
    message = await again.next()
    assert (message.event, world.cursors.read(message.id).revision) == ("position", 1)


async def resynced(world: World, caller: Principal, name: str, cursor: str, filter: str = "") -> str:
    """The reason of the resync with which a stream begins; its cursor goes on from there."""
    listener = Listener(await world.subscribe(caller, name, filter=filter, cursor=cursor))
    ready, resync = await listener.next(), await listener.next()
    assert (ready.event, resync.event) == ("ready", "resync")
    assert world.cursors.read(ready.id) == world.cursors.read(cursor)  # cut here, it would come back to the resync
    while not listener.subscription.is_live:
        await world.feed.catch_up(listener.subscription)
    await world.write(note("", str(caller.id)))
    assert [change.kind for change in await listener.changes()] == ["create"]
    return str(json.loads(resync.data)["reason"])


async def test_resync(world: World, clock: ManualClock) -> None:
    """cursor too old, server restored from a backup, schema changed → *resync*, then the stream goes on from now."""
    views = (await listen(world, ADA, "notes")).subscription.outlet.fingerprints
    await world.write(note("a", "ada"))
    await clock.advance(100)
    await world.write(note("b", "ada"))
    head = await world.storage.head()
    assert await resynced(world, ADA, "notes", world.cursors.at(head.revision, head.check + 1, views)) == "restored"
    assert await resynced(world, BEN, "notes", world.cursors.at(head.revision, head.check, views)) == "changed"
    assert await resynced(world, ADA, "notes", world.cursors.at(head.revision, head.check, views), "true") == "changed"
    page = await world.pull(ADA, "notes", limit=1)
    assert await resynced(world, ADA, "notes", page.cursor) == "unfinished"
    await world.storage.prune(clock.now() - 50)
    assert await resynced(world, ADA, "notes", world.cursors.at(0, 0, views)) == "expired"


@pytest.mark.parametrize("cursor", ["x", "ä", "", "\n", "0" * 9_000])
async def test_unknown_cursor(world: World, cursor: str) -> None:
    """A cursor that this server did not make, such as one of before its data folder was changed, means *resync* too:
    `ready` comes without a cursor, so that a stream that is cut before the resync comes back to it."""
    foreign = cursor or Cursors(b"o" * 32, world.storage.database_id).at(0, 0, {})
    listener = Listener(await world.subscribe(ADA, "notes", cursor=foreign))
    ready, resync = await listener.next(), await listener.next()
    assert (ready.event, ready.id) == ("ready", "")
    assert (resync.event, json.loads(resync.data)) == ("resync", {"reason": "unknown"})
    await world.write(note("a", "ada"))
    again = await listen(world, ADA, "notes", cursor=resync.id)
    assert summary(await again.changes()) == [("create", "a")]


async def test_short_lines(lite: World) -> None:
    """A commit is sent in lines that readers with bounds can take: one for each change, and of a large record one for
    each value. What they tell is one event with one cursor."""
    writes = [note(f"n{number}", "ada", title="t" * 1_000) for number in range(200)]
    tags = [f"{number:03} {'x' * 300}, {{[" for number in range(400)]
    await lite.write(*writes, note("large", "ada", title="a\n\r\u2028", tags=tags))
    cursor = lite.cursors.at(0, 0, (await listen(lite, ADA, "notes")).subscription.outlet.fingerprints)
    subscription = await lite.subscribe(ADA, "notes", cursor=cursor)
    await subscription.next()
    data = await subscription.next() + await subscription.next()
    assert max(map(len, data.splitlines())) < 2_000
    (message,) = EventStreamParser().feed(data)
    changes = msgspec.json.decode(message.data, type=Commit).changes
    assert [change.id for change in changes] == [write.id for write in writes] + ["large"]
    record = lite.catalogue["notes"].wire(ADA, await lite.storage.record("notes", "", "large"))  # type: ignore[arg-type]
    assert changes[-1].record == json.loads(record)
    assert lite.cursors.read(message.id).revision == 201


async def test_changed_rules(tmp_path: Path, clock: ManualClock) -> None:
    """A changed rule or field makes a cursor of before worthless; a change elsewhere doesn't."""

    async def first_events(rules: Rules, cursor: str) -> list[Message]:
        notes = msgspec.structs.replace(NOTES, rules=rules)
        declared = [notes if collection is NOTES else collection for collection in COLLECTIONS]
        async with opened(SqliteStorage(tmp_path), clock, declared) as world:
            subscription = await world.subscribe(ADA, "notes", cursor=cursor)
            return EventStreamParser().feed(await subscription.next())

    rules = NOTES.rules
    (ready,) = await first_events(rules, "")
    (again,) = await first_events(msgspec.structs.replace(rules, delete=""), ready.id)
    events = await first_events(msgspec.structs.replace(rules, list="true"), again.id)
    assert [event.event for event in events] == ["ready", "resync"]


async def test_pull_cursor(world: World) -> None:
    """A stream goes on from a pull's cursor, and a pull from a stream's."""
    await world.write(note("a", "ada"))
    page = await world.pull(ADA, "notes")
    await world.write(note("b", "ada"))
    ada = await listen(world, ADA, "notes", cursor=page.cursor)
    message = await ada.next()
    assert [change["id"] for change in json.loads(message.data)["changes"]] == ["b"]
    await world.write(note("c", "ada"))
    after = await world.pull(ADA, "notes", cursor=message.id)
    assert (summary(after.changes), after.restart) == ([("create", "c")], [])
