"""The ids of new records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from hinterland.contract.identity import IdMaker, first_id
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.kit.clock import ManualClock
from hinterland.server.storage.protocol import Storage
from tests.server.data.acts import OPEN, make
from tests.server.data.world import World, opened

BELOW = Collection(name="below", fields={}, rules=EVERYBODY, parent="open")
DAY = 86_400


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database."""
    async with opened(storage, clock, [OPEN, BELOW]) as made:
        yield made


async def ids(world: World, collection: str = "open") -> list[str]:
    """The ids of a collection in the default order, those that were chosen left out."""
    async with world.storage.snapshot() as snapshot:
        rows = await snapshot.fetch(f"SELECT id FROM {collection} ORDER BY id")
    return [row[0] for row in rows if IdMaker.is_own(row[0])]


async def created(world: World, collection: str = "open", parent: str = "") -> str:
    """A new record's id."""
    outcome = await world.write(make(collection, parent=parent))
    return str(outcome.records[0].id)


async def test_the_default_order_is_that_of_creation(world: World, clock: ManualClock) -> None:
    """Records come in the order of their creation: those of one moment, those of one commit, those after the clock was
    set back, and those of a process that started after that."""
    made = [await created(world) for _ in range(3)]
    outcome = await world.write(*(make("open") for _ in range(5)))
    made += [str(record.id) for record in outcome.records]
    for _ in range(3):
        clock.jump(-DAY)
        made.append(await created(world))
    again = World(world.storage, [OPEN, BELOW], clock)
    made += [await created(again), await created(again)]
    clock.jump(10 * DAY)
    made.append(await created(again))
    assert await ids(world) == made
    assert made[-1].startswith(first_id(clock.now()))


async def test_the_order_below_a_record(world: World, clock: ManualClock) -> None:
    """The same holds for a collection below another."""
    await world.write(make("open", "x"))
    made = [await created(world, "below", "open/x")]
    clock.jump(-DAY)
    made.append(await created(World(world.storage, [OPEN, BELOW], clock), "below", "open/x"))
    assert await ids(world, "below") == made


async def test_ids_that_clients_choose(world: World, clock: ManualClock) -> None:
    """An id that a client chose moves nobody's: neither one that sorts behind all times, nor one of a far time."""
    for id in ("zzz", "z" * 26, "0-own", IdMaker().new(clock.now() + 1_000 * DAY)):
        await world.write(make("open", id))
    assert (await created(World(world.storage, [OPEN, BELOW], clock))).startswith(first_id(clock.now()))


async def test_ids_that_are_asked_for_at_once(world: World, clock: ManualClock) -> None:
    """The writer and a rehearsal that ask for the first id at once share one maker: ids never run backwards."""
    await created(world)
    makers = World(world.storage, [OPEN, BELOW], clock).writer._new_ids
    async with AsyncExitStack() as stack:
        snapshots = [await stack.enter_async_context(world.storage.snapshot()) for _ in range(3)]
        asked = (makers.next(snapshot, clock.now()) for snapshot in snapshots)  # type: ignore[arg-type]
        made = await asyncio.gather(*asked)
    assert len({id[:12] for id in made}) == 3  # what orders them; the rest is random
    assert min(made) > (await ids(world))[0]
