"""With rules that ask other collections, list, read, search, aggregate, expand, event and pull agree on what each user
sees while memberships change, and with cel-python on what the rule means."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from celpy.adapter import json_to_cel
from hypothesis import given, settings
from hypothesis import strategies as st

from hinterland.contract.fields import Field, Reference, Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.records import Collection, Rules, users
from hinterland.kit.clock import ManualClock
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.journeys.agreeing import (
    ADA,
    BEN,
    Seen,
    by_events,
    by_expand,
    by_groups,
    by_list,
    by_read,
    by_search,
    combined,
    ids,
    served,
    stored,
    write,
)
from tests.kit.cel.engines import ask_oracle, oracle
from tests.server.data.acts import make
from tests.server.data.world import ADMIN, Replica, World, listen, opened
from tests.support.postgres import PostgresCluster

_numbers = itertools.count()
EVERYTHING = 0  # a pull until there is no more
PEOPLE = users(fields={"team": Text(write="admin")})
CALLERS = (
    msgspec.structs.replace(ADA, fields='{"team":"red"}'),
    msgspec.structs.replace(BEN, fields='{"team":null}'),
    SIGNED_OUT,
)
WORDS = ("ada", "ben", "red", "blue")
TESTS = st.sampled_from([
    "members.exists(m, m.team == record.team && m.user == auth.id)",
    "members.exists(m, m.user == auth.id && m.role in ['red', 'ada'] && m.team == record.team)",
    "members.exists(m, m.team == record.id && m.user == record.owner)",
    "members.exists(m, m.user == auth.id)",
    "members.exists(m, m.team == 'ada/' + record.team && m.user == auth.id)",
    "members.exists(m, m.user == auth.id && (m.team == record.team || m.role == record.owner))",
    "members.exists(m, m.team == record.team && friends.exists(f, f.one == m.user && f.other == auth.id))",
    "friends.exists(f, f.one == record.owner && f.other == auth.id)",
    "members.exists(m, has(m.role) && m.team == record.team)",
    "members.exists(m, m.team == auth.team && m.user == record.owner)",
    "auth.team == record.team",
    "auth.id == record.owner",
    "record.team == 'red'",
])  # fmt: skip
RULES = st.recursive(TESTS, combined, max_leaves=3)
_values = st.none() | st.sampled_from(WORDS)


def _acts(ids: str, *names: str) -> st.SearchStrategy[tuple[str, str, dict[str, Any]]]:
    kinds = st.sampled_from(["create", "create", "patch", "delete"])
    return st.tuples(kinds, st.sampled_from(ids), st.fixed_dictionaries({}, optional=dict.fromkeys(names, _values)))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("things"), st.lists(_acts("abc", "team", "owner"), min_size=1, max_size=3)),
        st.tuples(st.just("members"), st.lists(_acts("xy", "team", "user", "role"), min_size=1, max_size=2)),
        st.tuples(st.just("friends"), st.lists(_acts("p", "one", "other"), min_size=1, max_size=1)),
        st.sampled_from([1, 3, EVERYTHING, EVERYTHING]),
    ),
    min_size=4,
    max_size=14,
)


def declared(rule: str) -> tuple[Collection, ...]:
    """Collections of their own for each example, so that the database is made once."""
    number = next(_numbers)

    def made(name: str, rules: Rules, *fields: str) -> Collection:
        own: dict[str, Field] = {field: Text(index=field != "role", search=field == "owner") for field in fields}
        return Collection(name=f"{name}{number}", fields=own, rules=rules)

    named = rule.replace("members.", f"members{number}.").replace("friends.", f"friends{number}.")
    rules = Rules(list=named, view=named)
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
    """What the rule shows, as cel-python understands it: a collection is a list of its records."""
    things, *others = collections[:3]
    program = oracle(things.rules.list)
    variables = {other.name: json_to_cel(await rows(world, other.name)) for other in others}
    variables["auth"] = _without_nulls(caller.as_auth())
    wire = world.catalogue[things.name].wire
    return {
        record.id: msgspec.json.decode(wire(ADMIN, record))
        for record, row in zip(await stored(world, things.name), await rows(world, things.name), strict=True)
        if ask_oracle(program, {**variables, "record": json_to_cel(row)}) is True
    }


async def agree(storage: Storage, rule: str, steps: Sequence[Any]) -> None:
    """Write, look in between, and compare at the end."""
    collections = declared(rule)
    things, names = collections[0].name, {each.name.rstrip("0123456789"): each.name for each in collections}
    async with opened(storage, ManualClock(), (PEOPLE, *collections), auth_fields=("team",)) as world:
        listeners = [await listen(world, caller, things) for caller in (ADMIN, *CALLERS)]
        devices = [Replica(world, caller, things) for caller in CALLERS]
        root = await listen(world, ADMIN, *names.values())
        for step in steps:
            if isinstance(step, int):
                for device in devices:
                    await (device.page(step) if step else device.sync())
            else:
                await write(world, names[step[0]], step[1])
        await served(world, root)
        marked = [make(collections[3].name, thing=record.id) for record in await stored(world, things)]
        for caller, listener, device in zip(CALLERS, listeners[1:], devices, strict=True):
            expected = await by_oracle(world, collections, caller)
            fresh = Replica(world, caller, things)
            await fresh.sync(2)
            await device.sync(2)
            answers = {
                "list": await by_list(world, collections[0], caller),
                "read": await by_read(world, collections[0], caller),
                "pull": ids(device),
                "first pull": ids(fresh),
            }
            if not listener.subscription.has_ended:  # else its reader reads the collection again
                answers["event"] = await by_events(listener, Replica(world, caller))
            for way, seen in answers.items():
                assert seen == expected, (way, caller, rule)
            found = {id: row for id, row in expected.items() if row["owner"] is not None}
            assert await by_search(world, collections[0], caller, WORDS) == found
            groups = Counter((row["team"], row["owner"]) for row in expected.values())
            assert await by_groups(world, collections[0], caller, "team", "owner") == groups
        await world.write(*marked)
        for caller in CALLERS:
            expanded = await by_expand(world, collections[3], "thing", caller)
            assert expanded == await by_list(world, collections[0], caller), (caller, rule)


@given(RULES, STEPS)
@settings(max_examples=40)
def test_sqlite(tmp_path: Path, rule: str, steps: list[Any]) -> None:
    """list, read, search, aggregate, expand, event and pull agree on what each of two users, and a stranger, sees; SQL,
    predicate and cel-python agree."""
    asyncio.run(agree(SqliteStorage(tmp_path), rule, steps))


@given(RULES, STEPS)
@settings(max_examples=15)
def test_postgres(related_dsn: str, rule: str, steps: list[Any]) -> None:
    """On PostgreSQL they agree too."""
    asyncio.run(agree(PostgresStorage(related_dsn, connections=3), rule, steps))


@pytest.fixture(scope="module")
def related_dsn(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """A database for all examples."""
    with postgres_cluster.database() as dsn:
        yield dsn
