"""Deletions with every policy at once, against a model of what they do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Field, List, Reference
from hinterland.contract.kinds.field import OnDelete
from hinterland.contract.linking import linked
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.kit.clock import ManualClock
from hinterland.server.data import documents
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.server.storage.statements import RECORD_COLUMNS
from tests.server.data.acts import make
from tests.server.data.world import World, delete, opened, patch

POLICIES: tuple[OnDelete, ...] = ("restrict", "cascade", "set_null")


def referring(to: str) -> dict[str, Field]:
    """A field of each policy, and lists."""
    single = {f"{to}_{policy}": Reference(to=to, on_delete=policy) for policy in POLICIES}
    lists = {f"{to}_{p}_list": List(of=Reference(to=to, on_delete=p)) for p in POLICIES if p != "cascade"}
    return {**single, **lists}


FIELDS = {"a": referring("a"), "b": referring("a") | referring("b"), "k": referring("b")}
COLLECTIONS = linked(
    (
        users(),
        Collection(name="a", fields=FIELDS["a"], rules=EVERYBODY),
        Collection(name="b", fields=FIELDS["b"], rules=EVERYBODY),
        Collection(name="k", fields=FIELDS["k"], rules=EVERYBODY, parent="b"),
    )
)
Key = tuple[str, str, Any]
Rows = dict[Key, dict[str, Any]]
EVENTS = st.lists(
    st.tuples(st.sampled_from(["make", "make", "refer", "refer", "delete"]), st.integers(0, 2**32)), max_size=40
)


class Model:
    """The records, and what deletions make of them by the words of the documentation."""

    def __init__(self) -> None:
        self.rows: Rows = {}

    def references(self, key: Key) -> list[tuple[str, str, Key]]:
        """The references of a record: field, policy, target."""
        found = []
        for name, value in self.rows[key].items():
            to, policy = name.removesuffix("_list").split("_", 1)
            found += [
                (name, policy, (to, "", id)) for id in (value if isinstance(value, list) else [value] if value else [])
            ]
        return found

    def delete(self, key: Key) -> bool:
        """Delete a record; False where others prevent it."""
        gone = {key}
        while True:
            more = {
                other
                for other in self.rows.keys() - gone
                if any(policy == "cascade" and target in gone for _, policy, target in self.references(other))
                or (other[0] == "k" and ("b", "", other[1].removeprefix("b/")) in gone)
            }
            if not more:
                break
            gone |= more
        left = self.rows.keys() - gone
        if any(p == "restrict" and target in gone for other in left for _, p, target in self.references(other)):
            return False
        for other in left:
            for name, _, target in self.references(other):
                if target in gone:
                    value = self.rows[other][name]
                    self.rows[other][name] = (
                        [id for id in value if id != target[2]] if isinstance(value, list) else None
                    )
        self.rows = {other: self.rows[other] for other in left}
        return True


class Run:
    """A world beside its model."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.model = Model()
        self.ends = {True: 0, False: 0}

    def references(self, chance: Random, collection: str) -> dict[str, Any]:
        """Some references to records that are there."""
        body: dict[str, Any] = {}
        for name in FIELDS[collection]:
            ids = [key[2] for key in self.model.rows if key[0] == name[0]]
            if ids and chance.random() < 0.25:
                body[name] = chance.choices(ids, k=2) if name.endswith("_list") else chance.choice([*ids, None])
        return body

    def event(self, kind: str, seed: int, number: int) -> Write | None:
        """A write of the event, after which the model is as it should be."""
        chance, rows = Random(seed), self.model.rows
        if kind == "make":
            owners = [key[2] for key in rows if key[0] == "b"]
            name = chance.choice(["a", "b", "k"] if owners else ["a", "b"])
            key = (name, f"b/{chance.choice(owners)}" if name == "k" else "", f"{name}{number}")
            body = self.references(chance, name)
            rows[key] = dict.fromkeys(FIELDS[name]) | body
            return make(name, key[2], key[1], **body)
        if not rows:
            return None
        key = chance.choice(sorted(rows))
        if kind == "delete":
            return delete(key[0], key[2], key[1])
        body = self.references(chance, key[0])
        rows[key] |= body
        return patch(key[0], key[2], key[1], **body)

    async def play(self, events: list[tuple[str, int]]) -> None:
        """Do the events, some together, each deletion with the end that the model expects."""
        for number, (kind, seed) in enumerate(events):
            write = self.event(kind, seed, number)
            if write is not None and write.act == "delete":
                expected = self.model.delete((write.collection, write.parent, write.id))
                self.ends[expected] += 1
                code = ""
                try:
                    await self.world.write(write)
                except Refusal as refusal:
                    code = refusal.code
                assert code == ("" if expected else "conflict")
            elif write is not None:
                await self.world.write(write)
        assert await self.stored() == self.model.rows

    async def stored(self) -> Rows:
        """What the database has."""
        found: Rows = {}
        for name in FIELDS:
            for row in await self.world.storage.fetch(f"SELECT {RECORD_COLUMNS} FROM {name}"):
                found[name, row[0], row[1]] = documents.document_of(
                    await self.world.storage.record(name, row[0], row[1])  # type: ignore[arg-type]
                )
        return found


@settings(max_examples=40, deadline=None)
@given(EVENTS)
def test_any_deletions(events: list[tuple[str, int]]) -> None:
    """Whatever refers to whatever: what a deletion deletes, changes and is refused for is what the model says, and no
    reference is left to what is gone."""

    async def play() -> None:
        with TemporaryDirectory() as folder:
            async with opened(SqliteStorage(Path(folder)), ManualClock(), COLLECTIONS) as world:
                await Run(world).play(events)

    asyncio.run(play())


async def test_many_deletions(storage: Storage, clock: ManualClock) -> None:
    """The same in one long life on each database, in which deletions succeed and are refused."""
    chance = Random(7)
    events = [(chance.choice(["make", "make", "refer", "delete"]), chance.getrandbits(32)) for _ in range(400)]
    async with opened(storage, clock, COLLECTIONS) as world:
        run = Run(world)
        await run.play(events)
    assert min(run.ends.values()) >= 10
