"""Long values of indexed fields, on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Integer, Text
from hinterland.contract.imports import Import
from hinterland.contract.indexed import INDEXED_BYTES
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.contract.sync import Mutation
from hinterland.kit.clock import ManualClock
from hinterland.server.data.importer import Importer
from hinterland.server.storage.protocol import Storage
from tests.server.data.world import ADA, World, opened

THINGS = Collection(
    name="things",
    fields={"one": Text(unique=True), "two": Text(index=True), "a": Text(), "b": Text(), "n": Integer()},
    indexes=(("a", "n", "b"),),
    rules=EVERYBODY,
)
HALF = INDEXED_BYTES // 2


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database."""
    async with opened(storage, clock, (users(), THINGS)) as made:
        yield made


def noise(size: int, seed: int = 1) -> str:
    """A text of this many bytes that can't be compressed."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return "".join(Random(seed).choices(letters, k=size))


def create(id: str, **body: object) -> Write:
    """A creation."""
    return Write(act="create", collection="things", id=id, body=body)


async def test_the_longest_values_are_kept(world: World) -> None:
    """Values of the longest length that can't be compressed fit into every index, alone and in a group, with the
    longest id; and they are found and distinguished."""
    texts = {"one": noise(INDEXED_BYTES), "two": noise(INDEXED_BYTES), "a": noise(HALF), "b": noise(HALF, 2)}
    await world.write(create("x" * 64, **texts, n=2**53 - 1), caller=ADA)
    with pytest.raises(Refusal) as refused:
        await world.write(create("y", one=noise(INDEXED_BYTES)), caller=ADA)
    assert refused.value.errors == {"one": ["is already in use"]}


@pytest.mark.parametrize(("name", "most"), [("one", INDEXED_BYTES), ("two", INDEXED_BYTES), ("a", HALF), ("b", HALF)])
async def test_longer_values_are_refused_alike(world: World, name: str, most: int) -> None:
    """One byte more is refused on each database, by every door, with the limit; the database is not asked."""
    body = {name: noise(most + 1)}
    errors = {name: [f"must have at most {most:,} bytes, since it is indexed; has {most + 1:,}"]}
    with pytest.raises(Refusal) as refused:
        await world.write(create("x", **body), caller=ADA)
    assert refused.value.errors == errors
    (outcome,) = (await world.push(ADA, Mutation(seq=1, id="m1", writes=[create("x", **body)]))).results
    assert outcome.problem is not None
    assert outcome.problem.errors == errors
    imported = await Importer(world.commands, world.catalogue).run("things", Import(rows=[body]))
    assert imported.refused[0].errors == errors
