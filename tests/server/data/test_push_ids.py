"""The ids that a push's creations are given, and the stand-ins that devices use until they know them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Integer, Json, List, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.contract.sync import Mutation, Settled
from hinterland.kit.clock import ManualClock
from hinterland.server.data import documents
from hinterland.server.storage.failures import Deadlock
from hinterland.server.storage.protocol import Storage
from tests.server.data.world import ADA, World, opened
from tests.server.data.writing import Stumbling

ORDERS = Collection(
    name="orders", fields={"amount": Integer(), "after": Integer(), "all": List(of=Integer()), "any": Json()},
    ids="integer", rules=EVERYBODY,
)  # fmt: skip
LINES = Collection(name="lines", fields={"text": Text()}, parent="orders", rules=EVERYBODY)
OWN = Rules(list="true", view="record.owner == auth.id", create="true", update="true")
OWNED = Collection(name="owned", fields={"owner": Text()}, ids="integer", rules=OWN)
PLAIN = "01" + "a" * 24


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database."""
    async with opened(storage, clock, (users(), ORDERS, LINES, OWNED)) as made:
        yield made


def create(id: str, collection: str = "orders", parent: str = "", **body: object) -> Write:
    """A creation under a stand-in."""
    return Write(act="create", collection=collection, id=id, parent=parent, body=body)


def change(id: str, **body: object) -> Write:
    """A change of an order."""
    return Write(act="patch", collection="orders", id=id, body=body)


async def push(world: World, *groups: list[Write], device: str = "d1", first: int = 1) -> list[Settled]:
    """A push of one mutation for each group of writes."""
    mutations = [
        Mutation(seq=seq, id=f"m{seq} {[write.id for write in group]}", writes=group)
        for seq, group in enumerate(groups, first)
    ]
    return (await world.push(ADA, *mutations, device=device)).results


async def orders(world: World) -> dict[object, tuple[object, object]]:
    """Amount and `after` of the orders by their ids."""
    found = await world.visible(ADA, "orders")
    return {key[2]: (order["amount"], order["after"]) for key, order in found.items()}


@pytest.mark.parametrize("stand_in", [f"~{PLAIN}", PLAIN])
async def test_a_stand_in(world: World, stand_in: str) -> None:
    """A creation in a collection whose ids the server gives carries any id as a stand-in, and the id that is given is
    answered for it; what comes behind it, in the same mutation or a later one, names the record by it: as id, in the
    path of a parent and as a value."""
    made, changed, line, other, gone = await push(
        world, [create(stand_in, amount=1), change(stand_in, amount=2)], [change(stand_in, amount=3)],
        [create("l1", "lines", f"orders/{stand_in}", text="x")], [create("~other", after=stand_in, all=[stand_in])],
        [Write(act="delete", collection="orders", id="~other")],
    )  # fmt: skip
    assert [each.status for each in (made, changed, line, other, gone)] == ["applied"] * 5
    assert made.ids == {0: 1}
    assert other.ids == {0: 2}
    assert await orders(world) == {1: (3, None)}
    assert list(await world.visible(ADA, "lines")) == [("lines", "orders/1", "l1")]
    (later,) = await push(world, [change(stand_in, amount=4)], first=6)
    assert (later.status, (await orders(world))[1]) == ("applied", (4, None))


async def test_a_stand_in_whose_creation_is_acknowledged(world: World) -> None:
    """A push that acknowledges a creation may still name its record by the stand-in, also where its requests have to be
    written one by one: the ids are forgotten last, and then they are."""
    await push(world, [create("~a", amount=1)])
    Stumbling(world, Deadlock())
    named = [Mutation(seq=seq, id=f"m{seq}", writes=[change("~a", amount=seq)]) for seq in (2, 3)]
    pushed = await world.push(ADA, *named, device="d1", acknowledged=1)
    assert [each.status for each in pushed.results] == ["applied"] * 2
    assert await orders(world) == {1: (3, None)}
    (late,) = await push(world, [change("~a", amount=9)], first=4)
    assert late.status == "refused"


async def test_a_stand_in_that_is_used_again(world: World) -> None:
    """A name stands for the newest record that its own device created under it, whatever other devices call theirs."""
    await push(world, [create("~a", amount=1)], [create("~a", amount=2)])
    await push(world, [create("~a", amount=3)], device="d2")
    await push(world, [change("~a", amount=4)], first=3)
    await push(world, [change("~a", amount=5)], first=2, device="d2")
    assert await orders(world) == {1: (1, None), 2: (4, None), 3: (5, None)}
    await push(world, [create("~a", amount=6)], [change("~a", amount=7)], first=4)
    assert (await orders(world))[4] == (7, None)


async def test_a_stand_in_and_a_rule(world: World) -> None:
    """A mutation sees what it created itself as far as the rules let its caller view it."""
    edit = Write(act="patch", collection="owned", id="~a", body={"owner": "ben"})
    seen, hidden = await push(world, [create("~a", "owned", owner="ada"), edit], [create("~b", "owned"), edit])
    assert (seen.status, seen.problem) == ("applied", None)
    assert (hidden.status, hidden.problem and hidden.problem.code) == ("refused", "not_found")


async def test_many_stand_ins(world: World) -> None:
    """A write may name very many records by their stand-ins."""
    names = [f"01{'a' * 20}{n:04}" for n in range(520)]
    await push(world, *[[create(name) for name in part] for part in (names[:260], names[260:])])
    (named,) = await push(world, [create("", all=names)], first=3)
    assert named.ids == {0: 521}
    made = (await world.visible(ADA, "orders"))["orders", "", 521]
    assert made["all"] == [*range(1, 521)]


async def test_a_short_stand_in(world: World) -> None:
    """An id that could be any word stands for the record as an id and in paths, and is a word in values."""
    results = await push(world, [create("x", amount=1)], [create("l1", "lines", "orders/x", text="x")], [change("x")])
    assert [each.status for each in results] == ["applied"] * 3
    assert [line["text"] for line in (await world.visible(ADA, "lines")).values()] == ["x"]


async def test_a_stand_in_among_very_many_texts(world: World) -> None:
    """A stand-in is found among however many texts that could be others, by few statements: others wait for them."""
    texts = [f"~{number:026d}" for number in range(6_000)]
    await push(world, [create(f"~{PLAIN}")])
    await push(world, [create("", any=[f"~{PLAIN}"])], first=2)
    settled = await push(world, [create("", any=[*texts, f"~{PLAIN}"])], first=3)
    record = await world.storage.record("orders", "", settled[0].ids[0])
    assert record is not None
    assert documents.document_of(record)["any"] == [*texts, 1]


async def test_a_creation_without_an_id(world: World) -> None:
    """A creation without an id is given one, which is answered by the write's position in its mutation."""
    (made,) = await push(world, [create("", amount=1), create("~a", amount=2), create("", amount=3)])
    assert made.ids == {0: 1, 1: 2, 2: 3}
    (line,) = await push(world, [create("", "lines", "orders/1", text="x")], first=2)
    assert [key[2] for key in await world.visible(ADA, "lines")] == [line.ids[0]]


async def test_a_stand_in_of_what_was_refused(world: World) -> None:
    """What names a creation that was refused is refused too, and touches no other record."""
    await push(world, [create("~first", amount=1)])
    refused, follows = await push(world, [create(PLAIN, amount="many")], [change(PLAIN, amount=5)], first=2)
    assert [each.status for each in (refused, follows)] == ["refused", "refused"]
    assert await orders(world) == {1: (1, None)}


async def test_a_copy_is_given_the_same_ids(world: World) -> None:
    """A copy of a device's store hears the ids that the original was given, and goes on with them."""
    await push(world, [create(PLAIN, amount=1)])
    again, more = await push(world, [create(PLAIN, amount=1)], [change(PLAIN, amount=2)], device="copy")
    assert (again.ids, more.status) == ({0: 1}, "applied")
    assert await orders(world) == {1: (2, None)}


async def test_stand_ins_are_for_devices(world: World) -> None:
    """A single write that names an id in such a collection is refused: there is no answer that could tell another."""
    with pytest.raises(Refusal) as refused:
        await world.write(create(PLAIN, amount=1), caller=ADA)
    assert refused.value.errors == {"id": ["is given by the server in orders; leave it out"]}


@pytest.mark.parametrize("is_known_first", [True, False])
@pytest.mark.parametrize("stand_in", [f"~{PLAIN}", PLAIN])
async def test_a_name_changes_no_mutation(world: World, stand_in: str, is_known_first: bool) -> None:
    """A mutation that names a record by its stand-in in one attempt and by its id in another is one: a device, or a
    copy of its store, hears what became of it, whichever attempt came first, and it is applied once."""
    made = Mutation(seq=1, id="made", writes=[create(stand_in, amount=1)])
    line = create("l1", "lines", f"orders/{stand_in}", text="x")
    early = [change(stand_in, amount={"$increment": 10}), line, create("", after=stand_in, all=[stand_in])]
    late = [replace(early[0], id=1), replace(line, parent="orders/1"), create("", after=1, all=[1])]
    first, second = (late, early) if is_known_first else (early, late)
    heard = []
    for device, writes in (("one", first), ("two", second)):
        step = Mutation(seq=2, id="counted", writes=writes)
        if writes is late:  # the ids are known once the creation is answered
            await world.push(ADA, made, device=device)
            heard += (await world.push(ADA, step, device=device)).results
        else:
            heard.append((await world.push(ADA, made, step, device=device)).results[1])
    assert heard[0] == heard[1]
    assert heard[0].status == "applied"
    assert await orders(world) == {1: (11, None), 2: (None, 1)}
