"""Several devices, one server, and everything that can go wrong between them."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, aclosing
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinterland.client.errors import NetworkError, RateLimited
from hinterland.client.local import pulls
from hinterland.client.local.connection import StoreConnection
from hinterland.client.local.local import Local
from hinterland.client.local.store import StoreAct
from hinterland.contract.fields import Integer, List, Text
from hinterland.contract.identity import RecordId
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.kit.clock import ManualClock
from tests.support.bad_way import BadWay
from tests.support.sync_backend import SyncBackend, digest_of

NOTES = Collection(name="notes", fields={"text": Text(), "count": Integer(), "tags": List()}, rules=EVERYBODY)
ORDERS = Collection(name="orders", fields={"note": Text(), "amount": Integer()}, ids="integer", rules=EVERYBODY)
LINES = Collection(name="lines", fields={"text": Text(), "order": Integer()}, parent="orders", rules=EVERYBODY)


class Killed(BaseException):
    """The app's process ended."""


class Device:
    """An app that may be killed before or after any of its local transactions, and started again on the same file."""

    def __init__(self, world: World, name: str, account: str) -> None:
        self.world = world
        self.path = world.folder / f"{name}.db"
        self.account = account
        limit, most = world.random.choice([1, 3, 500]), world.random.choice([1, 2, 200])
        self.network = BadWay(world.server, world.random, limit=limit, most=most)
        self.transactions_left: int | None = None
        self.increments: dict[RecordId, int] = {}
        self.may_add: tuple[int, ...] = (0,)
        self.acknowledged: list[str] = []
        self.local: Local

    async def start(self) -> None:
        self.heard = ""
        self.local = Local(self.path, self.network, self.world.clock, random=self.world.random.random)
        await self.local.open()
        await self.local.switch(self.account)
        self.notes = self.local.collection("notes")
        self.orders = self.local.collection("orders", ids="integer")
        self.local.collection("lines")
        self._arm()

    def _arm(self) -> None:
        store, write = self.local.store, self.local.store.write

        async def fragile(act: StoreAct[Any], **named: Any) -> Any:
            if self.transactions_left is not None:
                self.transactions_left -= 1
                if self.transactions_left < 0:
                    raise Killed
            before = await self._own_counts()
            done = await write(act, **named)
            await self._check_no_flicker(before)
            if self.transactions_left == 0:
                raise Killed
            return done

        store.write = fragile  # type: ignore[method-assign]

    async def _own_counts(self) -> dict[RecordId, int]:
        notes = await self.notes.list(limit=1000) if self.increments else None
        return {note["id"]: note["count"] for note in notes.items if note["id"] in self.increments} if notes else {}

    async def _check_no_flicker(self, before: dict[RecordId, int]) -> None:
        """No transaction takes an own increment away or shows it twice, unless the server has refused one."""
        refused = {write.id for entry in await self.local.outbox.list() if entry.problem for write in entry.writes}
        for record_id, count in (await self._own_counts()).items():
            assert record_id in refused or count - before.get(record_id, count) in self.may_add

    async def end(self) -> None:
        await self.local.close()

    async def kill(self) -> None:
        self.transactions_left, self.may_add = None, (0,)
        await self.local.store.close()
        await self.start()
        for note in (await self.notes.list(limit=1000)).items:
            if note["id"] in self.increments and note["count"] == self.increments[note["id"]] + 1:
                self.increments[note["id"]] += 1  # kept, though nobody was informed of it

    async def step(self) -> None:
        """One thing that a person, the app or outcome does; a kill on the way is survived."""
        random = self.world.random
        if random.random() < 0.2:
            self.transactions_left = random.randrange(6)
        try:
            acts = [self.create, self.edit, self.edit, self.count, self.count, self.delete, self.order]
            await random.choice([*acts, self.sync, self.push, self.push])()
        except Killed:
            await self.kill()
        self.transactions_left = None

    async def create(self) -> None:
        written = await self.notes.create({"text": self.world.word(), "count": 0, "tags": []})
        self.increments[written.id] = 0
        self.acknowledged.append(written.mutation)
        assert (await self.notes.get(written.id))["text"], "an own write is seen at once"

    async def edit(self) -> None:
        note = await self._any()
        if note is not None:
            text = self.world.word()
            written = await self.notes.update(note["id"], {"text": text})
            self.acknowledged.append(written.mutation)
            assert (await self.notes.get(note["id"]))["text"] == text

    async def count(self) -> None:
        """Adds one to a counter of the device's own notes, whose value the device can tell."""
        mine = [id for id in self.increments if await self._is_here(id)]
        if mine:
            record_id = self.world.random.choice(mine)
            before = (await self.notes.get(record_id))["count"]
            self.may_add = (0, 1)
            written = await self.notes.update(record_id, {"count": {"$increment": 1}})
            self.may_add = (0,)
            self.increments[record_id] += 1
            self.acknowledged.append(written.mutation)
            assert (await self.notes.get(record_id))["count"] == before + 1

    async def delete(self) -> None:
        note = await self._any()
        if note is not None and note["id"] not in self.increments:
            self.acknowledged.append((await self.notes.delete(note["id"])).mutation)
            assert not await self._is_here(note["id"])

    async def order(self) -> None:
        """A record to which only the server gives an id, and another that refers to it at once."""
        order = await self.orders.create({"amount": 1})
        self.acknowledged.append(order.mutation)
        lines = self.local.collection("lines", parent=f"orders/{order.id}")
        self.acknowledged.append((await lines.create({"text": "line", "order": order.id})).mutation)
        self.acknowledged.append((await self.orders.update(order.id, {"amount": 2})).mutation)

    async def sync(self) -> None:
        try:
            await self.local.sync.now()
        except (NetworkError, RateLimited):
            return

    async def push(self) -> None:
        """A round while live events come in, which bring what is new."""
        try:
            await self.local.sync._rounds.run(self.local.scope, lambda: self.local.subscription, is_live=True)
        except (NetworkError, RateLimited):
            return

    async def hear(self) -> None:
        """Some live events come in; the stream has its own place, and tells each event once."""
        scope, subscription = self.local.scope, self.local.subscription
        at = await self.local.store.read(lambda c: pulls.position(c, scope, subscription))
        self.heard = self.heard or at.cursor
        if self.heard == "":
            return
        server, left = self.world.server, self.world.random.randrange(4)
        async with aclosing(server.events(self.account, subscription.split(","), self.heard)) as events:
            while left and await server.commits_since(self.heard):
                event = await anext(events)
                if event.kind == "resync":
                    await self.local.store.write(partial(pulls.distrust, scope=scope))
                elif event.kind != "ready":
                    take = partial(pulls.take_commit, scope=scope, subscription=subscription, event=event)
                    await self.local.store.write(take)
                    left -= 1
                self.heard = event.cursor

    async def _any(self) -> dict[str, Any] | None:
        notes = (await self.notes.list(limit=1000)).items
        return self.world.random.choice(notes) if notes else None

    async def _is_here(self, record_id: RecordId) -> bool:
        return any(note["id"] == record_id for note in (await self.notes.list(limit=1000)).items)

    async def view(self) -> dict[str, list[str]]:
        def act(connection: StoreConnection) -> dict[str, list[str]]:
            rows = connection.execute(
                "SELECT collection, coalesce(view, base) FROM records WHERE space = ? AND coalesce(view, base) <> ''"
                " ORDER BY collection, parent, id",
                (self.local.scope.space,),
            ).fetchall()
            return {name: [text for other, text in rows if other == name] for name in ("notes", "orders", "lines")}

        return await self.local.store.read(act)


class World:
    """A server, its clock, and devices."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = Random(seed)
        self.clock = ManualClock()
        self.server = SyncBackend(folder / "server", self.clock, [NOTES, ORDERS, LINES])
        self.words = 0

    async def turn(self, fleet: list[Device]) -> None:
        """Something happens."""
        device = self.random.choice(fleet)
        await device.step()
        if self.random.random() < 0.4:
            await device.hear()
        if self.random.random() < 0.05:
            self.clock.jump(self.random.choice([-86_400 * 365, 3_600, 86_400 * 365]))

    def word(self) -> str:
        self.words += 1
        return f"word {self.words}"


async def run(folder: Path, seed: int, steps: int, devices: int) -> None:
    world = World(folder, seed)
    fleet = [Device(world, f"device{number}", f"user{number % 2}") for number in range(devices)]
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.server.close)
        for device in fleet:
            await device.start()
            stack.push_async_callback(device.end)
        for _ in range(steps):
            await world.turn(fleet)
        for device in fleet:
            device.network.share = 0
        for _ in range(2):
            for device in fleet:
                await device.sync()
        await check(world, fleet)


async def check(world: World, fleet: list[Device]) -> None:
    taken = [each.digest for each in await world.server.applied()]
    assert len(taken) == len(set(taken)), "no mutation is applied twice"
    records = await world.server.records()
    views = [await device.view() for device in fleet]
    for device, view in zip(fleet, views, strict=True):
        assert view == views[0]
        for name, rows in view.items():
            expected = [record for key, record in records.items() if key[0] == name]
            assert sorted(map(json.loads, rows), key=str) == sorted(expected, key=str)
        entries = await device.local.outbox.list()
        assert {entry.state for entry in entries} <= {"refused", "conflicted"}
        held = {entry.id for entry in entries if entry.state == "refused"}
        for mutation in device.acknowledged:
            assert (digest_of(mutation) in taken) is not (mutation in held), "each write has one outcome"
        for entry in entries:
            assert entry.state == "conflicted" or (entry.problem and entry.problem.code == "not_found")
        for record_id, number in device.increments.items():
            record = records.get(("notes", "", record_id))
            assert record is None or record["count"] == number


@pytest.mark.parametrize("devices", [2, 3])
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
async def test_all_replicas_are_equal_in_the_end(devices: int, seed: int) -> None:
    """Duplicated, reordered, delayed, partly applied pushes: as if exactly once and in order.

    With kills between any two local transactions and clocks that jump: all replicas are equal in the end, every write
    is applied once or held, own writes are seen all the time.
    """
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        # Ids decide the order of pages: with the seed they are the same again.
        patch.setattr("os.urandom", Random(seed).randbytes)
        await run(Path(folder), seed, steps=30, devices=devices)
