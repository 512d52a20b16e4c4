"""System rows as the next request of a group finds them."""

from __future__ import annotations

import random

from hinterland.server.data.new_ids import NewIds
from hinterland.server.data.staged_rows import row_key
from hinterland.server.data.state import State
from hinterland.server.storage.system import Amend, Drop, Expect, Invalidation, Put, Row, RowAct
from tests.server.data.world import World

ROWS = [{"account": account, "device": device, "settled": 1, "at": 1.0} for account in "ab" for device in "xy"]


def key_of(row: Row) -> Row:
    return {"account": row["account"], "device": row["device"]}


def acts(random: random.Random) -> list[RowAct]:
    """What some requests do to devices' rows: those that are there, and others."""
    made: list[RowAct] = []
    for _ in range(random.randint(1, 6)):
        key = {"account": random.choice("abc"), "device": random.choice("xy")}
        wheres: list[Row] = [key, {"account": key["account"]}, {"settled": random.randint(1, 3)}, {"at": None}]
        untils: list[Row] = [{}, {"settled": 2}, {"at": 1.0}]
        change: Row = random.choice([{"settled": random.randint(1, 3)}, {"at": random.choice([None, 2.0])}])
        put = Put("_devices", {**key, "settled": 1, **change} if random.random() < 0.5 else {**key, **change})
        amend = Amend("_devices", random.choice(wheres), change)
        drop = Drop("_devices", random.choice(wheres), random.choice(untils))
        some: list[RowAct] = [put, put, put, amend, drop]
        made.append(random.choice(some))
    return made


async def test_staged_rows_are_those_that_will_be_written(world: World) -> None:
    """Of any acts in any order - rows put in part, amended and dropped by any column - each row looks to the next
    request of the group as it will be in the database once the acts are written."""
    for seed in range(60):
        async with world.storage.transaction() as transaction:
            await transaction.act([Drop("_devices", {}), *(Put("_devices", row) for row in ROWS)])
            state = State(transaction, {}, NewIds(world.catalogue))
            done: list[RowAct] = []
            keys = [{"account": account, "device": device} for account in "abc" for device in "xy"]
            for act in acts(random.Random(seed)):
                state.stage({}, (), [act])
                done.append(act)
                await state.row("_devices", random.Random(seed).choice(keys))  # read early or late
            staged = [await state.row("_devices", key) for key in keys]
            await transaction.act(done)
            assert staged == [await transaction.row("_devices", key) for key in keys], (seed, done)


async def test_the_order_of_a_keys_columns(lite: World) -> None:
    """A row is the same however its key's columns are listed, and acts that are no row's change none."""
    async with lite.storage.transaction() as transaction:
        state = State(transaction, {}, NewIds(lite.catalogue))
        acts: list[RowAct] = [Put("_devices", ROWS[0]), Invalidation("a"), Expect("_devices", key_of(ROWS[0]), None)]
        state.stage({}, (), acts)
        turned = dict(reversed(key_of(ROWS[0]).items()))
        assert await state.row("_devices", turned) == await state.row("_devices", key_of(ROWS[0])) == ROWS[0]
        assert row_key("_devices", turned) == ("_devices", ("a", "x"))
