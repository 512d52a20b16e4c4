"""Mutations that a device withdraws because it can't get an answer to them."""

from __future__ import annotations

import asyncio

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.sync import Mutation, PushResult
from tests.server.data.world import ADA, ADMIN, World, note, patch


def mutation(seq: int, *writes: Write) -> Mutation:
    return Mutation(seq=seq, id=f"m{seq}", writes=[*writes])


def outcomes(result: PushResult) -> list[tuple[int, str, int]]:
    return [(settled.seq, settled.status, settled.revision) for settled in result.results]


@pytest.mark.parametrize("acknowledged", [0, 1])
async def test_a_withdrawal(world: World, acknowledged: int) -> None:
    """A mutation without writes settles its seq as withdrawn; the mutation itself, arriving later, hears that and is
    never applied. The next ones go on."""
    await world.push(ADA, mutation(1, note("a", "ada")))
    result = await world.push(ADA, mutation(2), mutation(3, note("b", "ada")), acknowledged=acknowledged)
    assert outcomes(result)[-2:] == [(2, "withdrawn", 0), (3, "applied", 2)]
    late = await world.push(ADA, mutation(2, note("late", "ada")), acknowledged=acknowledged)
    assert (outcomes(late), late.settled) == ([(2, "withdrawn", 0)], 3)
    assert await world.push(ADA, mutation(2), acknowledged=acknowledged) == late
    assert set(await world.visible(ADMIN, "notes")) == {("notes", "", "a"), ("notes", "", "b")}


async def test_a_withdrawal_of_what_is_settled(world: World) -> None:
    """The withdrawal of a settled mutation answers its outcome; one with another id is another store's: fork."""
    first = mutation(1, note("a", "ada"))
    once = await world.push(ADA, first, mutation(2, patch("notes", "nowhere", title="x")))
    assert await world.push(ADA, mutation(1), mutation(2)) == once
    with pytest.raises(Refusal) as caught:
        await world.push(ADA, Mutation(seq=1, id="other", writes=[]))
    assert caught.value.code == "fork"


async def test_a_withdrawal_and_its_mutation_at_once(world: World) -> None:
    """Of a mutation and its withdrawal that arrive at the same time one is settled, and both hear which."""
    for seq in range(1, 6):
        pair = [mutation(seq, note(f"n{seq}", "ada")), mutation(seq)]
        results = await asyncio.gather(*(world.push(ADA, each) for each in (pair if seq % 2 else pair[::-1])))
        assert results[0] == results[1]
        is_there = ("notes", "", f"n{seq}") in await world.visible(ADMIN, "notes")
        assert results[0].results[0].status == ("applied" if is_there else "withdrawn")
