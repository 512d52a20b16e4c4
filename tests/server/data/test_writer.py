"""The write path: groups, refusals, keys and what becomes of a write whose caller went away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId
from hinterland.contract.records import Document
from hinterland.contract.sync import Mutation
from hinterland.kit.clock import ManualClock
from hinterland.server.data import writer
from hinterland.server.data.requests import OF_SYSTEM, WriteRequest
from hinterland.server.data.writer import MAX_GROUP, Writer
from hinterland.server.security.sessions import Actor
from hinterland.server.storage.failures import Deadlock, OutcomeUnknown
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.system import ASSIGNED, Drop, Expect, PreconditionFailed, Put, RowAct
from tests.server.data.world import ADA, ADMIN, BEN, World, delete, note, opened, patch
from tests.server.data.writing import Stumbling, answered, ids, request, settle
from tests.server.refused import refused


async def test_a_group_of_large_records(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that come at once share a transaction only as far as their records are held in memory: those behind the
    bound are written next, in their order, on top of what came before."""
    monkeypatch.setattr(writer, "_GROUP_BYTES", 2_500)
    woken = 0

    def wake() -> None:
        nonlocal woken
        woken += 1

    await world.write(note("a", "ada", title="x" * 1_000, count=0))
    world.writer.wake = wake
    increments = [request(patch("notes", "a", count={"$increment": 1})) for _ in range(7)]
    assert await settle(world, *increments) == [""] * 7
    assert (await world.visible(ADA, "notes"))["notes", "", "a"]["count"] == 7
    assert woken == 3  # of three, three and one


async def test_concurrent_requests_share_a_transaction(world: World) -> None:
    """Requests that come at once are one commit each in the log, in their order, in one transaction or few."""
    begun = 0
    transaction = world.storage.transaction

    def counted() -> Any:
        nonlocal begun
        begun += 1
        return transaction()

    world.storage.transaction = counted  # type: ignore[method-assign]
    assert await settle(world, *(request(note(f"n{n:03}")) for n in range(MAX_GROUP + 1))) == [""] * (MAX_GROUP + 1)
    assert begun == 2
    log = await world.storage.log(0, 1_000)
    assert [(entry.id, entry.commit) for entry in log] == [(f"n{n:03}", n + 1) for n in range(MAX_GROUP + 1)]


@pytest.mark.parametrize(("given", "groups"), [((400,) * 4, [3, 1]), ((500, 500, 1), [2, 1]), ((500, 499, 1), [3])])
async def test_a_group_ends_when_it_holds_many_writes(world: World, given: Sequence[int], groups: list[int]) -> None:
    """Large requests don't pile up in one transaction, for which everybody else would wait: with 1,000 writes it is
    full."""
    large = [request(*(note(f"{n}-{m}") for m in range(size))) for n, size in enumerate(given)]
    sizes: list[int] = []
    write = world.writer._write_group

    async def watched(group: Any) -> None:
        sizes.append(len(group))
        await write(group)

    world.writer._write_group = watched  # type: ignore[method-assign]
    assert await settle(world, *large) == [""] * len(given)
    assert sizes == groups


async def test_a_refusal_ends_its_own_request_only(world: World) -> None:
    """In a group, what can't be done is refused, and what is around it is done."""
    outcomes = await settle(
        world,
        request(note("a", title="kept")),
        request(note("b", title=["no text"])),
        request(patch("notes", "nobody", title="x")),
        request(Write(act="create", collection="nowhere")),
        request(note("c"), patch("notes", "nobody", title="x")),
        request(note("d")),
    )
    assert outcomes == ["", "validation", "not_found", "unknown_collection", "not_found", ""]
    assert await ids(world, "notes") == ["a", "d"]


async def test_a_unique_clash_inside_a_group(world: World) -> None:
    """Of two records of one group that want the same unique value the first has it, and the others are not harmed."""
    outcomes = await settle(
        world, request(note("a", slug="s")), request(note("b")), request(note("c", slug="s")), request(note("d"))
    )
    assert outcomes == ["", "", "conflict", ""]
    assert await ids(world, "notes") == ["a", "b", "d"]


async def test_a_unique_value_that_is_given_up_in_the_same_group(world: World) -> None:
    """A value that an earlier request of the group gives up is free for a later one; and within one request too."""
    await world.write(note("a", slug="s"), note("b", slug="t"))
    outcomes = await settle(world, request(patch("notes", "a", slug=None)), request(note("c", slug="s")))
    assert outcomes == ["", ""]
    assert await settle(world, request(delete("notes", "b"), note("d", slug="t"))) == [""]


async def test_two_writes_of_one_record_in_a_group(world: World) -> None:
    """The second of a group sees what the first makes of the record, and the log tells both steps."""
    increments = [request(patch("notes", "a", count={"$increment": 1})) for _ in range(3)]
    assert await settle(world, request(note("a", count=1)), *increments) == [""] * 4
    log = await world.storage.log(0, 10)
    assert [entry.before and entry.before.revision for entry in log] == [None, 1, 2, 3]
    record = await world.storage.record("notes", "", "a")
    assert record is not None
    assert '"count":4' in record.body


async def test_a_precondition_inside_a_group(world: World) -> None:
    """An earlier request of the group makes a revision stale that was right before; no client can guess an unwritten
    record's revision."""
    await world.write(note("a"))
    fresh, stale, guess = (request(Write(act="patch", collection="notes", id="a", revision=n)) for n in (1, 1, 0))
    assert await settle(world, fresh, stale, guess) == ["", "stale", "stale"]


async def test_children_of_the_same_group_go_with_their_parent(world: World) -> None:
    """A record that is created below another in the group that deletes that one is deleted with it."""
    [post] = (await world.write(Write(act="create", collection="posts"))).records
    comment = Write(act="create", collection="comments", parent=f"posts/{post.id}", id="c", body={"text": "late"})
    assert await settle(world, request(comment), request(delete("posts", post.id))) == ["", ""]
    assert await ids(world, "comments") == []
    assert [entry.kind for entry in await world.storage.log(0, 10)] == ["create", "create", "delete", "delete"]


async def test_the_log_names_who_made_a_change(world: World) -> None:
    """The log names the account that made a change, cascades and pushes of a device included; "" is the system. Callers
    never read it."""
    post = Write(act="create", collection="posts", body={"title": "x"})
    [created] = (await world.write(post, caller=ADA)).records
    comment = Write(act="create", collection="comments", parent=f"posts/{created.id}", id="c", body={"text": "x"})
    await world.push(BEN, Mutation(seq=1, id="m1", writes=[comment]))
    await world.write(delete("posts", created.id))
    await world.writer.submit(WriteRequest([note("a", "ada")], rights=OF_SYSTEM))
    log = await world.storage.log(0, 10)
    assert [(entry.collection, entry.kind, entry.actor) for entry in log] == [
        ("posts", "create", "ada"),
        ("comments", "create", "ben"),
        ("comments", "delete", "admin/root"),
        ("posts", "delete", "admin/root"),
        ("notes", "create", ""),
    ]
    pulled = await world.pull(BEN, "posts", "comments")
    assert "ada" not in repr(pulled)


# ---------------------------------------------------------------- idempotency keys


async def test_the_same_key_and_request(world: World) -> None:
    """A repetition is not carried out: it gets the answer that was kept in the write's own transaction."""
    first = await world.writer.submit(request(note(""), key="k"))
    again = await world.writer.submit(request(note(""), key="k"))
    assert again.replayed
    assert (again.answer, again.revision) == (first.answer, first.revision) == (answered(first), 1)
    assert len(await ids(world, "notes")) == 1


async def test_the_same_key_for_another_request(world: World) -> None:
    """A key names one request: with another body it is refused, and nothing is written."""
    await world.writer.submit(request(note("a"), key="k"))
    with refused("key_reused"):
        await world.writer.submit(request(note("b"), key="k", body="other"))
    assert await ids(world, "notes") == ["a"]


async def test_anothers_key_is_another_key(world: World) -> None:
    """Two people may choose the same key, also at the same time."""
    await world.writer.submit(request(note("a"), key="k", caller=ADA))
    outcome = await world.writer.submit(request(note("b"), key="k", caller=BEN))
    assert not outcome.replayed
    at_once = [request(note(f"{caller.id}"), key="l", caller=caller) for caller in (ADA, BEN)]
    assert await settle(world, *at_once) == ["", ""]


async def test_a_refused_request_keeps_no_answer(world: World) -> None:
    """What was refused may be tried again under its key."""
    with refused("not_found"):
        await world.writer.submit(request(patch("notes", "a", title="x"), key="k"))
    await world.write(note("a"))
    assert not (await world.writer.submit(request(patch("notes", "a", title="x"), key="k"))).replayed


async def test_a_key_that_is_still_running(world: World) -> None:
    """While a request runs, its key is refused with a time to ask again; afterwards it gets the answer."""
    async with world.storage.transaction():
        first = asyncio.create_task(world.writer.submit(request(note("a"), key="k")))
        await asyncio.sleep(0)
        with refused("in_progress") as caught:
            await world.writer.submit(request(note("a"), key="k"))
        assert caught.value.retry_after
    await first
    assert (await world.writer.submit(request(note("a"), key="k"))).replayed


async def test_a_caller_that_gives_up_keeps_its_key(world: World) -> None:
    """A request whose caller stopped waiting is written once, and its key is taken until it is."""
    async with world.storage.transaction():
        first = asyncio.create_task(world.writer.submit(request(note(""), key="k")))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        with refused("in_progress"):
            await world.writer.submit(request(note(""), key="k"))
    await world.writer.drain()
    assert (await world.writer.submit(request(note(""), key="k"))).replayed
    assert len(await ids(world, "notes")) == 1


async def test_a_kept_answer_survives_a_restart(storage: Storage, clock: ManualClock) -> None:
    """After a restart the key still gives the stored answer."""
    async with opened(storage, clock) as world:
        first = await world.writer.submit(request(note(""), key="k"))
    again = type(storage)(storage.folder if hasattr(storage, "folder") else storage.dsn)  # type: ignore[attr-defined, call-arg]
    async with opened(again, clock) as world:
        outcome = await world.writer.submit(request(note(""), key="k"))
        assert (outcome.replayed, outcome.answer) == (True, first.answer)
        assert len(await ids(world, "notes")) == 1


async def test_one_key_on_two_processes(world: World) -> None:
    """Two processes that are given the same keyed request at once write it once."""
    other = Writer(world.storage, world.catalogue, world.clock)
    outcomes = await asyncio.gather(*(writer.submit(request(note(""), key="k")) for writer in (world.writer, other)))
    assert sorted(outcome.replayed for outcome in outcomes) == [False, True]
    assert len(await ids(world, "notes")) == 1


# ---------------------------------------------------------------- system rows


async def test_system_rows_change_with_the_records(world: World) -> None:
    """The rows that go with a write are written in its transaction, with the id that the record is given."""
    acts: list[RowAct] = [Put("_accounts", {"id": ASSIGNED, "roles": "[]"}), Drop("_meta", {"name": "x"})]
    outcome = await world.writer.submit(request(Write(act="create", collection="posts"), acts=acts, rights=OF_SYSTEM))
    [row] = await world.storage.rows("_accounts", {})
    assert row["id"] == str(outcome.records[0].id)


async def test_rows_that_drop_what_is_kept(world: World) -> None:
    """A request that deletes an account leaves nothing of it, its own kept answer included."""
    gone = Drop("_answers", {"caller": str(ADMIN.id)})
    await world.writer.submit(request(note("a"), key="k", acts=[gone], rights=OF_SYSTEM))
    assert await world.storage.rows("_answers", {}) == []


async def test_a_lost_race_undoes_its_own_request_only(world: World) -> None:
    """Where a precondition on a row does not hold, its request is undone and gets the error; the group's others are
    written."""
    expected = Expect("_accounts", {"id": "x"}, {"roles": "[]"})
    assert await settle(world, request(note("a"), acts=[expected]), request(note("b"))) == ["PreconditionFailed", ""]
    assert await ids(world, "notes") == ["b"]


async def test_rows_that_go_with_a_record(world: World) -> None:
    """What a collection's transaction hook says changes in the same transaction, for each record that is deleted."""

    def transaction_hook(id: RecordId, old: Document | None, new: Document | None, by: Actor) -> Sequence[RowAct]:
        assert by == "system"
        return [Put("_meta", {"name": str(id), "value": "gone"})] if new is None and old is not None else []

    writer = Writer(
        world.storage, world.catalogue, world.clock, {"posts": transaction_hook, "comments": transaction_hook}
    )
    [post] = (await world.write(Write(act="create", collection="posts"))).records
    await world.write(Write(act="create", collection="comments", parent=f"posts/{post.id}", id="c"))
    await writer.submit(request(delete("posts", post.id)))
    names = {row["name"] for row in await world.storage.rows("_meta", {"value": "gone"})}
    assert names == {str(post.id), "c"}


# ---------------------------------------------------------------- when the database fails


async def test_a_group_that_deadlocks_is_tried_one_by_one(lite: World) -> None:
    """Writers that waited for each other try again, alone, and succeed."""
    Stumbling(lite, Deadlock(), Deadlock(), Deadlock())
    assert await settle(lite, request(note("a")), request(note("b"))) == ["", ""]
    assert await ids(lite, "notes") == ["a", "b"]


async def test_endless_deadlocks(lite: World) -> None:
    """A request that deadlocks again and again is asked to retry, within a bound."""
    stumbling = Stumbling(lite, *(Deadlock() for _ in range(50)))
    assert await settle(lite, request(note("a"))) == ["unavailable"]
    assert stumbling.begun < 10
    Stumbling(lite, Deadlock(), Refusal("storage_full"))
    assert await settle(lite, request(note("b"))) == ["storage_full"]


async def test_an_unknown_outcome_is_never_written_twice(lite: World) -> None:
    """Where the database went away during the commit nobody writes again: each is asked to look."""
    stumbling = Stumbling(lite, OutcomeUnknown())
    assert await settle(lite, request(note("a")), request(note("b"))) == ["unavailable", "unavailable"]
    assert stumbling.begun == 1


async def test_a_mistake_of_ours_ends_its_own_request_only(lite: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug that one request meets is its own trouble: the others of the group are written."""
    shape = lite.catalogue["posts"].shape
    monkeypatch.setattr(shape, "new", lambda *_: 1 / 0)
    outcomes = await settle(
        lite, request(note("a")), request(Write(act="create", collection="posts")), request(note("b"))
    )
    assert outcomes == ["", "ZeroDivisionError", ""]
    assert await ids(lite, "notes") == ["a", "b"]


async def test_nobody_waits_for_ever(lite: World) -> None:
    """Whatever goes wrong around a group, each of its requests is answered."""
    Stumbling(lite, ValueError("strange"), ValueError("strange"))
    assert await settle(lite, request(note("a"))) == ["ValueError"]
    assert await settle(lite, request(note("a")), request(note("b"))) == ["internal", "internal"]


async def test_draining(lite: World) -> None:
    """Draining returns when everything that was submitted is settled."""
    await lite.writer.drain()
    answers = lite.writer.submit_all([request(note("a")), request(note("b"))])
    await lite.writer.drain()
    assert all(answer.done() for answer in answers)


async def test_a_lone_loser_is_reported(lite: World) -> None:
    """A request that lost a race alone gets that error, so that its caller looks again."""
    with pytest.raises(PreconditionFailed):
        await lite.writer.submit(request(note("a"), acts=[Expect("_accounts", {"id": "x"}, {"roles": "[]"})]))
