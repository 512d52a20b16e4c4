from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from msgspec import structs

from hinterland.client.errors import ConnectError
from hinterland.client.events import Event
from hinterland.client.local import pulls, results
from hinterland.client.local.local import Local
from hinterland.client.local.pushes import next_push
from hinterland.contract.changes import Write
from hinterland.contract.events import ChangeEvent
from hinterland.contract.sync import Pull, PullResult
from hinterland.kit.clock import ManualClock
from tests.client.local.conftest import OPEN
from tests.support.sync_backend import SyncBackend, rules


def note(id: str, **body: Any) -> Write:
    return Write(act="create", collection="notes", id=id, body=body)


def change(id: str, revision: int, text: str | None) -> ChangeEvent:
    record = None if text is None else {"id": id, "revision": revision, "text": text}
    return ChangeEvent(
        kind="delete" if text is None else "update", collection="notes", id=id, revision=revision, record=record
    )


async def ids(local: Local) -> list[str]:
    return [row["id"] for row in (await local.collection("notes").list(sort=["id"], limit=1000)).items]


async def take(local: Local, cursor: str, *changes: ChangeEvent, revision: int = 0) -> bool:
    end = revision or max((change.revision for change in changes), default=0)
    event = Event(kind="commit" if changes else "position", cursor=cursor, revision=end, changes=[*changes])
    act = partial(pulls.take_commit, scope=local.scope, subscription=local.subscription, event=event)
    return await local.store.write(act)


class SmallPages:
    """A server that answers with few changes at once, and stops answering after some pulls."""

    def __init__(self, server: SyncBackend, limit: int, pulls_left: int = 1_000_000) -> None:
        self.server = server
        self.limit = limit
        self.pulls_left = pulls_left
        self.answers: list[PullResult] = []

    async def pull(self, account: Any, pull: Pull) -> PullResult:
        self.pulls_left -= 1
        if self.pulls_left < 0:
            raise Killed
        answer = await self.server.pull(account, structs.replace(pull, limit=self.limit))
        self.answers.append(answer)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.server, name)


class Killed(BaseException):
    pass


async def test_the_first_sync_pages_until_nothing_is_left(device: OPEN, server: SyncBackend) -> None:
    """The first sync fetches page after page; the next one only what is new."""
    await server.write(*(note(f"n{number:02}") for number in range(25)))
    local = await device(remote=(remote := SmallPages(server, 10)))
    await local.sync.now()
    assert len(await ids(local)) == 25
    assert len(remote.answers) == 3
    await server.write(Write(act="delete", collection="notes", id="n07"))
    await local.sync.now()
    assert len(await ids(local)) == 24
    assert len(remote.answers[-1].changes) == 1


async def test_a_sync_that_broke_off_goes_on_where_it_was(device: OPEN, server: SyncBackend) -> None:
    """An app that ends between two pages goes on after the last one, marks and all: nothing is fetched twice, and what
    is gone is swept in the end."""
    await server.write(*(note(f"n{number:02}") for number in range(9)))
    local = await device(remote=SmallPages(server, 100))
    await local.sync.now()
    await server.write(Write(act="delete", collection="notes", id="n08"), note("n99"))
    await server.set_rules("notes", rules(seen="record.id != 'n00'"))
    await local.close()

    local = await device(remote=SmallPages(server, 3, pulls_left=1))
    with pytest.raises(Killed):
        await local.sync.now()
    await local.close()
    local = await device(remote=(remote := SmallPages(server, 3)))
    assert len(await ids(local)) == 9, "nothing is taken away before the end"
    await local.sync.now()
    assert await ids(local) == [f"n{number:02}" for number in range(1, 8)] + ["n99"]
    assert sum(len(answer.changes) for answer in remote.answers) == 5


async def test_a_right_that_was_taken_away(device: OPEN, server: SyncBackend) -> None:
    """Permission revoked while offline: rows leave at the next sync; unsent edits stay in the outbox."""
    await server.write(note("a", text="mine"), note("b", text="ours"))
    local = await device()
    await local.sync.now()
    await local.collection("notes").update("b", {"text": "edited"})
    await server.set_rules("notes", rules(seen="record.id == 'a'", written="record.id == 'a'"))
    await local.sync.now()
    assert await ids(local) == ["a"]
    [entry] = await local.outbox.list()
    assert (entry.state, entry.writes[0].body) == ("refused", {"text": "edited"})


async def test_a_record_that_left_the_view(device: OPEN, server: SyncBackend) -> None:
    """A record that left the caller's view goes; it comes back when it is seen again."""
    await server.set_rules("notes", rules(seen="record.text != 'secret'"))
    await server.write(note("a", text="open"))
    local = await device()
    await local.sync.now()
    for text, seen in (("secret", []), ("open", ["a"])):
        await server.write(Write(act="patch", collection="notes", id="a", body={"text": text}))
        await local.sync.now()
        assert await ids(local) == seen


async def test_a_pull_keeps_own_writes_in_sight(device: OPEN, server: SyncBackend) -> None:
    """A pull while the queue is not empty: own writes stay visible, and no remote data shows them twice."""
    await server.write(note("a", text="theirs", count=1))
    local = await device()
    await local.sync.now()
    notes = local.collection("notes")
    await notes.update("a", {"count": {"$increment": 1}})
    await notes.create({"text": "mine"})
    await server.write(Write(act="patch", collection="notes", id="a", body={"text": "newer"}))
    pull = Pull(collections=["notes"], cursor=(await position(local)).cursor)
    answer = await server.pull("ada", pull)
    act = partial(pulls.take_pull, scope=local.scope, subscription="notes", asked=pull.cursor, result=answer)
    assert await local.store.write(act)
    record = await notes.get("a")
    assert (record["text"], record["count"]) == ("newer", 2)
    assert len((await notes.list()).items) == 2
    await local.sync.now()
    assert (await notes.get("a"))["count"] == 2


async def position(local: Local) -> pulls.Position:
    return await local.store.read(partial(pulls.position, scope=local.scope, subscription=local.subscription))


async def test_an_answer_whose_push_was_lost(device: OPEN, server: SyncBackend) -> None:
    """A pull that holds a write whose own answer was lost shows it once; its outcome comes when it is asked for
    again."""
    await server.write(note("a", count=1))
    local = await device()
    await local.sync.now()
    written = await local.collection("notes").update("a", {"count": {"$increment": 1}})
    async with server.down():
        with pytest.raises(ConnectError):
            await local.sync.now()
    [entry] = await local.outbox.list()
    push = await local.store.write(lambda c: _next_push(c, local))
    await server.push("ada", push)
    at = await position(local)
    answer = await server.pull("ada", Pull(collections=["notes"], cursor=at.cursor, device=push.device))
    act = partial(pulls.take_pull, scope=local.scope, subscription="notes", asked=at.cursor, result=answer)
    assert await local.store.write(act)
    assert (await local.collection("notes").get("a"))["count"] == 2
    assert [each.state for each in await local.outbox.list()] == ["sent"]
    await local.sync.now()
    assert (await written.settled()).is_applied
    assert entry.id == written.mutation
    assert await local.outbox.list() == []


def _next_push(connection: Any, local: Local) -> Any:
    push = next_push(connection, local.scope, 10)
    assert push is not None
    return push


async def test_an_outdated_answer_is_not_taken(device: OPEN, server: SyncBackend) -> None:
    """An answer to a pull from a cursor that is no longer the store's changes nothing."""
    local = await device()
    await local.sync.now()
    answer = PullResult(changes=[change("x", 9, "x")], cursor="c")
    act = partial(pulls.take_pull, scope=local.scope, subscription="notes", asked="another", result=answer)
    assert not await local.store.write(act)
    assert await ids(local) == []


async def test_live_commits(device: OPEN, server: SyncBackend) -> None:
    """A live commit is applied with its cursor where the store is up to date; one that the store has, or an older state
    of a record, changes nothing; with own writes under way, or before the first pull, it has to be pulled."""
    local = await device()
    assert not await take(local, "early", change("a", 1, "x"))
    await server.write(note("a", text="one"))
    await local.sync.now()
    start = await server.revision()
    assert await take(local, "c2", change("a", start + 1, "two"), change("b", start + 2, "new"))
    assert (await position(local)).cursor == "c2"
    assert await take(local, "c1", change("a", start, "one"))
    assert (await position(local)).cursor == "c2"
    assert await take(local, "c4", change("a", start, "one"), change("b", start + 3, None))
    assert (await local.collection("notes").get("a"))["text"] == "two"
    assert await ids(local) == ["a"]
    assert await take(local, "c5")
    assert (await position(local)).cursor == "c5"

    await local.collection("notes").create({"text": "unsent does not matter"})
    assert await take(local, "c6", change("c", start + 5, "new"))
    await local.store.write(lambda c: _next_push(c, local))
    assert not await take(local, "c7", change("c", start + 6, "newer"))


async def test_live_commits_contain_own_writes(device: OPEN, server: SyncBackend) -> None:
    """A live commit contains the device's own writes that were applied up to its end, also where the last of its
    changes are hidden; an increment is shown once all the time, and one of a later revision stays on what others
    write."""
    await server.write(note("a", count=1), note("b", count=1))
    local = await device()
    await local.sync.now()
    await local.write(
        *[Write(act="patch", collection="notes", id=id, body={"count": {"$increment": 1}}) for id in "ab"]
    )
    before = await server.write(note("c"))
    await push(local, server)
    assert [(await server.record("notes", id))["revision"] - before for id in "ab"] == [1, 2]
    notes = local.collection("notes")

    def counted(id: str, revision: int, count: int) -> ChangeEvent:
        return ChangeEvent(
            kind="update", collection="notes", id=id, revision=revision, record={"id": id, "count": count}
        )

    async def counts() -> list[int]:
        return [(await notes.get(id))["count"] for id in "ab"]

    assert await counts() == [2, 2]
    assert await take(local, "c3", change("c", before, "before ours"))
    assert await counts() == [2, 2]
    assert await local.store.read(lambda c: results.has_applied(c, local.scope))
    assert await take(local, "c5", counted("a", before + 1, 2), revision=before + 2)
    assert await counts() == [2, 1]
    assert not await local.store.read(lambda c: results.has_applied(c, local.scope))


async def push(local: Local, server: SyncBackend) -> None:
    """Push what waits, and keep the outcomes."""
    batch = await local.store.write(lambda c: _next_push(c, local))
    result = await server.push("ada", batch)
    await local.store.write(lambda c: results.settle(c, local.scope, batch, result))


async def test_a_write_that_changed_nothing(device: OPEN, server: SyncBackend) -> None:
    """An own write that was applied at a revision that the store holds already is contained without another answer."""
    await server.write(note("a", text="x"))
    local = await device()
    await local.sync.now()
    followed = partial(pulls.is_followed, scope=local.scope, subscription=local.subscription)
    await local.collection("notes").update("a", {"text": "x"})
    batch = await local.store.write(lambda c: _next_push(c, local))
    outcome = await server.push("ada", batch)
    at = (await position(local)).cursor
    answer = await server.pull("ada", Pull(collections=["notes"], cursor=at))  # which does not say for which device
    act = partial(pulls.take_pull, scope=local.scope, subscription="notes", asked=at, result=answer)
    assert await local.store.write(act)
    assert not await local.store.write(followed), "its outcome is not known"
    assert outcome.results[0].revision <= (await position(local)).newest
    await local.store.write(lambda c: results.settle(c, local.scope, batch, outcome))
    assert await local.store.write(followed)
    assert not await local.store.read(lambda c: results.has_applied(c, local.scope))
    await local.store.write(partial(pulls.distrust, scope=local.scope))
    assert not await local.store.write(followed)


async def test_after_a_commit_that_was_not_taken(device: OPEN, server: SyncBackend) -> None:
    """A commit that had to be pulled, and a cursor that the stream could not continue, make the store pull before it
    takes any later commit: nothing between the two is missed."""
    await server.write(note("a", count=1))
    local = await device()
    await local.sync.now()
    await server.set_rules("notes", rules(written="record.count != 2"))
    await local.collection("notes").update("a", {"count": 2})
    push = await local.store.write(lambda c: _next_push(c, local))
    revision = await server.write(note("b"))
    assert not await take(local, "c2", change("b", revision, "missed"))
    result = await server.push("ada", push)
    await local.store.write(lambda c: results.settle(c, local.scope, push, result))
    later = change("c", revision + 1, "later")
    assert not await take(local, "c3", later)
    await local.sync.now()
    assert await ids(local) == ["a", "b"]
    assert await take(local, "c3", later)
    assert await ids(local) == ["a", "b", "c"]
    await local.store.write(lambda c: pulls.distrust(c, local.scope))
    assert not await take(local, "c4", change("d", revision + 2, "later still"))


async def test_a_commit_of_a_deletion_below_an_unsent_edit(device: OPEN, server: SyncBackend) -> None:
    """A record that others delete while an edit of it waits is gone from view; the server decides about the edit."""
    await server.write(note("a", text="one"))
    local = await device()
    await local.sync.now()
    await local.collection("notes").update("a", {"text": "two"})
    revision = await server.write(Write(act="delete", collection="notes", id="a"))
    assert await take(local, "c", change("a", revision, None))
    assert await ids(local) == []
    await local.sync.now()
    [entry] = await local.outbox.list()
    assert entry.problem is not None
    assert entry.problem.code == "not_found"


async def test_more_collections_come_later(device: OPEN, server: SyncBackend) -> None:
    """A collection that is asked for later is sent whole, and the others go on where they were."""
    await server.write(*(note(f"n{number}") for number in range(3)))
    await server.write(Write(act="create", collection="orders", id="~x", body={"amount": 1}))
    local = await device(remote=(remote := SmallPages(server, 100)))
    await local.sync.now()
    orders = local.collection("orders", ids="integer")
    await local.sync.now()
    assert [order["amount"] for order in (await orders.list()).items] == [1]
    assert len(await ids(local)) == 3
    assert sum(len(answer.changes) for answer in remote.answers) == 3 + 1


async def test_a_cursor_of_nobodys(device: OPEN, server: SyncBackend) -> None:
    """`invalid_cursor`: everything is fetched anew; what is here stays until then, and unsent edits beyond."""
    await server.write(note("a", text="one"))
    local = await device()
    await local.sync.now()
    await local.store.write(lambda c: c.execute("UPDATE cursors SET cursor = 'not one of yours'"))
    await server.write(Write(act="patch", collection="notes", id="a", body={"text": "two"}))
    assert await ids(local) == ["a"]
    await local.sync.now()
    assert (await local.collection("notes").get("a"))["text"] == "two"


async def test_a_server_restored_from_a_backup(device: OPEN, server: SyncBackend, clock: ManualClock) -> None:
    """Cursor too old, server restored from a backup: the state of the server is kept, also with lower revisions, unsent
    edits stay."""
    await server.write(note("a", text="kept"), note("b", text="kept"))
    backup = await server.backup()
    await server.write(note("c", text="lost"), Write(act="patch", collection="notes", id="a", body={"text": "lost"}))
    local = await device()
    await local.sync.now()
    await server.restore(backup)
    await local.collection("notes").update("b", {"text": "unsent"})
    await local.sync.now()
    rows = {row["id"]: row["text"] for row in (await local.collection("notes").list()).items}
    assert rows == {"a": "kept", "b": "unsent"}
    await server.write(Write(act="patch", collection="notes", id="a", body={"text": "on we go"}))
    await local.sync.now()
    assert (await local.collection("notes").get("a"))["text"] == "on we go"
