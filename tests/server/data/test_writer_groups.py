"""Requests of one group: what clashes between them, what is decided again, and who is gone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId
from hinterland.contract.records import Document
from hinterland.contract.sync import Mutation
from hinterland.server.data import writer
from hinterland.server.data.plan import Plan
from hinterland.server.data.push import request_of
from hinterland.server.data.requests import OUTDATED, HookedWrite, HooksOutdated, Times
from hinterland.server.data.state import Deferred
from hinterland.server.data.steps import step_of
from hinterland.server.security.sessions import Actor
from hinterland.server.storage.failures import Deadlock
from hinterland.server.storage.system import Put, RowAct
from tests.server.data.world import ADA, ADMIN, HANGING, World, delete, note, patch
from tests.server.data.writing import Stumbling, ids, request, settle
from tests.server.refused import refused


async def test_a_record_that_a_request_writes_again_and_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked for once under a unique value that it keeps, so that each write costs the same."""
    plans: list[Plan] = []

    class Kept(Plan):
        async def run(self) -> Plan:
            plans.append(self)
            return await super().run()

    monkeypatch.setattr(writer, "Plan", Kept)
    await world.write(note("a", slug="s"), *[patch("notes", "a", count=number) for number in range(50)])
    await world.write(*[patch("notes", "a", slug=slug) for slug in "stst"], note("b", slug="s"))
    held = [{value[2]: [key[2] for key in keys] for value, keys in plan.holders.items()} for plan in plans]
    assert held == [{"s": ["a"]}, {"s": ["a", "b"], "t": ["a"]}]


async def test_unique_clashes_are_found_before_anything_is_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clash between requests of a group, or inside one, is a refusal of its own request: the group is not tried again
    one by one. A value that is given up, moved on or never committed is free, null clashes with nothing."""
    await world.write(note("a", slug="s"), note("b", slug="t"))
    write, sizes = world.writer._write_group, []

    async def watched(group: Any) -> None:
        sizes.append(len(group))
        await write(group)

    monkeypatch.setattr(world.writer, "_write_group", watched)
    outcomes = await settle(
        world,
        request(note("c", slug="u"), note("d", slug="u")),
        request(note("c", slug="u"), note("e"), note("f")),
        request(note("d", slug="u")),
        request(patch("notes", "c", slug="v"), note("d", slug="u")),
        request(patch("notes", "a", slug="t")),
        request(patch("notes", "a", slug="x"), patch("notes", "b", slug="s"), patch("notes", "a", slug="t")),
        request(delete("notes", "b"), note("g", slug="s")),
        request(note("b", slug="s")),
        request(note("h", slug="S")),
    )
    assert outcomes == ["conflict", "", "conflict", "", "conflict", "", "", "conflict", ""]
    assert sizes == [9]
    slugs = await world.storage.fetch("SELECT id, slug FROM notes ORDER BY id")
    assert [*map(tuple, slugs)] == [
        ("a", "t"), ("c", "v"), ("d", "u"), ("e", None), ("f", None), ("g", "s"), ("h", "S"),
    ]  # fmt: skip


async def test_a_caller_that_is_gone_before_its_turn(lite: World) -> None:
    """A request that nobody waits for any longer is not begun, nor is a transaction for it."""
    stumbling = Stumbling(lite)
    gone = lite.writer.submit_all([request(note("a")), request(note("b"))])
    for answer in gone:
        answer.cancel()
    await lite.writer.drain()
    assert stumbling.begun == 0
    answers = lite.writer.submit_all([request(note("a")), request(note("b")), request(note("c"))])
    answers[1].cancel()
    await lite.writer.drain()
    assert await ids(lite, "notes") == ["a", "c"]


async def test_a_refused_caller_that_is_gone(lite: World) -> None:
    """A request that is refused when its caller is gone already keeps nobody else of its group from the answer."""
    async with lite.storage.transaction():
        answers = lite.writer.submit_all([request(patch("notes", id, title="x")) for id in ("a", "b")])
        await asyncio.sleep(0)  # until the group waits for its transaction
        answers[0].cancel()
    await lite.writer.drain()
    assert answers[1].done()
    with refused("not_found"):
        answers[1].result()


async def test_what_is_deferred_stays_in_front(lite: World) -> None:
    """A request that goes into the next group, and those behind it, come before what was submitted later."""
    step = Mutation(seq=1, id="m", writes=[note("a", "ada")])
    pushed = request_of(ADA, step_of("ada", "d1", step), step)
    async with lite.storage.transaction():
        answers = lite.writer.submit_all([pushed, pushed, request(note("b"))])
        await asyncio.sleep(0)  # until the group waits for its transaction
        answers += lite.writer.submit_all([request(note("c"))])
    results = await asyncio.gather(*answers)
    assert [result.replayed for result in results] == [False, True, False, False]
    assert [entry.id for entry in await lite.storage.log(0, 9)] == ["a", "b", "c"]


async def test_who_waits_for_changes_is_woken(lite: World) -> None:
    """A group wakes those who wait for changes where one of its requests makes some, also where it is tried again; one
    that writes system rows alone does not."""
    woken: list[int] = []
    lite.writer.wake = lambda: woken.append(1)
    rows = request(acts=[Put("_meta", {"name": "x", "value": "y"})])
    assert await settle(lite, rows) == [""]
    assert len(woken) == 0
    assert await settle(lite, request(note("a")), rows) == ["", ""]
    assert len(woken) == 1
    Stumbling(lite, Deadlock())
    assert await settle(lite, request(note("b"))) == [""]
    assert len(woken) == 2


async def test_a_passing_mistake(lite: World) -> None:
    """A request of a group that could not be decided once, for whatever reason, is decided again before it fails."""
    mistakes = [ValueError("for a while")]

    def stumbling(id: RecordId, old: Document | None, new: Document | None, by: Actor) -> list[RowAct]:
        if mistakes:
            raise mistakes.pop()
        return []

    lite.writer.transaction_hooks = {"posts": stumbling}
    post = request(Write(act="create", collection="posts"))
    assert await settle(lite, request(note("a")), post, request(note("b"))) == [""] * 3


async def test_a_failed_hook_in_a_group(lite: World) -> None:
    """A request whose hook failed has its outcome already: its group is not tried again for it, and a rehearsal ends
    with it."""
    failed = request(note("a"), refusal=Refusal("internal"))
    stumbling = Stumbling(lite)
    assert await settle(lite, failed, request(note("b"))) == ["internal", ""]
    assert stumbling.begun == 1
    with refused("internal"):
        await lite.writer.rehearse([failed])


async def test_a_write_that_no_hook_saw(lite: World) -> None:
    """A write of which is known that its hooks did not run is not written, whatever it does."""
    with pytest.raises(HooksOutdated):
        await lite.writer.submit(request(note("a"), hooked={0: HookedWrite(OUTDATED)}))
    assert await ids(lite, "notes") == []


async def test_a_group_that_is_decided_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a group that the database refused as a whole, each request is decided again as if it had never been before:
    counters, sets, unique values, ids and steps are as one decision makes them."""
    await world.write(note("a", "ada", slug="s", count=1, tags=["x"]))
    write, failures = world.writer._write, [Deadlock()]

    async def stumbling(*arguments: Any) -> Any:
        outcomes = await write(*arguments)
        if failures:
            raise failures.pop()
        return outcomes

    monkeypatch.setattr(world.writer, "_write", stumbling)
    mutations = [
        Mutation(seq=1, id="m1", writes=[patch("notes", "a", count={"$increment": 1}), note("b", "ada", slug="t")]),
        Mutation(seq=2, id="m2", writes=[note("c", "ada", slug="t")]),
        Mutation(seq=3, id="m3", writes=[Write(act="create", collection="posts", id="~1"), note("d", "ada")]),
    ]
    pushed, outcomes = await asyncio.gather(
        world.push(ADA, *mutations),
        settle(
            world,
            request(patch("notes", "a", count={"$increment": 1}, tags={"$add": ["y"]}, slug="u")),
            request(note("e", slug="s")),
            request(note("f", slug="u")),
        ),
    )
    assert not failures
    assert [result.status for result in pushed.results] == ["applied", "refused", "applied"]
    assert outcomes == ["", "", "conflict"]
    changed = (await world.visible(ADA, "notes"))["notes", "", "a"]
    assert (changed["count"], changed["tags"], changed["slug"]) == (3, ["x", "y"], "u")
    assert await ids(world, "notes") == ["a", "b", "d", "e"]
    assert pushed.results[2].ids == {0: (await ids(world, "posts"))[0]}


async def test_an_error_while_a_refusal_is_kept(lite: World) -> None:
    """Where the outcome of a step that the database refuses can't be written for a while, its caller is asked to
    retry, and the group's others are written."""
    async with lite.storage.transaction() as transaction:
        await transaction.execute("CREATE UNIQUE INDEX own ON notes (title)")  # type: ignore[attr-defined]
    clash = Mutation(seq=1, id="m", writes=[note("a", title="t"), note("b", title="t")])
    step = request_of(ADMIN, step_of("ada", "d1", clash), clash)
    tries = 7  # in the group, alone, and again
    Stumbling(lite, *[None] * tries, Deadlock())
    assert await settle(lite, step, request(note("c"))) == ["unavailable", ""]
    assert await settle(lite, step) == [""]
    assert await ids(lite, "notes") == ["c"]


async def test_a_deferral_without_an_end(lite: World) -> None:
    """A request that is deferred though nothing was written before it is answered with an error: it is not tried for
    ever, and the others of the group are written."""

    def deferring(id: RecordId, old: Document | None, new: Document | None, by: Actor) -> list[RowAct]:
        raise Deferred

    lite.writer.transaction_hooks = {"posts": deferring}
    endless = request(Write(act="create", collection="posts"))
    async with asyncio.timeout(HANGING):
        assert await settle(lite, request(note("a")), endless, request(note("b"))) == ["", "RuntimeError", ""]
    assert await ids(lite, "notes") == ["a", "b"]


async def test_a_caller_that_gives_up_meanwhile(lite: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request of many writes whose caller gives up is not decided to its end, and nothing of it is written; those of
    its group are."""
    decided, decide = 0, Plan._decide

    async def counting(plan: Plan, write: Write, index: int, base: int | None, times: Times | None) -> None:
        nonlocal decided
        decided += 1
        if decided == 30:
            answers[0].cancel()
        await decide(plan, write, index, base, times)

    monkeypatch.setattr(Plan, "_decide", counting)
    answers = lite.writer.submit_all([request(*[note(f"n{n}") for n in range(500)]), request(note("z"))])
    await lite.writer.drain()
    assert decided < 100
    assert await ids(lite, "notes") == ["z"]
