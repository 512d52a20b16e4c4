"""With rules that ask other collections, list, read, search, aggregate, expand, event and pull agree on what each user
sees while memberships end, begin and change, and with cel-python on what the rule means."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from celpy.adapter import json_to_cel
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hinterland.contract.fields import Field, Reference, Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.query import Query
from hinterland.contract.records import Collection, Rules, users
from hinterland.kit.clock import ManualClock
from hinterland.kit.event_stream import EventStreamParser
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.figures.scale import sized
from tests.journeys.agreeing import (
    ADA,
    ASKED,
    BEN,
    RULES,
    WORDS,
    Seen,
    by_events,
    by_expand,
    by_groups,
    by_list,
    by_read,
    by_search,
    ids,
    reader_of,
    served,
    shown_by,
    stored,
    write,
)
from tests.kit.cel.engines import ask_oracle, oracle
from tests.server.data.acts import make
from tests.server.data.world import ADMIN, Listener, Replica, World, listen, opened
from tests.support.postgres import PostgresCluster

Test = TypeVar("Test", bound=Callable[..., None])
_numbers, _runs = itertools.count(), itertools.count()  # of collections; of examples, 40 of which share a file
EVERYTHING, PAGES = 0, -1  # a pull until there is no more; the next page of each list
PEOPLE = users(fields={"team": Text(write="admin")})
CALLERS = (
    msgspec.structs.replace(ADA, fields='{"team":"red"}'),
    msgspec.structs.replace(BEN, fields='{"team":null}'),
    SIGNED_OUT,
)
_values = st.none() | st.sampled_from(WORDS)


def _acts(ids: str, *names: str) -> st.SearchStrategy[tuple[str, str, dict[str, Any]]]:
    kinds = st.sampled_from(["create", "create", "patch", "delete"])
    return st.tuples(kinds, st.sampled_from(ids), st.fixed_dictionaries({}, optional=dict.fromkeys(names, _values)))


_ENDS = st.tuples(
    st.just("end"), st.sampled_from("xy"), st.sampled_from([None, {"user": "eve"}, {"team": "grey"}, {"role": None}])
)
_TEAMS = st.tuples(st.just("auth"), st.sampled_from(CALLERS[:2]), st.sampled_from(["blue", "red", None]))
_CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("things"), st.lists(_acts("abc", "team", "owner", "secret"), min_size=1, max_size=3)),
        st.tuples(st.just("members"), st.lists(_acts("xy", "team", "user", "role"), min_size=1, max_size=2)),
        st.tuples(st.just("friends"), st.lists(_acts("p", "one", "other"), min_size=1, max_size=1)),
        st.sampled_from([1, 3, EVERYTHING, EVERYTHING, PAGES, PAGES]),
        _ENDS,
        _TEAMS,
    ),
    max_size=4,
)
# There are memberships that show something before the first step; in each example one ends, and an account changes.
STEPS = st.tuples(
    _CHANGES, st.one_of(st.tuples(_ENDS, _CHANGES, _TEAMS), st.tuples(_TEAMS, _CHANGES, _ENDS)), _CHANGES
).map(lambda drawn: [*drawn[0], drawn[1][0], *drawn[1][1], drawn[1][2], *drawn[2]])
FIRST: tuple[tuple[str, list[tuple[str, str, dict[str, Any]]]], ...] = (
    ("things", [("create", "a", {"team": "red", "owner": "ben", "secret": "a"}),
                ("create", "b", {"team": "blue", "owner": "ada", "secret": "b"}),
                ("create", "c", {"team": "red", "owner": "red"}), ("create", "d", {"team": "blue", "secret": "d"})]),
    ("members", [("create", "x", {"team": "red", "user": "ada", "role": "red"}),
                 ("create", "y", {"team": "blue", "user": "ben", "role": "ada"})]),
)  # fmt: skip


def declared(rule: str, reading: str) -> tuple[Collection, ...]:
    """Collections of their own for each example, so that the database is made once. Things have a field that the rule
    `reading` shows."""
    number = next(_numbers)

    def named(text: str) -> str:
        return text.replace("members.", f"members{number}.").replace("friends.", f"friends{number}.")

    def made(name: str, rules: Rules, *fields: str) -> Collection:
        own: dict[str, Field] = {field: Text(index=field != "role", search=field == "owner") for field in fields}
        if name == "things":
            own["secret"] = Text(read=named(reading))
        return Collection(name=f"{name}{number}", fields=own, rules=rules)

    rules = Rules(list=named(rule), view=named(rule))
    return (
        made("things", rules, "team", "owner"),
        made("members", Rules(), "team", "user", "role"),
        made("friends", Rules(), "one", "other"),
        Collection(name=f"marks{number}", fields={"thing": Reference(to=f"things{number}")}, rules=Rules(list="true")),
    )


async def rows(world: World, name: str) -> list[dict[str, Any]]:
    """All records of a collection, with the values that they have."""
    wire = world.catalogue[name].wire
    found = [msgspec.json.decode(wire(ADMIN, record)) for record in await stored(world, name)]
    return [{name: value for name, value in row.items() if value is not None} for row in found]


def _without_nulls(auth: dict[str, object] | None) -> Any:
    known = {} if auth is None else {name: value for name, value in auth.items() if value is not None}
    return None if auth is None else json_to_cel(known)


async def by_oracle(world: World, collections: Sequence[Collection], caller: Principal) -> Seen:
    """What the rules show, as cel-python understands them: a collection is a list of its records."""
    things, *others = collections[:3]
    program, reading = oracle(things.rules.list), oracle(things.fields["secret"].read)
    variables = {other.name: json_to_cel(await rows(world, other.name)) for other in others}
    variables["auth"] = _without_nulls(caller.as_auth())
    wire = world.catalogue[things.name].wire
    seen: Seen = {}
    for record, row in zip(await stored(world, things.name), await rows(world, things.name), strict=True):
        given = {**variables, "record": json_to_cel(row)}
        if ask_oracle(program, given) is True:
            seen[record.id] = msgspec.json.decode(wire(ADMIN, record))
            if ask_oracle(reading, given) is not True:
                del seen[record.id]["secret"]
    return seen


class Reader:
    """A user with a device, a stream and a list that is read from page to page."""

    def __init__(self, world: World, collections: Sequence[Collection], caller: Principal, listener: Listener) -> None:
        self.world = world
        self.collections = collections
        self.things = collections[0]
        self.caller = caller
        self.device = Replica(world, caller, self.things.name)
        self.streamed = Replica(world, caller, self.things.name)
        self.listener = listener
        self._cursor, self._last = "", (False, "", "")

    async def follow(self, step: int) -> None:
        """Pull or read a page."""
        if step == PAGES:
            await self.next_page()
        else:
            await (self.device.page(step) if step else self.device.sync())

    async def next_page(self) -> None:
        """The next page has the first of the records behind those before it that the caller sees now."""
        expected = await by_oracle(self.world, self.collections, self.caller)
        rest = sorted(key for row in expected.values() if (key := _place(row)) > self._last)
        query = Query(limit=1, sort=("team",), cursor=self._cursor)
        entry = self.world.catalogue[self.things.name]
        page = await reader_of(self.world).page(self.caller, entry, "", query)
        found = [*shown_by(entry, self.caller, page)]
        assert found == [id for _, _, id in rest[:1]], (self.caller, self.things.rules)
        assert (page.next != "") == (len(rest) > 1), (self.caller, self.things.rules)
        self._cursor, self._last = page.next, rest[0] if page.next else (False, "", "")

    async def join(self, team: str | None) -> None:
        """Have another team on the account. The stream ends with that; the next one continues from the device's
        cursor, or says that what it shows is to be read again."""
        await self.device.sync()
        self.caller = self.device.caller = msgspec.structs.replace(
            self.caller, fields=msgspec.json.encode({"team": team}).decode()
        )
        self.listener.subscription.end()
        subscription = await self.world.subscribe(self.caller, self.things.name, cursor=self.device.cursor)
        opening = EventStreamParser().feed(await subscription.next())
        self.streamed.rows = dict(self.device.rows)
        if any(message.event == "resync" for message in opening):
            fresh = Replica(self.world, self.caller, self.things.name)
            await fresh.sync()
            self.streamed.rows = fresh.rows
        while not (subscription.is_live or subscription.has_ended):
            await self.world.feed.catch_up(subscription)
        self.listener = Listener(subscription)

    async def compare(self) -> None:
        """Whether all ways of reading show what the rule means."""
        world, things, caller = self.world, self.things, self.caller
        expected = await by_oracle(world, self.collections, caller)
        fresh = Replica(world, caller, things.name)
        await fresh.sync(2)
        await self.device.sync(2)
        answers = {
            "list": await by_list(world, things, caller),
            "read": await by_read(world, things, caller),
            "expand": await by_expand(world, self.collections[3], "thing", caller),
            "pull": ids(self.device),
            "first pull": ids(fresh),
        }
        if not self.listener.subscription.has_ended:  # else its reader reads the collection again
            answers["event"] = await by_events(self.listener, self.streamed)
        for way, seen in answers.items():
            assert seen == expected, (way, caller, things.rules, things.fields["secret"].read)
        found = {id: row for id, row in expected.items() if row["owner"] is not None}
        assert await by_search(world, things, caller, WORDS) == found
        groups = Counter((row["team"], row["owner"]) for row in expected.values())
        assert await by_groups(world, things, caller, "team", "owner") == groups


def _place(row: dict[str, Any]) -> tuple[bool, str, str]:
    """Where a record stands in the order of teams: first those that have none."""
    return row["team"] is not None, row["team"] or "", row["id"]


async def agree(storage: Storage, rule: str, reading: str, steps: Sequence[Any]) -> None:
    """Write, look in between, and compare at the end."""
    collections = declared(rule, reading)
    things, names = collections[0].name, {each.name.rstrip("0123456789"): each.name for each in collections}
    async with opened(storage, ManualClock(), (PEOPLE, *collections), auth_fields=("team",)) as world:
        root = await listen(world, ADMIN, *names.values())
        readers = [Reader(world, collections, each, await listen(world, each, things)) for each in CALLERS]
        for step in (*FIRST, EVERYTHING, PAGES, *steps):
            match step:
                case int():
                    for reader in readers:
                        await reader.follow(step)
                case ("end", id, fields):  # which devices have synced, and lists have begun
                    for reader in readers:
                        await reader.follow(EVERYTHING)
                        await reader.follow(PAGES)
                    await write(world, names["members"], [("delete" if fields is None else "patch", id, fields or {})])
                    for reader in readers:
                        await reader.follow(PAGES)
                case ("auth", caller, team):
                    await served(world, root)
                    await readers[CALLERS.index(caller)].join(team)
                case _:
                    await write(world, names[step[0]], step[1])
        await world.write(*[make(names["marks"], thing=record.id) for record in await stored(world, things)])
        await served(world, root)
        for reader in readers:
            await reader.compare()


def every_rule(test: Test) -> Test:
    """Begin with an example of each rule, for a record and for a field of it."""
    changed = [("auth", CALLERS[0], "blue"), ("auth", CALLERS[1], "red")]
    steps = [changed[0], ("end", "x", None), changed[1], ("end", "y", {"user": "eve"})]
    for rule, reading in zip(ASKED, (*ASKED[3:], "true", *ASKED[:2]), strict=True):
        test = example(rule, reading, steps)(test)
    for reading in ASKED[:2]:
        test = example("true", reading, steps)(test)
    return test


@every_rule
@given(RULES, RULES, STEPS)
@settings(max_examples=sized(30, 300))
def test_sqlite(tmp_path: Path, rule: str, reading: str, steps: list[Any]) -> None:
    """list, read, search, aggregate, expand, event and pull agree on what each of two users, and a stranger, sees; SQL,
    predicate and cel-python agree."""
    asyncio.run(agree(SqliteStorage(tmp_path / str(next(_runs) // 40)), rule, reading, steps))


@every_rule
@given(RULES, RULES, STEPS)
@settings(max_examples=sized(10, 60))
def test_postgres(related_dsn: str, rule: str, reading: str, steps: list[Any]) -> None:
    """On PostgreSQL they agree too."""
    asyncio.run(agree(PostgresStorage(related_dsn, connections=3), rule, reading, steps))


@pytest.fixture(scope="module")
def related_dsn(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """A database for all examples."""
    with postgres_cluster.database() as dsn:
        yield dsn
