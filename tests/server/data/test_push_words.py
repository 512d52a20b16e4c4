"""What a user wrote, and whose record it is, beside the ids that devices make up and the server replaces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Integer, Json, List, Text
from hinterland.contract.identity import RecordId, new_id
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.contract.sync import Mutation, Settled
from hinterland.kit.clock import ManualClock
from hinterland.server.storage.protocol import Storage
from tests.server.data.world import ADA, World, opened

ORDERS = Collection(
    name="orders", ids="integer", rules=EVERYBODY,
    fields={"amount": Integer(), "note": Text(), "words": List(of=Text()), "after": Integer(), "any": Json()},
)  # fmt: skip
LINES = Collection(
    name="lines", fields={"text": Text(), "order": Integer()}, ids="integer", parent="orders", rules=EVERYBODY
)
NOTES = Collection(name="notes", fields={"text": Text(), "order": Integer(), "any": Json()}, rules=EVERYBODY)
MADE = new_id(0.0)


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database."""
    async with opened(storage, clock, (users(), ORDERS, LINES, NOTES)) as made:
        yield made


def write(act: str, place: str, id: RecordId, /, **body: object) -> Write:
    """A write; `place` is the collection's path."""
    parent, _, collection = place.rpartition("/")
    return Write(act=act, collection=collection, parent=parent, id=id, body=body)  # type: ignore[arg-type]


async def push(world: World, *groups: list[Write], first: int = 1) -> list[Settled]:
    """A push of one mutation for each group of writes."""
    mutations = [Mutation(seq=seq, id=f"m{seq}", writes=group) for seq, group in enumerate(groups, first)]
    return (await world.push(ADA, *mutations)).results


async def seen(world: World, collection: str, *names: str) -> dict[RecordId, tuple[object, ...]]:
    """The fields of a collection's records by their ids."""
    return {
        key[2]: tuple(record[name] for name in names) for key, record in (await world.visible(ADA, collection)).items()
    }


async def test_an_answer_by_place_is_no_stand_in(world: World) -> None:
    """What is answered for a creation without an id replaces no text and no id of later writes."""
    await push(world, [write("create", "notes", "", text="first")])
    named, gone = await push(
        world, [write("create", "notes", "n2", text="~0", any=["~0", {"~0": "~1"}])],
        [write("patch", "notes", "~0", text="lost")], first=2,
    )  # fmt: skip
    assert (named.status, gone.status) == ("applied", "refused")
    assert sorted((await seen(world, "notes", "text", "any")).values(), key=str) == [
        ("first", None), ("~0", ["~0", {"~0": "~1"}]),
    ]  # fmt: skip


async def test_a_number_names_its_own_record(world: World) -> None:
    """An id that reads as a number is no stand-in, since a path could not tell them apart; and a number is never
    replaced: an edit of order 1 reaches order 1."""
    await push(world, *([write("create", "orders", f"~{n}", amount=n)] for n in (1, 2, 3)))
    refused, edited, line = await push(
        world, [write("create", "orders", "1", amount=4)], [write("patch", "orders", 1, amount=999)],
        [write("create", "orders/1/lines", "~line", text="of order 1")], first=4,
    )  # fmt: skip
    assert refused.problem is not None
    assert refused.problem.errors == {"id": ["is given by the server in orders; leave it out"]}
    assert (edited.status, line.status) == ("applied", "applied")
    assert await seen(world, "orders", "amount") == {1: (999,), 2: (2,), 3: (3,)}
    assert [key[1] for key in await world.visible(ADA, "lines")] == ["orders/1"]


async def test_a_stand_in_belongs_to_its_collection(world: World) -> None:
    """A stand-in names a record of its own collection and parent only, never a name in a path."""
    await push(world, [write("create", "orders", "orders", amount=1)], [write("create", "notes", "x", text="a note")])
    await push(world, [write("create", "orders", "x", amount=2)], first=3)
    note, line, other = await push(
        world, [write("patch", "notes", "x", text="still a note")],
        [write("create", "orders/orders/lines", "x", text="of 1")],
        [write("create", "orders/x/lines", "x", text="of 2")],
        first=4,
    )  # fmt: skip
    assert [each.status for each in (note, line, other)] == ["applied"] * 3
    await push(world, [write("patch", "orders/orders/lines", "x", text="one")],
               [write("patch", "orders/x/lines", "x", text="two")], first=7)  # fmt: skip
    assert await seen(world, "notes", "text") == {"x": ("still a note",)}
    lines = await world.visible(ADA, "lines")
    assert {key[1]: line["text"] for key, line in lines.items()} == {"orders/1": "one", "orders/2": "two"}


@pytest.mark.parametrize("stand_in", [MADE, f"~{MADE}"], ids=["made", "marked"])
async def test_a_value_that_is_a_stand_in(world: World, stand_in: str) -> None:
    """A value is replaced where it is a stand-in that was made at random, and the field can hold a number: a text
    stays as it was written."""
    texts = {"note": stand_in, "words": [stand_in, "~a"]}
    deep = {"to": [stand_in, "~a"], stand_in: f"{stand_in}!"}
    await push(world, [write("create", "orders", stand_in, amount=1)], [write("create", "orders", "~a", amount=2)])
    first, second, other = await push(
        world, [write("create", "orders", "~b", after=stand_in, any=deep, **texts)],
        [write("create", "notes", "n", order=stand_in, text=stand_in)],
        [write("create", "notes", "m", order="~a")], first=3,
    )  # fmt: skip
    assert (first.status, second.status, other.status) == ("applied", "applied", "refused")
    [order] = [value for id, value in (await seen(world, "orders", "after", "any", "note", "words")).items() if id == 3]
    assert order == (1, {"to": [1, "~a"], stand_in: f"{stand_in}!"}, stand_in, [stand_in, "~a"])
    assert await seen(world, "notes", "order", "text") == {"n": (1, stand_in)}


async def test_a_value_that_could_be_two(world: World) -> None:
    """A value that is the stand-in of records of two collections is nobody's: it stays as it was written."""
    await push(world, [write("create", "orders", f"~{MADE}", amount=1)])
    await push(world, [write("create", "orders/1/lines", f"~{MADE}", text="x")], first=2)
    await push(world, [write("create", "orders/1/lines", "~z", text="y")], first=3)
    (same,) = await push(world, [write("create", "notes", "n", any=f"~{MADE}")], first=4)
    assert same.status == "applied"


async def test_a_body_that_names_its_own_place(world: World) -> None:
    """A body may repeat its record's id and parent, by the stand-ins as the write does."""
    results = await push(
        world, [write("create", "orders", "~a", id="~a", amount=1)],
        [write("patch", "orders", "~a", id="~a", amount=2)],
        [write("create", "orders/~a/lines", "~b", id="~b", parent="orders/~a")],
    )  # fmt: skip
    assert [each.status for each in results] == ["applied"] * 3
    assert await seen(world, "orders", "amount") == {1: (2,)}


async def test_a_refused_creation_leaves_no_stand_in(world: World) -> None:
    """What a refused mutation would have created is known to no later one, and a stand-in that is used once more names
    the record that was created last."""
    refused, edit = await push(
        world, [write("create", "orders", "~a", amount=1), write("patch", "orders", 99, amount=2)],
        [write("patch", "orders", "~a", amount=3)],
    )  # fmt: skip
    assert (refused.status, edit.status) == ("refused", "refused")
    results = await push(
        world, [write("create", "orders", "~a", amount=4)], [write("create", "orders", "~a", amount=5)],
        [write("patch", "orders", "~a", note="last")], first=3,
    )  # fmt: skip
    assert [each.status for each in results] == ["applied"] * 3
    assert set((await seen(world, "orders", "amount", "note")).values()) == {(4, None), (5, "last")}


async def test_a_push_that_overtakes_its_own_repetition(world: World) -> None:
    """A push that is sent twice at once, the second time with more, finds the ids that the first was given."""
    made = Mutation(seq=1, id="m1", writes=[write("create", "orders", "~a", amount=1)])
    more = Mutation(seq=2, id="m2", writes=[write("patch", "orders", "~a", amount=2)])
    _, second = await asyncio.gather(world.push(ADA, made), world.push(ADA, made, more))
    assert [each.status for each in second.results] == ["applied", "applied"]
    assert await seen(world, "orders", "amount") == {1: (2,)}
