"""What a stream's filter may cost, and who waits where it costs much."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.events import Commit
from hinterland.contract.fields import Field, Integer, List, Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.kit.cel.metering import MOST_STEPS
from hinterland.kit.clock import ManualClock
from hinterland.server.data import feed as feeding
from hinterland.server.data import subscription as subscribing
from hinterland.server.data.allowance import BURST_STEPS
from hinterland.server.data.subscription import Subscription
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.testing.clock import play
from tests.server.data.world import ADA, BEN, Listener, World, listen, opened, patch, summary

FIELDS: dict[str, Field] = {
    "text": Text(max_length=1_000_000),
    "tags": List(of=Text(), max_items=50_000),
    "count": Integer(),
}
POSTS = Collection(name="posts", fields=FIELDS, rules=EVERYBODY)
GUARDED = Collection(
    name="admin_only",
    fields=FIELDS,
    rules=Rules(list="!record.tags.exists(tag, (record.text + tag).contains('secret'))", create="true", update="true"),
)
ENDLESS = "record.tags.exists(tag, (tag + record.text).contains('x'))"


def large(act: str = "create", collection: str = "posts", id: str = "big") -> Write:
    body = {"text": "a" * 500_000, "tags": ["b"] * 20_000, "count": 1}
    return Write(act=act, collection=collection, id=id, body=body)  # type: ignore[arg-type]


def small(id: str, collection: str = "posts") -> Write:
    return Write(act="create", collection=collection, id=id, body={"text": "a", "tags": ["x"]})


@pytest.fixture
async def world(tmp_path: Path, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine with a collection that everybody sees and one whose list rule may cost much."""
    async with opened(SqliteStorage(tmp_path / "data"), clock, (users(), POSTS, GUARDED)) as made:
        yield made


async def ends(listener: Listener) -> dict[str, object]:
    """The problem with which a stream ends, and nothing after it."""
    message = await listener.next()
    assert message.event == "end", message
    assert await listener.raw() == b""
    return json.loads(message.data)  # type: ignore[no-any-return]


async def test_a_filter_without_bound_ends_its_stream(world: World) -> None:
    """A filter that would cost more than its budget on one change ends its own stream with the reason; other streams
    are sent the change."""
    costly, other = await listen(world, ADA, "posts", filter=ENDLESS), await listen(world, BEN, "posts")
    await world.write(small("a"))
    assert summary(await costly.changes()) == summary(await other.changes()) == [("create", "a")]
    await world.write(large())
    assert summary(await other.changes()) == [("create", "big")]
    problem = await ends(costly)
    assert (problem["code"], problem["status"]) == ("too_costly", 400)
    assert "simpler" in str(problem["message"])
    assert costly.subscription not in world.feed._subscriptions


async def test_a_replay_is_bounded_alike(world: World) -> None:
    """So it is where a stream comes back and the log is read to it: it hears what is before the change, then ends."""
    first = await listen(world, ADA, "posts", filter=ENDLESS)
    message = await listen(world, ADA, "posts", filter=ENDLESS)
    cursor = message.subscription.outlet.cursor(message.subscription.revision, message.subscription.check)
    await world.write(small("a"))
    await world.write(large())
    again = Listener(await world.subscribe(ADA, "posts", filter=ENDLESS, cursor=cursor))
    assert (await again.next()).event == "ready"
    assert summary(await again.changes()) == [("create", "a")]
    assert (await ends(again))["code"] == "too_costly"
    assert summary(await first.changes()) == [("create", "a")]


async def test_a_rule_over_the_budget_denies(world: World, clock: ManualClock) -> None:
    """A list rule that would cost more than its budget hides the record from streams, which go on."""
    anybody = await listen(world, SIGNED_OUT, "admin_only")
    await world.write(large(collection="admin_only"))
    await world.write(small("a", "admin_only"))
    assert summary(await play(clock, anybody.changes())) == [("create", "a")]


async def test_the_rule_of_a_field_over_the_budget_hides_it(tmp_path: Path, clock: ManualClock) -> None:
    """The read rule of a field that asks another collection and would cost more than its budget hides the field from
    streams, which go on."""
    rule = f"posts.exists(p, p.text == auth.id) && {GUARDED.rules.list}"
    fields = {**FIELDS, "note": Text(read=rule)}
    guarded = Collection(name="noted", fields=fields, rules=EVERYBODY)
    async with opened(SqliteStorage(tmp_path / "data"), clock, (users(), POSTS, guarded)) as world:
        await world.write(Write(act="create", collection="posts", id="p", body={"text": "ada"}))
        ada = await listen(world, ADA, "noted")
        for write in (large(collection="noted"), small("a", "noted")):
            write.body["note"] = "n"
            await world.write(write)
        first, second = await play(clock, ada.changes()), await play(clock, ada.changes())
        assert [change.record and change.record.get("note") for change in (*first, *second)] == [None, "n"]


async def test_costly_streams_of_one_caller_share_an_allowance(world: World, clock: ManualClock) -> None:
    """Streams of one caller whose filters cost much wait for each other until time has passed; other callers, with the
    same kind of filter, and streams that cost little are served at once. No stream misses a change."""
    searches = [f"!record.text.contains('x{number}')" for number in range(20)]
    greedy = [await listen(world, ADA, "posts", filter=search) for search in searches]
    modest = await listen(world, BEN, "posts", filter="!record.text.contains('y')")
    plain = await listen(world, ADA, "posts")
    for number in range(3):
        await world.write(large(id=f"big{number}"))
        assert summary(await plain.changes()) == [("create", f"big{number}")]
        assert summary(await modest.changes()) == [("create", f"big{number}")]
    waiting = [asyncio.create_task(all_of(listener, 3)) for listener in greedy]
    for _ in range(50):
        await asyncio.sleep(0)
    assert sum(task.done() for task in waiting) < len(greedy) / 2
    while not all(task.done() for task in waiting):
        await clock.advance(0.1)
    assert [task.result() for task in waiting] == [["big0", "big1", "big2"]] * len(greedy)


async def all_of(listener: Listener, count: int) -> list[object]:
    """The ids of the next changes."""
    return [change.id for _ in range(count) for change in await listener.changes()]


async def test_the_loop_is_shared(world: World) -> None:
    """While costly filters of many callers are worked on, others have their turn after each millisecond or so."""
    callers = [Principal(id=f"c{number}") for number in range(20)]
    search = "record.text.contains('x') || record.count >= 0"
    listeners = [await listen(world, caller, "posts", filter=f"{search} && auth.id != ''") for caller in callers]
    writing = asyncio.create_task(world.write(*[large(id=f"big{number}") for number in range(4)]))
    reported_all = asyncio.gather(*[listener.changes() for listener in listeners])
    turns = 0
    while not (writing.done() and reported_all.done()):
        await asyncio.sleep(0)
        turns += 1
    assert turns > 20
    assert all(len(changes) == 4 for changes in reported_all.result())


async def test_work_is_counted_for_those_who_are_live(world: World) -> None:
    """What a filter takes is counted among those who gave it, each for a share."""
    both = [await listen(world, caller, "posts", filter="!record.text.contains('x')") for caller in (ADA, BEN)]
    await world.write(large())
    await world.write(patch("posts", "big", count=2))
    for listener in both:
        assert await all_of(listener, 2) == ["big", "big"]
    left = [listener.subscription.allowance._balance for listener in both]
    assert BURST_STEPS - MOST_STEPS < left[0] == left[1] < BURST_STEPS


async def test_unread_streams_of_one_caller(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits in all streams of one caller is bounded together: the stream that goes beyond is cut, with its cursor
    to come back with; streams of others are not, and what is read or ended counts no longer."""
    monkeypatch.setattr(subscribing, "WAITING_BYTES", 50_000)
    unread = [await listen(world, ADA, "posts", filter=f"record.count != {number}") for number in range(10)]
    other = await listen(world, BEN, "posts")
    for number in range(3):
        body = {"text": "a" * 10_000, "count": 100 + number}
        await world.write(Write(act="create", collection="posts", id=f"p{number}", body=body))
        assert summary(await other.changes()) == [("create", f"p{number}")]
    is_cut = [listener.subscription.is_slow for listener in unread]
    assert sum(is_cut) > 0
    left = [listener for listener in unread if not listener.subscription.is_slow]
    assert sum(is_cut) + len(left) == len(unread)
    allowance = unread[0].subscription.allowance
    assert 0 <= allowance.waiting <= 70_000
    for listener in unread:
        listener.subscription.end()
    assert (allowance.waiting, other.subscription.allowance.waiting) == (0, 0)


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_nothing_is_lost_by_falling_behind(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    """Streams that fall behind at one commit and are live at the next hear of each change once and in order, while
    others write."""
    monkeypatch.setattr(feeding, "_LIVE_STEPS", 120)
    monkeypatch.setattr(feeding, "_LEAST_STEPS", 60)
    storage: Storage = SqliteStorage(tmp_path / "data")
    if database == "postgres":
        storage = PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=6)
    random = Random(5)
    async with opened(storage, ManualClock(), (users(), POSTS)) as world:
        slowed = watched(world, monkeypatch)
        searches = [f"record.tags.exists(tag, tag == 'x{number}') || record.count >= 0" for number in range(5)]
        listeners = [await listen(world, ADA, "posts", filter=search) for search in (*searches, *searches)]
        for first in (0, 20, 40):
            hearing = [asyncio.create_task(revisions(world, listener, 40)) for listener in listeners]
            for number in range(first, first + 20):
                body = {"tags": ["a"] * random.choice([0, 5, 30]), "count": number}
                made = Write(act="create", collection="posts", id=f"p{number}", body=body)
                await world.write(made, patch("posts", f"p{number}", count=number + 1))
            wanted = [*range(2 * first + 1, 2 * first + 41)]
            assert await asyncio.gather(*hearing) == [wanted] * len(listeners)
            for listener in listeners:  # they are live again before the next writes
                while not listener.subscription.is_live:
                    await world.feed.catch_up(listener.subscription)
        assert len(slowed) > len(listeners)


def watched(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Subscription]:
    """The subscriptions that fall behind from now on."""
    slowed: list[Subscription] = []
    slow_down = world.feed._slow_down

    def noted(late: Sequence[Subscription], position: tuple[int, int]) -> None:
        slowed.extend(late)
        slow_down(late, position)

    monkeypatch.setattr(world.feed, "_slow_down", noted)
    return slowed


async def revisions(world: World, listener: Listener, count: int) -> list[int]:
    """The revisions of the next changes, each of whose events has a cursor that goes on from there."""
    heard: list[int] = []
    while len(heard) < count:
        message = await listener.next()
        assert message.event in ("commit", "position")
        if message.event == "commit":
            heard += [change.revision for change in msgspec.json.decode(message.data, type=Commit).changes]
        async with world.storage.snapshot() as snapshot:
            assert await world.cursors.lost(snapshot, await snapshot.head(), world.cursors.read(message.id)) == ""
    return heard
