from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.sync import Mutation, Pull, Settled
from hinterland.kit.clock import ManualClock
from hinterland.server.data import pull as pulling
from hinterland.server.data.pull import contained
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.data.world import (
    ADA,
    ADMIN,
    BEN,
    COLLECTIONS,
    NOTES,
    Replica,
    World,
    delete,
    note,
    opened,
    patch,
    summary,
)  # fmt: skip


async def level(replica: Replica, limit: int = 500) -> None:
    """The replica pulls until it is level with the server."""
    await replica.sync(limit)
    assert replica.rows == await replica.world.visible(replica.caller, *replica.names)


# ------------------------------------------------------------------ the first time


async def test_everything(world: World) -> None:
    """Without a cursor every visible record is sent, by key, and the collections are named as whole."""
    await world.write(note("b", "ada"), note("a", "ada"), note("x", "ben"))
    result = await world.pull(ADA, "notes", "posts")
    assert summary(result.changes) == [("create", "a"), ("create", "b")]
    assert (result.restart, result.complete, result.more, result.reason) == (
        ["notes", "posts"],
        ["notes", "posts"],
        False,
        "",
    )
    assert result.changes[0].record is not None
    assert result.changes[0].record["revision"] == result.changes[0].revision == 2


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_pages(world: World, limit: int) -> None:
    """A first sync comes in pages of at most the limit, in any sizes, nested collections and integer ids included."""
    for title in "abc":
        made = await world.write(Write(act="create", collection="posts", body={"title": title}))
        parent = f"posts/{made.records[0].id}"
        for text in "xy":
            await world.write(Write(act="create", collection="comments", parent=parent, body={"text": text}))
    replica = Replica(world, ADA, "posts", "comments")
    await level(replica, limit)
    assert len(replica.rows) == 9
    assert max(len(answer.changes) for answer in replica.answers) <= limit
    assert [name for answer in replica.answers for name in answer.complete] == ["posts", "comments"]


async def test_changes_meanwhile(world: World) -> None:
    """What is written while a first sync is under way arrives once, in order, after the state at its beginning."""
    await world.write(*[note(id, "ada", title="old") for id in "abcd"])
    replica = Replica(world, ADA, "notes")
    await replica.page(limit=2)
    await world.write(patch("notes", "a", title="new"), patch("notes", "d", title="new"), note("c2", "ada"))
    await world.write(delete("notes", "c"), patch("notes", "b", members=["ben"]))
    second = await replica.page(limit=100)
    titles = {change.id: change.record["title"] for change in second.changes[:1] if change.record is not None}
    assert titles == {"d": "old"}
    assert summary(second.changes[1:]) == [
        ("update", "a"),
        ("update", "d"),
        ("create", "c2"),
        ("delete", "c"),
        ("left", "b"),
    ]
    assert replica.rows == await world.visible(ADA, "notes")


async def test_nothing_there(world: World) -> None:
    """An empty database gives an empty answer whose cursor counts."""
    replica = Replica(world, ADA, "notes")
    await level(replica)
    await world.write(note("a", "ada"))
    await level(replica)
    assert [answer.restart for answer in replica.answers] == [[]]


# ------------------------------------------------------------------ later


async def test_state_not_history(world: World) -> None:
    """Many changes of a record are sent as one; what came and went meanwhile not at all."""
    await world.write(note("a", "ada"))
    replica = Replica(world, ADA, "notes")
    await replica.sync()
    for n in range(5):
        await world.write(patch("notes", "a", count=n))
    await world.write(note("b", "ada"))
    await world.write(delete("notes", "b"))
    (answer,) = await replica.sync()
    assert summary(answer.changes) == [("update", "a")]
    assert replica.rows["notes", "", "a"]["count"] == 4


async def test_commits_stay_whole(world: World) -> None:
    """A page ends at a commit's end: what was written together arrives together."""
    replica = Replica(world, ADA, "notes")
    await replica.sync()
    for n in range(4):
        await world.write(note(f"a{n}", "ada"), note(f"b{n}", "ada"), note(f"c{n}", "ada"))
    sizes = [len(answer.changes) for answer in await replica.sync(limit=2)]
    assert sizes == [3, 3, 3, 3]


async def test_membership(world: World) -> None:
    """Who is taken off a record's list hears that it left, with the id alone; who is put on it gets the record."""
    await world.write(note("a", "ada"), note("b", "ben"), note("c", "ben"))
    ada, ben = Replica(world, ADA, "notes"), Replica(world, BEN, "notes")
    await level(ada)
    await level(ben)
    await world.write(patch("notes", "a", members=["ben"]), patch("notes", "b", members=["ada"]), delete("notes", "c"))
    (answer,) = await ada.sync()
    assert [msgspec.to_builtins(change) for change in answer.changes[:1]] == [
        {"kind": "left", "collection": "notes", "id": "a", "revision": 4}
    ]
    assert summary(answer.changes) == [("left", "a"), ("create", "b")]
    (answer,) = await ben.sync()
    assert summary(answer.changes) == [("create", "a"), ("left", "b"), ("delete", "c")]


async def test_others_changes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull looks at a bounded part of the log, of whatever callers the changes are, and goes on from there."""
    monkeypatch.setattr(pulling, "_LOG_READ", 10)
    replica = Replica(world, ADA, "notes")
    await replica.sync()
    for n in range(15):
        await world.write(Write(act="create", collection="posts", body={"title": str(n)}), note(f"b{n}", "ben"))
    await world.write(note("a", "ada"))
    await level(replica, limit=3)
    assert len(replica.answers) > 2


async def test_private_fields(world: World) -> None:
    """A field with its own read rule is sent to those who may read it only."""
    await world.write(Write(act="create", collection="posts", body={"title": "x", "draft": "hush"}))
    for caller, is_shown in ((ADA, True), (BEN, False), (SIGNED_OUT, False), (ADMIN, True)):
        replica = Replica(world, caller, "posts")
        await replica.sync()
        assert ("draft" in replica.rows["posts", "", 1]) is is_shown


# ------------------------------------------------------------------ whole again


@asynccontextmanager
async def again(tmp_path: Path, clock: ManualClock, replica: Replica, **changes: Any) -> AsyncIterator[World]:
    """The server of a replica restarts with its declared notes changed."""
    notes = msgspec.structs.replace(NOTES, **changes)
    declared = [notes if collection is NOTES else collection for collection in COLLECTIONS]
    async with opened(SqliteStorage(tmp_path), clock, declared) as world:
        replica.world = world
        yield world


async def filled(tmp_path: Path, clock: ManualClock) -> Replica:
    """A replica that is level."""
    async with opened(SqliteStorage(tmp_path), clock) as world:
        await world.write(note("a", "ada"), note("b", "ada", "ben"), note("c", "ben"))
        await world.write(Write(act="create", collection="posts", body={"title": "x"}))
        replica = Replica(world, ADA, "notes", "posts")
        await level(replica)
        return replica


async def test_rule_changed(tmp_path: Path, clock: ManualClock) -> None:
    """permission revoked while offline → rows leave at the next sync; other collections go on from the log."""
    replica = await filled(tmp_path, clock)
    rules = msgspec.structs.replace(NOTES.rules, list="auth.id in record.members && size(record.members) > 1")
    async with again(tmp_path, clock, replica, rules=rules) as world:
        await world.write(patch("posts", 1, title="y"))
        await level(replica)
        (answer,) = replica.answers
        assert (answer.restart, answer.complete, answer.reason) == (["notes"], ["notes"], "changed")
        assert [key[2] for key in replica.rows] == ["b", 1]


async def test_rule_removed(tmp_path: Path, clock: ManualClock) -> None:
    """Of a collection that is closed to everybody, all rows leave."""
    replica = await filled(tmp_path, clock)
    async with again(tmp_path, clock, replica, rules=msgspec.structs.replace(NOTES.rules, list="")):
        await level(replica)
        assert [key[0] for key in replica.rows] == ["posts"]


async def test_schema_changed(tmp_path: Path, clock: ManualClock) -> None:
    """schema changed → *resync*: the collection is sent whole."""
    replica = await filled(tmp_path, clock)
    async with again(tmp_path, clock, replica, fields={**NOTES.fields, "subtitle": Text()}):
        await level(replica)
        assert (replica.answers[0].restart, replica.answers[0].reason) == (["notes"], "changed")


async def test_rights_changed(world: World) -> None:
    """Another caller's cursor, or a caller whose rights have changed, gets the collections whose rules read them."""
    await world.write(note("a", "ada"), note("b", "ben"), Write(act="create", collection="posts", body={"title": "x"}))
    replica = Replica(world, ADA, "notes", "comments")
    await level(replica)
    replica.caller = BEN
    await level(replica)
    assert [key[2] for key in replica.rows] == ["b"]
    assert replica.answers[0].restart == ["notes"]
    replica.caller = Principal(id="ben", roles=("staff",))
    await level(replica)
    assert replica.answers[0].restart == []


async def test_other_collections(world: World) -> None:
    """A collection that is asked for later is sent whole, while the others go on; one that is left out is forgotten."""
    await world.write(note("a", "ada"), Write(act="create", collection="posts", body={"title": "x"}))
    replica = Replica(world, ADA, "notes")
    await level(replica)
    await world.write(note("b", "ada"), patch("posts", 1, title="y"))
    replica.names = ("notes", "posts")
    await level(replica, limit=1)
    assert replica.answers[0].restart == ["posts"]
    assert [answer.reason for answer in replica.answers if answer.reason] == []
    replica.names = ("posts",)
    await replica.sync()
    replica.names = ("notes", "posts")
    assert (await replica.page()).restart == ["notes"]


async def test_changed_in_between(world: World) -> None:
    """Rights that change while collections are sent whole begin the ones that they concern anew."""
    await world.write(*[note(id, "ada", "ben") for id in "abc"], note("x", "ben"))
    replica = Replica(world, ADA, "comments", "notes")
    await replica.page(limit=2)
    replica.caller = BEN
    await level(replica, limit=2)
    assert len(replica.rows) == 4


async def test_expired(world: World, clock: ManualClock) -> None:
    """cursor too old → *resync*: everything is sent whole, and what is gone since leaves."""
    await world.write(note("a", "ada"), note("b", "ada"))
    replica = Replica(world, ADA, "notes")
    await level(replica)
    await world.write(delete("notes", "a"))
    await clock.advance(100)
    await world.write(note("c", "ada"))
    await world.storage.prune(clock.now() - 50)
    await level(replica)
    assert (replica.answers[0].restart, replica.answers[0].reason) == (["notes"], "expired")
    assert {key[2] for key in replica.rows} == {"b", "c"}


async def test_restored(tmp_path: Path, clock: ManualClock) -> None:
    """server restored from a backup → *resync*: the device ends level with the restored server."""
    replica = await filled(tmp_path, clock)
    path = SqliteStorage(tmp_path).path
    backup = path.read_bytes()
    async with again(tmp_path, clock, replica) as world:
        await world.write(note("lost", "ada"))
        await level(replica)
    path.write_bytes(backup)
    async with again(tmp_path, clock, replica) as world:
        await world.write(note("other", "ada"))
        await level(replica)
        assert replica.answers[0].reason == "restored"
        assert "lost" not in {key[2] for key in replica.rows}


# ------------------------------------------------------------------ what can't be answered


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (Pull(collections=[]), "invalid_body"),
        (Pull(collections=["notes"] * 101), "invalid_body"),
        (Pull(collections=["notes"], limit=0), "invalid_body"),
        (Pull(collections=["notes"], cursor="nonsense"), "invalid_cursor"),
        (Pull(collections=["nowhere"]), "unknown_collection"),
    ],
)
async def test_refused(lite: World, wish: Pull, code: str) -> None:
    """A wish that can't be understood is refused, and says why."""
    with pytest.raises(Refusal) as caught:
        await lite.puller.pull(ADA, wish)
    assert caught.value.code == code


# ------------------------------------------------------------------ own writes


async def test_settled(world: World) -> None:
    """The answer names the device's last settled seq that it contains, exactly; a page that ends before names less."""
    replica = Replica(world, ADA, "notes")
    await replica.sync()
    for seq in (1, 2, 3):
        await world.push(ADA, Mutation(seq=seq, id="m", writes=[note(f"n{seq}", "ada")]))
    await world.push(ADA, Mutation(seq=4, id="m", writes=[note("n1", "ada")]))
    assert [(await replica.page(limit=1, device="d1")).settled for _ in range(3)] == [1, 2, 4]
    assert (await replica.page(device="d1")).settled == 4
    assert (await replica.page()).settled == 0
    assert (await replica.page(device="other")).settled == 0


async def test_settled_in_a_first_sync(world: World) -> None:
    """While a collection is sent whole nothing is promised; the last page tells."""
    await world.push(ADA, *[Mutation(seq=seq, id="m", writes=[note(f"n{seq}", "ada")]) for seq in (1, 2, 3)])
    replica = Replica(world, ADA, "notes")
    assert [(await replica.page(limit=2, device="d1")).settled for _ in range(2)] == [0, 3]


@pytest.mark.parametrize(
    ("kept", "end", "expected"),
    [
        ([(1, 5), (2, 6), (3, 0), (4, 9)], 7, 3),
        ([(1, 5), (2, 6)], 4, 0),
        ([(1, 5), (2, 6)], 8, 9),
        ([(7, 5), (8, 9)], 6, 7),
        ([(7, 8), (8, 9)], 6, 0),  # those before 7 are forgotten: where they ended is not known
        ([(7, 0)], 6, 0),
        ([], 6, 0),
    ],
)
def test_contained(kept: list[tuple[int, int]], end: int, expected: int) -> None:
    """What a page contains is known from the results that are kept, and never promised where they don't show it."""
    results = [
        Settled(seq=seq, status="applied" if revision else "refused", revision=revision) for seq, revision in kept
    ]
    assert contained(results, 9, end) == expected


# ------------------------------------------------------------------ any history


IDS = st.sampled_from("abcdef")
MEMBERS = st.lists(st.sampled_from(["ada", "ben"]), max_size=2)
ACTS: st.SearchStrategy[tuple[str, str, list[str]]] = st.one_of(
    st.tuples(st.just("create"), IDS, MEMBERS),
    st.tuples(st.just("patch"), IDS, MEMBERS),
    st.tuples(st.just("delete"), IDS, st.just([])),
)
STEPS = st.lists(st.one_of(st.lists(ACTS, min_size=1, max_size=4), st.integers(1, 4)), max_size=25)


@given(STEPS)
@settings(max_examples=40)
def test_any_history(tmp_path_factory: pytest.TempPathFactory, steps: list[Any]) -> None:
    """Whatever is written between the pages, of whatever size, a device ends level with what its user may see."""
    make: dict[str, Callable[..., Write]] = {
        "create": lambda id, members: note(id, *members),
        "patch": lambda id, members: patch("notes", id, members=members),
        "delete": lambda id, members: delete("notes", id),
    }

    async def run() -> None:
        async with opened(SqliteStorage(tmp_path_factory.mktemp("data")), ManualClock()) as world:
            replicas = [Replica(world, caller, "notes", "comments") for caller in (ADA, BEN)]
            for step in steps:
                if isinstance(step, int):
                    for replica in replicas:
                        await replica.page(step)
                else:
                    for act, id, members in step:
                        with suppress(Refusal):  # of what is there already, or is not
                            await world.write(make[act](id, members))
            for replica in replicas:
                await level(replica, 2)

    asyncio.run(run())
