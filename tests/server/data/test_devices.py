"""A device's queue, and copies of its store that go on as other devices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection, Document, users
from hinterland.contract.sync import Mutation, Settled
from hinterland.kit.clock import ManualClock
from hinterland.server.hooks import BeforeWrite
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from tests.server.data.world import ADA, BEN, World, delete, note, opened, patch

FIRST = (note("a", "ada", count=1), patch("notes", "a", count={"$increment": 5}), note("b", "ada", title="b"))


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database."""
    async with opened(storage, clock) as made:
        yield made


def queue(*writes: Write, first: int = 1, base: int | None = None) -> list[Mutation]:
    """A device's mutations, whose ids go with what they write."""
    return [
        Mutation(seq=seq, id=f"id of {write.act} {write.id}", writes=[write], base=[] if base is None else [base])
        for seq, write in enumerate(writes, first)
    ]


async def counted(world: World) -> tuple[int, int]:
    """The counter of the note `a`, and the database's revision."""
    return (await world.visible(ADA, "notes"))["notes", "", "a"]["count"], (await world.storage.head()).revision


async def outcomes(world: World, *mutations: Mutation, device: str) -> list[Settled]:
    """What a push of an unknown device hears."""
    return (await world.push(ADA, *mutations, device=device)).results


async def test_a_copy_hears_the_old_outcomes(world: World) -> None:
    """A copy of a store that pushes what the original did, as a device of its own, in another order and with other
    bases, hears the same outcomes, and nothing is done twice."""
    first = await outcomes(world, *queue(*FIRST, note("c", "ben"), delete("notes", "none")), device="d1")
    assert [outcome.status for outcome in first] == ["applied"] * 4 + ["refused"]
    before = await counted(world)
    again = await outcomes(world, *queue(delete("notes", "none"), *FIRST, base=7), device="copy")
    assert [outcome.seq for outcome in again] == [1, 2, 3, 4]
    assert [(outcome.status, outcome.revision) for outcome in again[1:]] == [
        ("applied", outcome.revision) for outcome in first[:3]
    ]
    assert again[0].problem == first[4].problem
    assert await counted(world) == before
    # An answer that was lost is given again, and the copy goes on with its own.
    assert await outcomes(world, *queue(delete("notes", "none"), *FIRST, base=7), device="copy") == again
    (new,) = await outcomes(world, *queue(patch("notes", "b", title="new"), first=5), device="copy")
    assert new.status == "applied"


async def test_acknowledged_outcomes_are_heard_too(world: World) -> None:
    """What the original has acknowledged is still known to a backup that is restored later."""
    await world.push(ADA, *queue(*FIRST), device="d1")
    await world.push(ADA, *queue(delete("notes", "b"), first=4), device="d1", acknowledged=3)
    before = await counted(world)
    assert [outcome.status for outcome in await outcomes(world, *queue(*FIRST), device="restored")] == ["applied"] * 3
    assert await counted(world) == before


async def test_a_copy_in_the_same_group(world: World) -> None:
    """Two copies that push the same at the same time do it once."""
    await world.push(ADA, *queue(note("a", "ada", count=1)), device="d1")
    change = queue(patch("notes", "a", count={"$increment": 5}))
    results = await asyncio.gather(*(outcomes(world, *change, device=f"copy{number}") for number in range(5)))
    assert {outcome.revision for (outcome,) in results} == {2}
    assert await counted(world) == (6, 2)


async def test_copies_at_two_processes(postgres_dsn: str, clock: ManualClock) -> None:
    """Two copies that push the same to two processes at the same time do it once."""
    async with (
        opened(PostgresStorage(postgres_dsn, connections=4), clock) as one,
        opened(PostgresStorage(postgres_dsn, connections=4), clock) as other,
    ):
        await one.push(ADA, *queue(note("a", "ada", count=0)), device="d1")
        for number in range(1, 11):
            change = Mutation(seq=1, id=f"m{number}", writes=[patch("notes", "a", count={"$increment": 1})])
            tries = [outcomes(world, change, device=f"{name}{number}") for name, world in (("x", one), ("y", other))]
            (first,), (second,) = await asyncio.gather(*tries)
            assert first.revision == second.revision
        assert (await counted(one))[0] == 10


async def test_an_edited_copy_is_another_mutation(world: World) -> None:
    """What was edited after the copy was made is decided for itself."""
    await world.push(ADA, *queue(note("a", "ada", count=1), patch("notes", "a", title="one")), device="d1")
    edited = queue(note("a", "ada", count=1), patch("notes", "a", title="two"))
    assert [outcome.status for outcome in await outcomes(world, *edited, device="copy")] == ["applied", "applied"]
    assert (await world.visible(ADA, "notes"))["notes", "", "a"]["title"] == "two"


async def test_another_accounts_mutations_are_others(world: World) -> None:
    """A mutation's id is its account's: what somebody else sent under it is unknown."""
    await world.push(ADA, *queue(note("a", "ada", count=1)), device="d1")
    (outcome,) = (await world.push(BEN, *queue(note("a", "ben")), device="d1")).results
    assert (outcome.status, outcome.problem and outcome.problem.code) == ("refused", "conflict")


async def test_a_withdrawn_mutation_of_a_copy(world: World) -> None:
    """What one copy withdrew is never applied for another; what was applied is answered to one that withdraws it."""
    await world.push(ADA, Mutation(seq=1, id="m1", writes=[]), device="d1")
    (outcome,) = await outcomes(world, Mutation(seq=1, id="m1", writes=[note("a", "ada")]), device="copy")
    assert outcome.status == "withdrawn"
    await world.push(ADA, Mutation(seq=2, id="m2", writes=[note("b", "ada")]), device="d1")
    (outcome,) = await outcomes(world, Mutation(seq=2, id="m2", writes=[]), device="copy")
    assert outcome.status == "applied"
    assert [*await world.visible(ADA, "notes")] == [("notes", "", "b")]


async def test_a_create_that_meets_its_own_equal(world: World) -> None:
    """A create of a record that is there word by word, and that its caller sees, is applied, when the log and the old
    outcomes are long forgotten too; with other content it is a conflict, and so it is for who does not see the
    record."""
    await world.push(ADA, *queue(note("a", "ada", count=1)), device="d1")
    await world.storage.prune(world.clock.now() + 1)
    again = Mutation(seq=1, id="anew", writes=[note("a", "ada", count=1)])
    (outcome,) = await outcomes(world, again, device="d2")
    assert (outcome.status, outcome.revision) == ("applied", 1)
    other = Mutation(seq=2, id="other", writes=[note("a", "ada", count=2)])
    (outcome,) = await outcomes(world, other, device="d2")
    assert (outcome.status, outcome.problem and outcome.problem.code) == ("refused", "conflict")
    (outcome,) = (await world.push(BEN, again, device="d1")).results
    assert (outcome.status, outcome.problem and outcome.problem.code) == ("refused", "conflict")
    with pytest.raises(Refusal, match="already exists"):
        await world.write(note("a", "ada", count=1), caller=ADA)


async def test_equal_creates_at_once(world: World) -> None:
    """Of two devices that create the same at once both hear the revision that it got."""
    pushes = [
        world.push(ADA, Mutation(seq=1, id=device, writes=[note("a", "ada")]), device=device) for device in ("d1", "d2")
    ]
    heard = [result.results[0] for result in await asyncio.gather(*pushes)]
    assert [(outcome.status, outcome.revision) for outcome in heard] == [("applied", 1)] * 2


async def test_creates_that_meet_their_equals(world: World) -> None:
    """The revision of creates that are there already is that of the last one written, in whichever order they come."""
    await world.push(ADA, *queue(note("a", "ada"), note("b", "ada")), device="d1")
    await world.storage.prune(world.clock.now() + 1)
    again = Mutation(seq=1, id="anew", writes=[note("b", "ada"), note("a", "ada")])
    (outcome,) = await outcomes(world, again, device="d2")
    assert (outcome.status, outcome.revision) == ("applied", 2)


async def test_a_repeated_create_confirms_no_guess(storage: Storage, clock: ManualClock) -> None:
    """A create of a record that is there is answered the same whatever it guesses of fields that are hidden from its
    sender: a conflict where it sends one, applied where it sends what the sender sees alone."""
    vault = Collection(name="vault", fields={"label": Text(), "pin": Text(read="auth.id == 'ada'")}, rules=EVERYBODY)
    async with opened(storage, clock, [users(), vault]) as world:
        body = {"label": "door", "pin": "1234"}
        create = Write(act="create", collection="vault", id="a", body=body)
        await world.push(ADA, Mutation(seq=1, id="m", writes=[create]))
        sent = [body, body | {"pin": "9999"}, body | {"pin": None}, {"label": "door"}, {"label": "gate"}]
        tries = [
            Mutation(seq=seq, id=f"m{seq}", writes=[msgspec.structs.replace(create, body=each)])
            for seq, each in enumerate(sent, 1)
        ]
        reported = [outcome.status for outcome in (await world.push(BEN, *tries)).results]
        assert reported == ["refused", "refused", "refused", "applied", "refused"]
        own = [outcome.status for outcome in (await world.push(ADA, *tries[:3], device="d2")).results]
        assert own == ["applied", "refused", "refused"]


async def test_a_repeated_create_with_hooks(storage: Storage, clock: ManualClock) -> None:
    """A hidden field that a hook sets is not one that the sender sends: the repeated create is applied."""

    async def hook(write: BeforeWrite) -> Document:
        return write.body | {"pin": "1234"}

    vault = Collection(name="vault", fields={"label": Text(), "pin": Text(read="auth.id == 'ada'")}, rules=EVERYBODY)
    async with opened(storage, clock, [users(), vault]) as world:
        world.hooks.add_before("vault", ("create",), hook)
        create = Write(act="create", collection="vault", id="a", body={"label": "door"})
        await world.push(BEN, Mutation(seq=1, id="m", writes=[create]), device="d1")
        await world.storage.prune(world.clock.now() + 1)
        again = await world.push(BEN, Mutation(seq=1, id="anew", writes=[create]), device="d2")
        assert [(outcome.status, outcome.revision) for outcome in again.results] == [("applied", 1)]


async def test_outcomes_by_id_go_with_the_log(world: World) -> None:
    """The outcomes that copies ask for are kept as long as the log, and those of the device itself without end."""
    await world.push(ADA, *queue(*FIRST), device="d1")
    await world.storage.prune(world.clock.now() - 1)
    assert len(await world.storage.rows("_mutations", {})) == 3
    await world.storage.prune(world.clock.now() + 1)
    assert await world.storage.rows("_mutations", {}) == []
    before = await counted(world)
    assert [outcome.status for outcome in await outcomes(world, *queue(*FIRST), device="d1")] == ["applied"] * 3
    assert await counted(world) == before
