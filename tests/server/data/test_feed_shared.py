"""What many views share of an event, what it costs them, and who waits where events are large."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Integer, List, Text
from hinterland.contract.identity import SIGNED_OUT, Principal, RecordId
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.contract.sync import Mutation
from hinterland.kit.clock import ManualClock
from hinterland.server.data import allowance, documents
from hinterland.server.data import feed as feeding
from hinterland.server.data.allowance import BURST_STEPS, STEP_BYTES
from hinterland.server.data.commits import LogCommit, RecentCommits
from hinterland.server.data.subscription import Subscription
from hinterland.server.protocols.sse import SSE
from hinterland.server.storage.protocol import LogEntry, StoredRecord
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.data.world import ADA, BEN, Listener, World, delete, listen, note, opened, patch, summary

POSTS = Collection(
    name="posts",
    fields={"title": Text(), "draft": Text(read="auth.id == 'ada'", max_length=2_000_000)},
    rules=EVERYBODY,
    ids="integer",
)
COMMENTS = Collection(name="comments", fields={"text": Text(max_length=2_000_000)}, rules=EVERYBODY, parent="posts")
NOTES = Collection(
    name="notes",
    fields={"members": List(of=Text()), "title": Text(max_length=2_000_000), "count": Integer()},
    rules=Rules(list="auth.id in record.members"),
)
SIZES = [10, 16 * 1024 - 200, 20_000, 200_000]
"""Small; near and beyond the size from which a record is sent in lines; beyond that from which it is a piece."""


@pytest.fixture
async def lite(tmp_path: Path, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine whose records may be large."""
    async with opened(SqliteStorage(tmp_path / "data"), clock, (users(), POSTS, COMMENTS, NOTES)) as made:
        yield made


async def until(is_reached: Callable[[], bool]) -> int:
    """Let the others go on until something is reached; the turns that they took."""
    for turns in range(100_000):
        if is_reached():
            return turns
        await asyncio.sleep(0)
    raise AssertionError("it is never reached")


def as_before(cursor: str, revision: int, *changes: str) -> bytes:
    """A commit's event, encoded whole for one view."""
    texts = [change if len(change) < 16 * 1024 else msgspec.json.format(change, indent=1) for change in changes]
    joined = ",\n".join(texts)
    data = f'{{"revision":{revision},"changes":[{joined}]}}'.replace("\n", "\ndata: ")
    return f"id: {cursor}\nevent: commit\ndata: {data}\n\n".encode()


def change(kind: str, collection: str, id: RecordId, revision: int, record: str = "", parent: str = "") -> str:
    named = f'"{id}"' if isinstance(id, str) else str(id)
    below = f'"parent":"{parent}",' if parent else ""
    tail = f',"record":{record}' if record else ""
    return f'{{"kind":"{kind}","collection":"{collection}","id":{named},{below}"revision":{revision}{tail}}}'


async def event(listener: Listener) -> bytes:
    """The bytes of the next event, of one piece or two."""
    data = await listener.raw()
    while not data.endswith(b"\n\n"):
        data += await listener.raw()
    return data


async def stored(world: World, collection: str, parent: str, id: RecordId) -> StoredRecord:
    record = await world.storage.record(collection, parent, id)
    assert record is not None
    return record


@pytest.mark.parametrize("size", SIZES)
async def test_shared_bytes_are_those_of_each(lite: World, size: int) -> None:
    """What views share of an event is byte for byte what each would be sent alone: with and without a private field,
    created, updated, left, deleted, below a parent, small and large."""
    text = 'ä\n"' + "x" * size
    ada, ben = await listen(lite, ADA, "posts", "comments"), await listen(lite, BEN, "posts", "comments")
    narrow = [await listen(lite, BEN, "posts", filter=f"record.title == 'now' && record.id != {n}") for n in (8, 9)]
    await lite.write(Write(act="create", collection="posts", body={"title": "before", "draft": text}))
    made = await stored(lite, "posts", "", 1)
    callers = ((ada, frozenset({"draft"})), (ben, frozenset[str]()))
    for listener, shown in callers:
        text_of_post = change("create", "posts", 1, 1, documents.wire(made, shown))
        assert await event(listener) == as_before(*await at_head(lite, listener), text_of_post)
    comment = Write(act="create", collection="comments", parent="posts/1", id="c", body={"text": text})
    await lite.write(comment, patch("posts", 1, title="later"))
    wires = [await stored(lite, "comments", "posts/1", "c"), await stored(lite, "posts", "", 1)]
    for listener, shown in callers:
        texts = [
            change("create", "comments", "c", 2, documents.wire(wires[0], shown), "posts/1"),
            change("update", "posts", 1, 3, documents.wire(wires[1], shown)),
        ]
        assert await event(listener) == as_before(*await at_head(lite, listener), *texts)
    for kinds, writes in (
        (("update", "create"), [patch("posts", 1, title="now")]),
        (("update", "left"), [patch("posts", 1, title="then")]),
        (("update", "create"), [patch("posts", 1, title="now")]),
        (("delete", "delete"), [delete("comments", "c", "posts/1"), delete("posts", 1)]),
    ):
        await lite.write(*writes)
        revision = (await lite.storage.head()).revision
        kept = await lite.storage.record("posts", "", 1)
        for listener, kind in ((ada, kinds[0]), (ben, kinds[0]), (narrow[0], kinds[1]), (narrow[1], kinds[1])):
            shown = frozenset({"draft"} if listener is ada else ())
            texts = [change(kind, "posts", 1, revision)]
            if kept is not None and kind != "left":
                texts = [change(kind, "posts", 1, revision, documents.wire(kept, shown))]
            if kind == "delete" and listener in (ada, ben):
                texts.insert(0, change("delete", "comments", "c", revision - 1, parent="posts/1"))
            assert await event(listener) == as_before(*await at_head(lite, listener), *texts)


async def at_head(world: World, listener: Listener) -> tuple[str, int]:
    """The cursor and revision of the last commit's event."""
    head = await world.storage.head()
    return listener.subscription.outlet.cursor(head.revision, head.check), head.revision


async def test_a_large_event_is_made_once(lite: World) -> None:
    """All views that show the same of a large change send the very same buffer, whatever their filters and cursors."""
    await lite.write(note("a", "ada", "ben", title="t" * 100_000))
    views = [(caller, f"record.count != {number}") for number in range(5) for caller in (ADA, BEN)]
    listeners = [await listen(lite, caller, "notes", filter=filter) for caller, filter in views]
    await lite.write(patch("notes", "a", count=7))
    heads = [await listener.raw() for listener in listeners]
    bodies = [await listener.raw() for listener in listeners]
    assert len({*heads}) == len(views)
    assert {id(body) for body in bodies} == {id(bodies[0])}
    assert len(bodies[0]) > 100_000


async def test_a_stream_that_ends_within_an_event(lite: World) -> None:
    """A subscriber that is cut between the pieces of an event comes back with the cursor before it and gets it whole:
    no gap, no duplicate."""
    ada = await listen(lite, ADA, "notes")
    subscription = ada.subscription
    cursor = subscription.outlet.cursor(subscription.revision, subscription.check)
    sent: list[bytes] = []
    gate = asyncio.get_running_loop().create_future()

    async def until_open() -> None:
        await gate

    def sink(data: bytes) -> asyncio.Task[None]:
        sent.append(data)
        return asyncio.ensure_future(until_open())

    subscription.sink = sink
    waiting = asyncio.ensure_future(subscription.next())
    await asyncio.sleep(0)
    await lite.write(note("a", "ada", title="t" * 100_000))
    await until(lambda: bool(sent))
    assert sent[0].endswith(b"data: ")
    assert subscription.allowance.waiting > 100_000
    subscription.end()
    gate.set_result(None)
    assert b"ttt" in await waiting
    assert subscription.allowance.waiting == 0
    again = await listen(lite, ADA, "notes", cursor=cursor)
    assert summary(await again.changes()) == [("create", "a")]


# ------------------------------------------------------------------ who waits


async def test_large_events_of_one_caller_share_an_allowance(lite: World) -> None:
    """Streams of one caller that send more than their share wait for each other until time has passed; others are
    served at once, and no stream misses a change or is sent it twice."""
    size = 1_000_000
    filters = [f"record.count != {number}" for number in range(60)]
    await lite.write(note("a", "ada", "ben", title="t" * size, count=100))
    greedy = [await listen(lite, ADA, "notes", filter=filter) for filter in filters]
    ben = await listen(lite, BEN, "notes")
    reading = [asyncio.create_task(revisions(listener, 3)) for listener in greedy]
    for number in range(3):
        await lite.write(patch("notes", "a", count=number))
        assert summary(await ben.changes()) == [("update", "a")]
    for _ in range(500):
        await asyncio.sleep(0)
    most = 2 * BURST_STEPS * STEP_BYTES // size
    assert 0 < sum(listener.subscription.revision - 1 for listener in greedy) < most < 3 * len(greedy)
    while not all(task.done() for task in reading):
        await lite.clock.advance(0.05)
    assert [task.result() for task in reading] == [[2, 3, 4]] * len(greedy)
    assert len(lite.feed._recent.after(0)) == 0


async def revisions(listener: Listener, count: int) -> list[int]:
    """The revisions of the next changes."""
    heard: list[int] = []
    while len(heard) < count:
        message = await listener.next()
        if message.event == "commit":
            heard += [item["revision"] for item in msgspec.json.decode(message.data)["changes"]]
    return heard


async def test_the_loop_is_shared_within_a_commit(lite: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one commit is served to many outlets and subscribers, others have their turn; who leaves meanwhile is
    sent nothing more, and who joins meanwhile misses nothing and is sent nothing twice."""
    monkeypatch.setattr(feeding, "_STEPS_AT_ONCE", 0)
    callers = [Principal(id=f"c{number}") for number in range(10)]
    staying = [await listen(lite, caller, "posts", filter=f"record.id != {number}")
               for number in (100, 101, 103, 104) for caller in callers]  # fmt: skip
    leaving = [await listen(lite, caller, "posts", filter="record.id != 102") for caller in callers]
    served: list[Subscription] = []
    push = Subscription.push

    def noted(subscription: Subscription, pieces: tuple[bytes, ...], revision: int) -> None:
        served.append(subscription)
        push(subscription, pieces, revision)

    def staying_served() -> int:
        return sum(listener.subscription in served for listener in staying)

    monkeypatch.setattr(Subscription, "push", noted)
    await lite.write(Write(act="create", collection="posts", body={"title": "one"}))
    await until(lambda: bool(served))
    assert (before := len(served)) < 5
    for listener in leaving:
        listener.subscription.end()
    joining = [await listen(lite, caller, "posts", filter="record.id != 100") for caller in callers]
    assert await until(lambda: staying_served() == len(staying)) > 10
    assert {*served[before:]}.isdisjoint([listener.subscription for listener in leaving])
    await lite.write(Write(act="create", collection="posts", body={"title": "two"}))
    for listener in staying:
        assert await revisions(listener, 2) == [1, 2]
    for listener in joining:
        assert await revisions(listener, 1) == [2]


async def test_writers_are_answered_first(lite: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer has its answer before its change is judged for, and sent to, any stream."""
    listeners = [await listen(lite, ADA, "posts", filter=f"record.id != {number}") for number in (100, 101)]
    await lite.write(Write(act="create", collection="posts", body={"title": "zero"}))
    for listener in listeners:  # nothing that came before has to be looked for
        assert await revisions(listener, 1) == [1]
    looks: list[int] = []
    log = lite.storage.log

    async def noted(after: int, *more: Any, **named: Any) -> Any:
        looks.append(after)
        return await log(after, *more, **named)

    monkeypatch.setattr(lite.storage, "log", noted)
    answered = asyncio.ensure_future(answer_of(lite))
    await until(answered.done)
    assert looks == []
    for listener in listeners:
        assert await revisions(listener, 1) == [2]
    assert looks


async def test_writers_are_answered_first_while_a_commit_is_served(
    lite: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a change is sent to many, the writers of the next ones are answered before it goes on."""
    monkeypatch.setattr(feeding, "_STEPS_AT_ONCE", 0)
    subscriptions = [(await listen(lite, ADA, "posts")).subscription for _ in range(50)]

    def served() -> int:
        return sum(subscription.revision > 0 for subscription in subscriptions)

    await lite.write(Write(act="create", collection="posts", body={"title": "one"}))
    await until(lambda: served() > 0)
    before = served()
    lite.feed.wake()
    for _ in range(4):
        await asyncio.sleep(0)
    assert before <= served() <= before + 1
    await until(lambda: served() == len(subscriptions))


async def answer_of(world: World) -> None:
    """What a push's answer takes: two waits for each other, one for the writer."""
    write = Write(act="create", collection="posts", body={"title": "one"})
    await world.push(ADA, Mutation(seq=1, id="m", writes=[write]))


async def test_who_leaves_while_a_commit_is_served(lite: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Subscribers of a view that leave while the others of it are served are sent nothing more, and nothing waits for
    them."""
    monkeypatch.setattr(feeding, "_STEPS_AT_ONCE", 0)
    listeners = [await listen(lite, ADA, "posts") for _ in range(10)]
    subscriptions = [listener.subscription for listener in listeners]
    await lite.write(Write(act="create", collection="posts", body={"title": "one"}))
    await until(lambda: any(subscription.revision for subscription in subscriptions))
    leaving = [subscription for subscription in subscriptions if not subscription.revision]
    assert len(leaving) > 5
    for subscription in leaving:
        subscription.end()
    await until(lambda: lite.feed._position[0] == lite.feed._begun)
    assert [subscription.revision for subscription in leaving] == [0] * len(leaving)
    for listener in listeners:
        if listener.subscription in leaving:
            assert await listener.raw() == b""
        else:
            assert await revisions(listener, 1) == [1]
    assert leaving[0].allowance.waiting == 0


async def test_who_joins_while_a_commit_is_served(lite: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream whose cursor is before a commit that is just being served reads it from the log before it is live, even
    where everybody else has left meanwhile."""
    monkeypatch.setattr(feeding, "_STEPS_AT_ONCE", 0)
    others = [await listen(lite, SIGNED_OUT, "posts", filter=f"record.id != {number}") for number in (100, 101, 102)]
    behind = Listener(await lite.subscribe(BEN, "posts"))
    await lite.write(Write(act="create", collection="posts", body={"title": "one"}))
    await until(lambda: lite.feed._begun > lite.feed._position[0])
    await lite.feed._join(behind.subscription)
    for listener in others:
        listener.subscription.end()
    await lite.feed._join(behind.subscription)
    assert [behind.subscription.is_live] == [False], "what is being served to others would be missed"
    assert (await behind.next()).event == "ready"
    assert await revisions(behind, 1) == [1]
    while not behind.subscription.is_live:
        await lite.feed.catch_up(behind.subscription)
    await lite.write(Write(act="create", collection="posts", body={"title": "two"}))
    assert await revisions(behind, 1) == [2]


async def test_streams_are_counted(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams that open at the same time are counted, one that can't be opened is not, and the count outlives other
    callers, however many come."""
    monkeypatch.setattr(allowance, "_CALLERS", 2)
    async with opened(SqliteStorage(tmp_path / "data"), clock, (users(), POSTS), most_streams=(3, 1)) as world:
        opening = [world.subscribe(ADA, "posts") for _ in range(5)]
        made = await asyncio.gather(*opening, return_exceptions=True)
        refused = [error for error in made if isinstance(error, Refusal)]
        assert [error.code for error in refused] == ["rate_limited"] * 2
        assert "this account" in refused[0].message
        for number in range(5):
            await world.subscribe(Principal(id=f"c{number}"), "posts")
        with pytest.raises(Refusal, match="this account"):
            await world.subscribe(ADA, "posts")
        streams = [stream for stream in made if isinstance(stream, Subscription)]
        for _ in range(2):
            streams[0].end()
        with monkeypatch.context() as broken, pytest.raises(OSError, match="disk"):
            broken.setattr(world.storage, "snapshot", failing)
            await world.subscribe(ADA, "posts")
        streams[0] = await world.subscribe(ADA, "posts")
        assert streams[0].allowance.streams == 3


def failing() -> None:
    raise OSError("the disk is gone")


def test_recent_commits_follow_each_other() -> None:
    """The commits that are kept for those who are late are bounded by number and size, the newest stays in any case,
    and nobody is given some of what follows their place without the rest."""

    def commit(revision: int, size: int) -> LogCommit:
        after = StoredRecord("", "a", revision, "", "", "x" * size, None)
        return LogCommit([LogEntry(revision, revision, revision, 0.0, 0.0, "create", "posts", "", "a", None, after)])

    recent = RecentCommits(3, 1_000)
    assert recent.after(0) == []
    for revision in range(5, 9):
        recent.add(commit(revision, 10), revision - 1)
    assert [kept.revision for kept in recent.after(5)] == [6, 7, 8]
    assert [recent.after(revision) for revision in (4, 8)] == [[], []]
    recent.add(commit(9, 5_000), 8)
    assert [kept.revision for kept in recent.after(8)] == [9]
    assert recent.after(7) == []
    recent.clear()
    recent.add(commit(20, 10), 19)
    assert (recent.after(8), len(recent.after(19))) == ([], 1)


def test_frames_are_one_event() -> None:
    """An event of one line is its head, the data and its end."""
    assert SSE.ready("x") == b"id: x\nevent: ready\ndata: {}\n\n"
