"""Writes of people with different rights do the same on both databases, and what a small model of the rules says; and
nobody learns from any answer what is hidden from them."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Boolean, Field, Integer, List, Text
from hinterland.contract.identity import Principal
from hinterland.contract.query import Query
from hinterland.contract.records import Collection, Rules
from hinterland.contract.sync import Mutation
from hinterland.kit.clock import ManualClock
from hinterland.server.data.cursors import Seal
from hinterland.server.data.reader import RecordReader
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.journeys.model_of_writes import FREE, Answer, Model
from tests.server.data.world import ADMIN, KEY, World, opened
from tests.support.postgres import PostgresCluster

CALLERS = {"ada": Principal(id="ada"), "ben": Principal(id="ben"), FREE: ADMIN}
OWN = "auth.id == record.owner"
SEEN = f"{OWN} || record.open"
TAKING = f"auth.id == old.owner || (old.open && {OWN})"  # who makes an open record their own changes it
SHARING = "(auth.id == old.owner || old.open) && record.owner == old.owner"
_numbers = itertools.count()


def collection(update: str = TAKING) -> Collection:
    """A collection of its own for each example, so that the database is made once."""
    fields: dict[str, Field] = {
        "owner": Text(),
        "open": Boolean(),
        "text": Text(max_length=3),
        "fixed": Text(merge="server"),
        "count": Integer(minimum=0, maximum=20, merge="counter"),
        "tags": List(of=Text(), max_items=3, merge="set"),
        "secret": Integer(minimum=0, maximum=20, merge="counter", read=OWN),
        "notes": List(of=Text(), max_items=3, merge="set", read=OWN),
        "rank": Integer(minimum=0, maximum=20, merge="counter", write="admin"),
        "grade": Integer(read=OWN, write="admin"),
    }
    rules = Rules(list=SEEN, view=SEEN, create=OWN, update=update, delete=OWN)
    return Collection(name=f"things{next(_numbers)}", fields=fields, rules=rules)


# ------------------------------------------------------------------ what people do


class Act(NamedTuple):
    """One request: a push of one of the caller's devices where `base`, which counts back from the last revision, is
    given; `timestamp` is in seconds from now. `more` are its further writes."""

    caller: str
    act: Any
    id: str
    body: dict[str, Any]
    base: int | None = None
    timestamp: int = 0
    device: int = 0
    more: Sequence[tuple[Any, str, dict[str, Any]]] = ()


NUMBERS = st.integers(-1, 22)
LISTS = st.lists(st.sampled_from("abcd"), max_size=4, unique=True)
PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "owner": st.sampled_from(["ada", "ben", None]), "open": st.sampled_from([True, False, None]),
    "text": st.sampled_from(["a", "b", "long"]), "fixed": st.sampled_from("ab"), "count": NUMBERS, "tags": LISTS,
    "secret": NUMBERS, "notes": LISTS, "rank": st.integers(0, 3), "grade": st.integers(0, 3),
}  # fmt: skip
_COUNTED = st.integers(-12, 12).map(lambda n: {"$increment": n})
_ADDED = st.tuples(st.sampled_from(["$add", "$remove"]), st.lists(st.sampled_from("abcd"), max_size=2)).map(
    lambda pair: {pair[0]: pair[1]}
)
COUNTERS, SETS = ("count", "secret", "rank", "grade"), ("tags", "notes")
PATCHED = PLAIN | {name: PLAIN[name] | _COUNTED for name in COUNTERS} | {name: PLAIN[name] | _ADDED for name in SETS}
WHO, IDS, BASES = st.sampled_from([*CALLERS]), st.sampled_from("xy"), st.none() | st.integers(0, 3)
SERVER_FIELDS = st.integers(-3, 3)


def acts(who: st.SearchStrategy[str]) -> st.SearchStrategy[Act]:
    """Writes of any kind, alone and several together, of one record or of two."""
    rest = {name: values for name, values in PLAIN.items() if name != "owner"}
    whole = st.fixed_dictionaries({"owner": st.sampled_from(["ada", "ben"])}, optional=rest)
    names = st.lists(st.sampled_from([*PATCHED]), min_size=1, max_size=2, unique=True)  # few: one may refuse them all
    some = names.flatmap(lambda chosen: st.fixed_dictionaries({name: PATCHED[name] for name in chosen}))
    context = (BASES, SERVER_FIELDS, st.integers(0, 1), st.just(()))
    alone = st.one_of(
        st.builds(Act, who, st.sampled_from(["create", "replace"]), IDS, whole, *context),
        *[st.builds(Act, who, st.just("patch"), IDS, some, *context)] * 4,
        st.builds(Act, who, st.just("delete"), IDS, st.just({}), *context),
    )
    several = st.lists(alone, min_size=2, max_size=4).map(together)
    return st.one_of(alone, alone, several, st.tuples(alone, whole, some, IDS).flatmap(one_record))


def together(steps: Sequence[Act]) -> Act:
    """The writes of all as one request of the first one's caller."""
    return steps[0]._replace(more=[(step.act, step.id, step.body) for step in steps[1:]])


def one_record(parts: tuple[Act, dict[str, Any], dict[str, Any], str]) -> st.SearchStrategy[Act]:
    """One request that makes, changes and deletes one record in several orders, with equal creations among them."""
    step, whole, some, id = parts
    if step.caller != FREE:
        whole = {**whole, "owner": step.caller}
    create, patch = ("create", id, whole), ("patch", id, some)
    delete: tuple[Any, str, dict[str, Any]] = ("delete", id, {})
    orders = [[create, create], [create, delete, create], [create, patch], [create, patch, create],
              [delete, create, create], [delete, create, patch, delete]]  # fmt: skip
    return st.sampled_from(orders).map(
        lambda order: step._replace(act=order[0][0], id=id, body=order[0][2], more=order[1:])
    )


class Devices:
    """People's devices, which count what they push."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self._pushed: Counter[str] = Counter()

    async def do(self, act: Act) -> Answer:
        """What the server answers: a code, and the edits that it reports as lost."""
        every = [(act.act, act.id, act.body), *act.more]
        writes = [Write(act=kind, collection=self.name, id=id, body=body) for kind, id, body in every]
        caller = CALLERS[act.caller]
        try:
            if act.base is None:
                await self.world.write(*writes, caller=caller)
                return "applied", []
            device = f"{self.name}-{act.device}"
            self._pushed[f"{act.caller}/{device}"] += 1
            base = max((await self.world.storage.head()).revision - act.base, 0)
            seq, timestamp = self._pushed[f"{act.caller}/{device}"], self.world.clock.now() + act.timestamp
            mutation = Mutation(
                seq=seq, id=f"{device}-{seq}", writes=writes, base=[base] * len(writes), timestamp=timestamp
            )
            result = (await self.world.push(caller, mutation, device=device, acknowledged=seq - 1)).results[0]
        except Refusal as refusal:
            return refusal.code, []
        lost = [(each.field, each.mine, each.theirs) for each in result.lost if each.field]
        return (result.status if result.problem is None else result.problem.code), lost


async def agree(storage: Storage, steps: Sequence[Act]) -> None:
    """Do the steps with the server and with the model, and compare each answer and each record."""
    declared = collection()
    async with opened(storage, ManualClock(), [declared]) as world:
        model, devices = Model((await world.storage.head()).revision), Devices(world, declared.name)
        for number, step in enumerate(steps):
            assert isinstance(world.clock, ManualClock)
            world.clock.jump(1)
            expected = model.do(step, world.clock.now())
            assert await devices.do(step) == expected, (number, step)
            for id in "xy":
                record = await world.storage.record(declared.name, "", id)
                shown = (
                    None if record is None else msgspec.json.decode(world.catalogue[declared.name].wire(ADMIN, record))
                )
                found = None if shown is None else {field: shown[field] for field in declared.fields}
                assert found == model.document(id), (number, step)


FIRST = [Act(FREE, "create", id, {"owner": owner, "open": True, "count": 5, "secret": 7, "rank": 9, "tags": ["a"]})
         for id, owner in (("x", "ada"), ("y", "ben"))]  # fmt: skip


@given(st.lists(acts(WHO), max_size=12))
@settings(max_examples=150)
def test_sqlite(tmp_path: Path, steps: list[Act]) -> None:
    """Of creations, replacements, patches, transforms, deletes and pushes over old bases, in any order, alone and
    several in one request, by an owner, a reader and an administrator, each has the outcome, the lost edits and the
    record that the model has."""
    asyncio.run(agree(SqliteStorage(tmp_path), [*FIRST, *steps]))


@given(st.lists(acts(WHO), max_size=12))
@settings(max_examples=40)
def test_postgres(writes_dsn: str, steps: list[Act]) -> None:
    """On PostgreSQL they have them too."""
    asyncio.run(agree(PostgresStorage(writes_dsn, connections=3), [*FIRST, *steps]))


@pytest.fixture(scope="module")
def writes_dsn(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """A database for all examples."""
    with postgres_cluster.database() as dsn:
        yield dsn


# ------------------------------------------------------------------ what a stranger learns

_SECRETS = {"secret": st.integers(0, 20), "notes": st.lists(st.sampled_from("abcd"), max_size=3, unique=True),
            "grade": st.integers(0, 3)}  # fmt: skip
BEFORE = st.fixed_dictionaries({**_SECRETS, "count": st.integers(0, 20), "fixed": st.sampled_from("ab"),
                                "tags": st.lists(st.sampled_from("abc"), unique=True)})  # fmt: skip
WORLD = st.tuples(BEFORE, st.fixed_dictionaries(_SECRETS))  # while nobody else saw the record, and since
FILTERS = ["record.count > 3", "record.text.contains('a') || record.fixed == 'b'", "size(record.tags) > 0",
           "record.secret > 3", "has(record.grade)"]  # fmt: skip
LOOKS = st.sampled_from([None, *FILTERS])


async def reported(
    world: World, name: str, hidden: Sequence[dict[str, Any]], steps: Sequence[Act | str | None]
) -> list[Any]:
    """All that Ben gets in a world with these hidden values, of Ada's records: one that she opened, one that not."""
    before, since = hidden
    opened_up = {**since, "open": True, "count": 5, "fixed": "c", "tags": ["a"], "rank": 2}
    for id, bodies in (("y", [before, since]), ("x", [before, opened_up])):
        await world.write(Write(act="create", collection=name, id=id, body={"owner": "ada", **bodies[0]}))
        await world.write(Write(act="patch", collection=name, id=id, body=bodies[1]))
    answers: list[Any] = []
    devices = Devices(world, name)
    for step in steps:
        if isinstance(step, Act):
            answers.append(await devices.do(step))
        answers.append(await seen(world, name, step if isinstance(step, str) else ""))
    return answers


async def seen(world: World, name: str, filter: str) -> list[Any]:
    """What Ben lists, counts, reads and pulls."""
    ben, entry, reader = (
        CALLERS["ben"],
        world.catalogue[name],
        RecordReader(world.storage, world.catalogue, Seal(KEY), world.clock),
    )
    found: list[Any] = []
    try:
        page = await reader.page(ben, entry, "", Query(filter=filter, total=True, limit=1))
        found += [page.total, bool(page.next), [entry.wire(ben, record) for record in page.records]]
    except Refusal as refusal:
        found.append(refusal.problem())
    for id in "xyz":
        try:
            found.append(entry.wire(ben, await reader.view(ben, entry, "", id)))
        except Refusal as refusal:
            found.append(refusal.message)
    pulled = await world.pull(ben, name)
    return [*found, msgspec.json.encode(pulled.changes)]


async def tell_apart(
    storages: Sequence[Storage], worlds: Sequence[Sequence[dict[str, Any]]], steps: Sequence[Any]
) -> None:
    """Compare what Ben gets in each world."""
    declared = collection(SHARING)
    answers = []
    for storage, hidden in zip(storages, worlds, strict=True):
        async with opened(storage, ManualClock(), [declared]) as world:
            answers.append(await reported(world, declared.name, hidden, steps))
    assert answers[0] == answers[1]


@given(st.tuples(WORLD, WORLD), st.lists(acts(st.just("ben")) | LOOKS, min_size=1, max_size=8))
@settings(max_examples=100)
def test_hidden_values_make_no_difference(
    tmp_path_factory: pytest.TempPathFactory, worlds: Any, steps: list[Act | str | None]
) -> None:
    """In two worlds that differ only in what is hidden from a person, now and before, every answer to them is the same
    byte for byte: to writes, pushes over old bases, lists, counts, reads and pulls."""
    asyncio.run(tell_apart([SqliteStorage(tmp_path_factory.mktemp("w")) for _ in range(2)], worlds, steps))
