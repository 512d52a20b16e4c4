"""What a caller may set, and that no answer tells what they can't read; on each database, by request and by push."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.identity import Principal
from hinterland.contract.records import Collection, Rules, users
from hinterland.contract.sync import Mutation, Settled
from hinterland.kit.clock import ManualClock
from hinterland.server.storage.protocol import Storage
from tests.server.data.acts import make, put, read
from tests.server.data.world import ADA, BEN, World, delete, opened, patch
from tests.server.refused import refused

BOSS = "auth.id == 'boss'"
STAFF = Collection(
    name="staff",
    fields={
        "owner": Text(),
        "salary": Integer(read=BOSS, minimum=0, maximum=1_000, merge="counter"),
        "bonus": Number(read=BOSS, maximum=10.0),
        "total": Int64(read=BOSS),
        "perks": List(of=Text(), read=BOSS, max_items=2, merge="set"),
        "hired": Instant(read=BOSS),
        "grade": Integer(read=BOSS, write="admin"),
        "rank": Integer(write="admin", merge="counter"),
        "badges": List(of=Text(), write="admin", merge="set"),
        "since": Instant(write="admin"),
        "facts": Json(write="admin"),
        "points": Integer(maximum=100, merge="counter"),
        "title": Text(required=True, max_length=10),
    },
    rules=Rules(list="true", view="true", create="true", update="auth.id == old.owner && auth.id == record.owner"),
)
SHARED = Collection(
    name="shared",
    fields={"owner": Text(), "open": Text(), "count": Integer(merge="counter"),
            "secret": Integer(merge="counter", read="record.open == 'yes'"), "text": Text(merge="server")},
    rules=Rules(list="record.owner == auth.id", view="record.owner == auth.id", create="true", update="true",
                delete="record.owner == auth.id"),
)  # fmt: skip
FIRST: dict[str, Any] = {
    "owner": "ada", "salary": 990, "bonus": 9.5, "total": str(2**63 - 10), "perks": ["car"], "grade": 7, "rank": 100,
    "badges": ["a"], "since": "2026-01-01T00:00:00Z", "facts": True, "points": 95, "title": "clerk",
}  # fmt: skip


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database, with one record of the staff."""
    async with opened(storage, clock, [users(), STAFF, SHARED]) as made:
        await made.write(make("staff", "x", **FIRST))
        yield made


async def push(world: World, caller: Principal, write: Write, base: int, device: str) -> Settled:
    """The outcome of a write that a new device pushes."""
    mutation = Mutation(seq=1, id="m1", writes=[write], base=[base])
    return (await world.push(caller, mutation, device=device)).results[0]


async def answer(world: World, caller: Principal, write: Write, device: str = "") -> tuple[Any, ...]:
    """All that the caller learns of a write: by request, or by a push from `device`."""
    try:
        if not device:
            await world.write(write, caller=caller)
            return ("applied",)
        settled = await push(world, caller, write, 1, device)
    except Refusal as refusal:
        return refusal.code, refusal.message, tuple(refusal.errors)
    problem = settled.problem
    return ("applied",) if problem is None else (problem.code, problem.message, tuple(problem.errors))


async def answers(world: World, caller: Principal, bodies: Sequence[dict[str, Any]]) -> set[tuple[Any, ...]]:
    """The different answers to patches of these bodies, by request and by push."""
    found: set[tuple[Any, ...]] = set()
    for number, body in enumerate(bodies):
        found.add(await answer(world, caller, patch("staff", "x", **body)))
        found.add(await answer(world, caller, patch("staff", "x", **body), f"d{number}"))
    return found


# ---------------------------------------------------------------- admin-only fields


async def test_guarded_fields_do_not_merge(world: World) -> None:
    """Who repeats the value of a field that administrators set changes nothing, over whatever base."""
    await world.write(patch("staff", "x", rank=150, badges=["a", "b"]))
    for number in range(2):
        write = patch("staff", "x", rank=150, badges=["a", "b"], title=f"t{number}")
        assert (await push(world, ADA, write, 1, f"d{number}")).status == "applied"
    record = await read(world, "staff", "x")
    assert (record["rank"], record["badges"], record["title"]) == (150, ["a", "b"], "t1")


@pytest.mark.parametrize(
    "body",
    [{"rank": 101}, {"rank": {"$increment": 0}}, {"badges": {"$add": []}}, {"badges": {"$remove": ["z"]}},
     {"since": {"$now": True}}, {"rank": None}, {"badges": []}, {"facts": 1}, {"facts": [True]}],
)  # fmt: skip
async def test_guarded_fields_are_refused(world: World, body: dict[str, Any]) -> None:
    """Nobody but administrators sets an admin-only field: neither with a value nor with a transform that changes
    nothing, by request, PUT or push; 1 is not true."""
    [name] = body
    assert await answers(world, ADA, [body]) == {
        ("validation", f"{name}: can only be set by an administrator", (name,))
    }
    with refused("validation", "can only be set by an administrator"):
        await world.write(put("staff", "x", **body, title="new"), caller=ADA)
    record = await read(world, "staff", "x")
    assert {key: record[key] for key in ("rank", "badges", "facts")} == {"rank": 100, "badges": ["a"], "facts": True}


async def test_a_read_record_can_be_put_back(world: World) -> None:
    """A record may be sent back with the admin-only fields that it came with, in any form of their values; the stored
    form stays."""
    await world.write(patch("staff", "x", facts={"a": 1.0, "b": [True]}))
    shown = await read(world, "staff", "x", caller=ADA)
    body = {name: value for name, value in shown.items() if name in STAFF.fields}
    body |= {"facts": {"a": 1, "b": [True]}, "since": "2026-01-01T01:00:00+01:00", "rank": 100.0, "title": "new"}
    await world.write(put("staff", "x", **body), caller=ADA)
    record = await read(world, "staff", "x")
    assert repr(record["facts"]["a"]) == "1.0"
    assert (record["rank"], record["salary"], record["title"]) == (100, 990, "new")


async def test_administrators_merge_guarded_fields(world: World) -> None:
    """Between administrators' devices an admin-only field merges as it declares."""
    root = Principal(id="root", is_admin=True)
    await world.write(patch("staff", "x", rank=150))
    await push(world, root, patch("staff", "x", rank=101), 1, "d1")
    assert (await read(world, "staff", "x"))["rank"] == 151


async def test_a_field_both_hidden_and_guarded(world: World) -> None:
    """A guess at a field that is hidden and admin-only is refused alike, right or wrong."""
    guesses: list[dict[str, Any]] = [{"grade": value} for value in (7, 8, None, 7.0, "7", True, {"$increment": 1})]
    for caller in (ADA, BEN):
        reported = {("validation", "grade: can only be set by an administrator", ("grade",))}
        assert await answers(world, caller, guesses) == reported


# ---------------------------------------------------------------- hidden fields

PROBES: dict[str, list[Any]] = {
    "salary": [{"$increment": n} for n in (0, 10, 11, -990, -991, 2**53)],
    "bonus": [{"$increment": n} for n in (0.5, 0.6)],
    "total": [{"$increment": n} for n in (9, 10, "9", 2**62)],
    "perks": [{tag: items} for tag in ("$add", "$remove") for items in ([], ["car"], ["a"], ["a", "b"])],
    "hired": [{"$now": True}],
}


@pytest.mark.parametrize("name", PROBES)
async def test_transforms_of_hidden_fields(world: World, name: str) -> None:
    """A transform of a field that the caller can't read is refused with the same words, whatever it would give; with
    the right to update or without it."""
    for caller in (ADA, BEN):
        reported = await answers(world, caller, [{name: probe} for probe in PROBES[name]])
        message = f"{name}: can't be transformed; it is hidden from you, so send a value"
        assert reported == {("validation", message, (name,))}
    assert (await read(world, "staff", "x"))["revision"] == 1


async def test_hidden_fields_do_not_merge(world: World) -> None:
    """An edit of a field that the caller can't read is taken as it is, and never reported as lost: a right guess and a
    wrong one, of a counter, a set and a plain field, get the same answer."""
    await world.write(patch("staff", "x", salary=500, perks=["bus"], bonus=1.5))
    for number, value in enumerate((500, 990, 7)):
        write = patch("staff", "x", salary=value, perks=[f"p{number}"], bonus=1.5)
        settled = await push(world, ADA, write, 1, f"d{number}")
        assert (settled.status, settled.lost) == ("applied", [])
        record = await read(world, "staff", "x")
        assert (record["salary"], record["perks"]) == (value, [f"p{number}"])


async def test_the_rule_before_the_result(world: World) -> None:
    """A caller who may not change a record gets that answer, whatever the result would be; one who may gets what is
    wrong with it."""
    probes: list[dict[str, Any]] = [{"points": {"$increment": n}} for n in (5, 6)]
    probes += [{"points": 96}, {"title": None}, {"title": "x" * 11}, {"what": 1}]
    assert {code for code, *_ in await answers(world, BEN, probes)} == {"forbidden"}
    with refused("forbidden"):
        await world.write(put("staff", "x", owner="ben"), caller=BEN)
    await world.write(patch("staff", "x", points=96))
    with refused("validation", "points: must be between"):
        await world.write(patch("staff", "x", points={"$increment": 5}), caller=ADA)
    with refused("validation", "title: is required"):
        await world.write(put("staff", "x", owner="ada"), caller=ADA)


# ---------------------------------------------------------------- what a base tells


async def test_a_base_that_was_hidden(world: World) -> None:
    """A base at which the caller could not see the record counts as none: nothing of it is in the merged value."""
    await world.write(make("shared", "s", owner="boss", count=777, text="internal"))
    base = (await world.storage.head()).revision
    await world.write(patch("shared", "s", owner="ada", count=5, text="public"))
    settled = await push(world, ADA, patch("shared", "s", count=0, text="mine"), base, "d1")
    assert settled.lost == []
    record = await read(world, "shared", "s")
    assert (record["count"], record["text"]) == (0, "mine")


async def test_a_delete_over_a_base_that_was_hidden(world: World) -> None:
    """And so it does for a delete: it is not weighed against what others did meanwhile."""
    await world.write(make("shared", "s", owner="boss"))
    base = (await world.storage.head()).revision
    await world.write(patch("shared", "s", owner="ada"))
    late = Mutation(seq=1, id="m1", writes=[delete("shared", "s")], base=[base], timestamp=world.clock.now() - 50)
    assert [settled.lost for settled in (await world.push(ADA, late)).results] == [[]]
    assert await read(world, "shared", "s") is None


async def test_a_field_that_was_hidden_at_the_base(world: World) -> None:
    """The same of a field that the caller could not read then, though they can read it now."""
    await world.write(make("shared", "s", owner="ada", open="no", secret=777, count=10))
    base = (await world.storage.head()).revision
    await world.write(patch("shared", "s", open="yes", secret=5, count=20))
    await push(world, ADA, patch("shared", "s", secret=0, count=11), base, "d1")
    record = await read(world, "shared", "s")
    assert (record["secret"], record["count"]) == (0, 21)


async def test_a_field_that_is_hidden_since_the_base(world: World) -> None:
    """And of a field that the caller could read then and can't read now."""
    await world.write(make("shared", "s", owner="ada", open="yes", secret=5))
    base = (await world.storage.head()).revision
    await world.write(patch("shared", "s", open="no", secret=777))
    await push(world, ADA, patch("shared", "s", secret=6), base, "d1")
    assert (await read(world, "shared", "s"))["secret"] == 6


async def test_the_revision_of_a_hidden_record(world: World) -> None:
    """A creation with the id of a record that the caller can't see is a conflict, whatever revision it names."""
    await world.write(make("shared", "s", owner="boss"))
    revision = (await world.storage.head()).revision
    for named in (revision, revision + 1):
        with refused("stale"):
            await world.write(Write(act="create", collection="shared", id="s", revision=named), caller=ADA)
    with refused("conflict"):
        await world.write(make("shared", "s"), caller=ADA)
