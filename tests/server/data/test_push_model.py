"""Devices that build on what they created themselves, over any network, against a model of what their users wrote."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinterland.contract.changes import Write
from hinterland.contract.fields import Field, Integer, Json, List, Text
from hinterland.contract.identity import RecordId
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.contract.sync import Mutation, Push, PushResult
from hinterland.kit.clock import ManualClock
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.data.world import ADA, World, opened

_WORDS: dict[str, Field] = {"text": Text(), "words": List(of=Text()), "any": Json(), "to": Integer()}
COLLECTIONS = (
    users(),
    Collection(name="orders", fields=_WORDS, ids="integer", rules=EVERYBODY),
    Collection(name="lines", fields=_WORDS, ids="integer", parent="orders", rules=EVERYBODY),
    Collection(name="marks", fields=_WORDS, parent="lines", rules=EVERYBODY),
    Collection(name="notes", fields=_WORDS, rules=EVERYBODY),
)
PARENTS = {"lines": "orders", "marks": "lines"}
SHORT = ("x", "orders", "~0", "~x")  # ids that are words too
EVENTS = st.lists(
    st.tuples(st.sampled_from(["create", "create", "create", "edit", "delete", "push", "push"]), st.integers(0, 2**32)),
    max_size=40,
)


@dataclass(eq=False)
class Thing:
    """A record as its user knows it: where it is, the `name` under which it was created, and what was written."""

    collection: str
    name: str
    parent: Thing | None
    seq: int
    position: int
    words: dict[str, object] = field(default_factory=dict)
    to: Thing | None = None
    id: RecordId = ""
    is_deleted: bool = False

    def path(self, chance: Random, acknowledged: int) -> str:
        """The record's path, its id included, as a device that has acknowledged so many results may say it."""
        above = "" if self.parent is None else f"{self.parent.path(chance, acknowledged)}/"
        return f"{above}{self.collection}/{self.named(chance, acknowledged)}"

    def named(self, chance: Random, acknowledged: int) -> RecordId:
        """The record's id, or its stand-in where the server may know it."""
        must_know = self.id == "" or (self.seq > acknowledged and chance.random() < 0.5)
        return self.name if must_know else self.id

    def real(self) -> tuple[str, RecordId]:
        """The parent's path and the id."""
        above = "" if self.parent is None else "/".join(str(part) for part in self.parent.real_path())
        return above, self.id

    def real_path(self) -> list[RecordId]:
        """The path in parts."""
        return [*([] if self.parent is None else self.parent.real_path()), self.collection, self.id]


class Device:
    """A device that sends what its user does until it has heard what became of it."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.things: list[Thing] = []
        self.taken: set[tuple[str, Thing | None, str]] = set()
        self.queue: list[tuple[str, Thing, dict[str, object]]] = []  # act, record, body: the mutation of each seq
        self.frozen: dict[int, Mutation] = {}  # what was sent, and is not known to be settled
        self.heard = 0
        self.acknowledged = 0

    # ------------------------------------------------------------ what the user does

    def act(self, kind: str, chance: Random) -> None:
        """Do something to a record."""
        living = [thing for thing in self.things if not thing.is_deleted]
        if kind == "create" or not living:
            self.create(chance, living)
        elif kind == "edit":
            thing = chance.choice(living)
            body: dict[str, object] = {"text": self.word(chance)}
            thing.words |= body
            self.queue.append(("patch", thing, body))
        else:
            thing = chance.choice(living)
            if not any(other.parent is thing for other in living):
                thing.is_deleted = True
                self.queue.append(("delete", thing, {}))

    def create(self, chance: Random, living: list[Thing]) -> None:
        """Create a record, below another where its collection is nested."""
        collection = chance.choice(["orders", "orders", "lines", "marks", "notes"])
        above = [thing for thing in living if thing.collection == PARENTS.get(collection)]
        if collection in PARENTS and not above:
            collection = "orders"
        parent = chance.choice(above) if collection in PARENTS else None
        name = self.name_for(collection, parent, chance)
        thing = Thing(collection, name, parent, len(self.queue) + 1, 0)
        thing.words = {"text": self.word(chance), "words": [self.word(chance)], "any": {"in": [chance.choice(SHORT)]}}
        if collection in ("notes", "marks"):
            thing.id = name
        orders = [other for other in living if other.collection == "orders" and len(other.name) > 20]
        thing.to = chance.choice(orders) if orders and chance.random() < 0.5 else None
        self.things.append(thing)
        self.queue.append(("create", thing, dict(thing.words)))

    def name_for(self, collection: str, parent: Thing | None, chance: Random) -> str:
        """An id that the device has not used there: made at random, or a word."""
        made = "".join(chance.choices("0123456789abcdefghjkmnpqrstvwxyz", k=26))
        name = chance.choice([made, f"~{made}", *SHORT, *SHORT])
        is_free = name not in {used for place, above, used in self.taken if (place, above) == (collection, parent)}
        if not is_free or (collection in ("notes", "marks") and (name.startswith("~") or len(name) < 20)):
            name = made
        self.taken.add((collection, parent, name))
        return name

    def word(self, chance: Random) -> str:
        """A text that may be the same as an id."""
        return chance.choice([*SHORT, "1", "2", "plain", *(thing.name for thing in self.things)])

    # ------------------------------------------------------------ what the network does

    async def push(self, chance: Random) -> None:
        """Send what is not known to be settled, and some more; request or answer may be lost, or it comes twice."""
        if not self.frozen and chance.random() < 0.5:
            self.acknowledged = self.heard
        last = min(len(self.queue), max([self.heard, *self.frozen]) + chance.randrange(9))
        for seq in range(self.heard + 1, last + 1):
            if seq not in self.frozen:
                self.frozen[seq] = self.mutation(seq, chance)
        mutations = [self.frozen[seq] for seq in range(self.heard + 1, last + 1)]
        chance.shuffle(mutations)
        push = Push(device=self.name, mutations=mutations, acknowledged=self.acknowledged)
        outcome = chance.choice(["heard", "heard", "lost", "unheard", "twice", "part"])
        if outcome == "part":  # an older attempt, with less in it, arrives at the same time
            less = Push(
                device=self.name, mutations=sorted(mutations, key=lambda m: m.seq)[:1], acknowledged=self.acknowledged
            )
            _, answer = await asyncio.gather(self.world.pusher.push(ADA, less), self.world.pusher.push(ADA, push))
            self.hear(answer)
        elif outcome != "lost":
            times = 2 if outcome == "twice" else 1
            answers = await asyncio.gather(*(self.world.pusher.push(ADA, push) for _ in range(times)))
            if outcome != "unheard":
                self.hear(answers[-1])

    def mutation(self, seq: int, chance: Random) -> Mutation:
        """A mutation as it is sent, with stand-ins or ids."""
        act, thing, body = self.queue[seq - 1]
        body = dict(body)
        if act == "create" and thing.to is not None:
            body["to"] = thing.to.named(chance, self.acknowledged)
        if chance.random() < 0.3:
            body = body | {"id": thing.name} if act == "create" else body
        parent = "" if thing.parent is None else thing.parent.path(chance, self.acknowledged)
        id = thing.name if act == "create" else thing.named(chance, self.acknowledged)
        write = Write(act=act, collection=thing.collection, parent=parent, id=id, body=body)  # type: ignore[arg-type]
        return Mutation(seq=seq, id=f"{self.name}-{seq}", writes=[write])

    def hear(self, result: PushResult) -> None:
        """Learn what became of what was sent."""
        for settled in result.results:
            assert settled.status == "applied", (self.frozen.get(settled.seq), settled.problem)
            act, thing, _ = self.queue[settled.seq - 1]
            if act == "create" and settled.ids:
                assert settled.ids.keys() == {0}
                assert thing.id in ("", settled.ids[0])  # however often it is answered
                thing.id = settled.ids[0]
            self.frozen.pop(settled.seq, None)
        self.heard = max(self.heard, result.settled)


async def play(world: World, events: list[tuple[str, int]]) -> None:
    """Let two devices do what `events` say until all is settled, and compare what is there with what was written."""
    devices = [Device(world, "one"), Device(world, "two")]
    for number, (kind, seed) in enumerate(events):
        chance = Random(f"{number} {seed}")  # so that no id is made twice
        device = devices[seed % 2]
        if kind == "push":
            await device.push(chance)
        else:
            device.act(kind, chance)
    quiet = Random(0)
    for device in devices:
        while device.heard < len(device.queue):
            await device.push(quiet)
    expected = {
        (thing.collection, *thing.real()): (thing.words, None if thing.to is None else thing.to.id)
        for device in devices
        for thing in device.things
        if not thing.is_deleted
    }
    found = {
        key: ({name: record[name] for name in ("text", "words", "any")}, record["to"])
        for collection in ("orders", "lines", "marks", "notes")
        for key, record in (await world.visible(ADA, collection)).items()
    }
    assert found == expected


@given(EVENTS)
@settings(max_examples=150, deadline=None)
async def test_every_record_once_as_it_was_written(events: list[tuple[str, int]]) -> None:
    """Devices create records under stand-ins, nested ones too, and build on them, in pushes that are lost, repeated,
    cut and reordered: every record exists once, at its place, with the references and exactly the texts that were
    written, whatever ids they are the same as."""
    with TemporaryDirectory() as folder:
        async with opened(SqliteStorage(Path(folder)), ManualClock(), COLLECTIONS) as world:
            await play(world, events)


@pytest.mark.parametrize("seed", range(3))
async def test_the_same_on_each_database(storage: Storage, clock: ManualClock, seed: int) -> None:
    """So it is on each database, in longer runs."""
    chance = Random(seed)
    kinds = ["create", "create", "edit", "edit", "delete", "push"]
    async with opened(storage, clock, COLLECTIONS) as world:
        await play(world, [(chance.choice(kinds), chance.randrange(2**32)) for _ in range(300)])
