"""List, read, event and pull agree on what each user sees, and with cel-python on what the rule means."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from celpy.adapter import json_to_cel
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from hinterland.contract.fields import Boolean, Field, Integer, List, Text
from hinterland.contract.identity import Principal
from hinterland.contract.records import Collection, Rules
from hinterland.kit.clock import ManualClock
from hinterland.server.data.catalogue import Catalogue, DeclarationError
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.journeys.agreeing import (
    CALLERS,
    Seen,
    by_events,
    by_list,
    by_read,
    combined,
    ids,
    served,
    stored,
    write,
)
from tests.kit.cel.engines import ask_oracle, oracle
from tests.server.data.world import ADMIN, Replica, World, listen, opened
from tests.support.postgres import PostgresCluster

WORDS = ("", "a", "ada", "ben", "é", "😀", "Z")
_numbers = itertools.count()

# ------------------------------------------------------------------ rules and records

TESTS = st.sampled_from(
    """
    true; false; auth.id == record.owner; auth.id != record.owner; auth.id in record.members; record.open; !record.open
    record.n > 1; record.n % 2 == 0; 10 / record.n > 3; record.n == record.n; record.title < record.owner
    record.title.startsWith("a"); record.title.contains(auth.id); record.title in ["a", "é"]; "staff" in auth.roles
    auth.roles.exists(r, r == record.title); record.members.all(m, m != auth.id); record.members[0] == auth.id
    size(record.members) > 1; size(record.title) == 1; has(record.owner); !has(record.members); record.id > "m"
    record.revision > 6; record.title.size() < 3
    """.strip()
    .replace("\n", ";")
    .split(";")
).map(str.strip)


RULES = st.recursive(TESTS, combined, max_leaves=5)
VALUES = {
    "title": st.none() | st.sampled_from(WORDS),
    "owner": st.none() | st.sampled_from(WORDS),
    "n": st.none() | st.integers(-3, 4),
    "members": st.none() | st.lists(st.sampled_from(WORDS), max_size=3),
    "open": st.none() | st.booleans(),
    "draft": st.none() | st.sampled_from(WORDS),
}
ACTS = st.tuples(st.sampled_from(["create", "create", "patch", "patch", "delete"]), st.sampled_from("abcxyz"),
                 st.fixed_dictionaries({}, optional=VALUES))  # fmt: skip
STEPS = st.lists(st.one_of(st.lists(ACTS, min_size=1, max_size=3), st.sampled_from([1, 3])), min_size=3, max_size=14)


def collection(rule: str, private: str) -> Collection:
    """A collection of its own for each example, so that the database is made once."""
    fields: dict[str, Field] = {
        "title": Text(),
        "owner": Text(),
        "n": Integer(),
        "members": List(of=Text()),
        "open": Boolean(),
        "draft": Text(read=private),
    }
    return Collection(name=f"things{next(_numbers)}", fields=fields, rules=Rules(list=rule, view=rule))


# ------------------------------------------------------------------ the five who must agree


def asked(rule: str, records: Sequence[dict[str, Any]], caller: Principal) -> Iterator[bool]:
    """What cel-python says of each record."""
    program = oracle(rule)
    auth = json_to_cel(caller.as_auth()) if caller.is_signed_in else None
    for record in records:
        values = {name: value for name, value in record.items() if value is not None}
        yield ask_oracle(program, {"record": json_to_cel(values), "auth": auth}) is True


async def by_oracle(world: World, declared: Collection, caller: Principal) -> Seen:
    """What the rules show, as cel-python understands them."""
    wire = world.catalogue[declared.name].wire
    records = [msgspec.json.decode(wire(ADMIN, record)) for record in await stored(world, declared.name)]
    shown = asked(declared.rules.list, records, caller)
    readable = asked(declared.fields["draft"].read, records, caller)
    return {
        record["id"]: {name: value for name, value in record.items() if may_read or name != "draft"}
        for record, is_shown, may_read in zip(records, shown, readable, strict=True)
        if is_shown
    }


# ------------------------------------------------------------------ the trip


async def agree(storage: Storage, rule: str, private: str, steps: Sequence[Any]) -> None:
    """Write, look in between, and compare at the end."""
    declared = collection(rule, private)
    async with opened(storage, ManualClock(), [declared]) as world:
        listeners = [await listen(world, caller, declared.name) for caller in (ADMIN, *CALLERS)]
        devices = [Replica(world, caller, declared.name) for caller in CALLERS]
        for step in steps:
            if isinstance(step, int):
                for device in devices:
                    await device.page(step)
            else:
                await write(world, declared.name, step)
        await served(world, listeners[0])
        for caller, listener, device in zip(CALLERS, listeners[1:], devices, strict=True):
            fresh = Replica(world, caller, declared.name)
            await fresh.sync(2)
            await device.sync(2)
            answers = {
                "list": await by_list(world, declared, caller),
                "read": await by_read(world, declared, caller),
                "event": await by_events(listener, Replica(world, caller)),
                "pull": ids(device),
                "first pull": ids(fresh),
            }
            expected = await by_oracle(world, declared, caller)
            for way, seen in answers.items():
                assert seen == expected, (way, caller, rule, private)


def check(storage: Storage, rule: str, private: str, steps: Sequence[Any]) -> None:
    """One example; a rule that can't be exact is refused when it is declared, and is none."""
    try:
        Catalogue([collection(rule, private)], storage.dialect)
    except DeclarationError as error:
        note(str(error))
        assume(False)
    asyncio.run(agree(storage, rule, private, steps))


@given(RULES, RULES, STEPS)
@settings(max_examples=60)
def test_sqlite(tmp_path: Path, rule: str, private: str, steps: list[Any]) -> None:
    """list, read, event and pull agree on what each of two users, and a stranger, sees; SQL, predicate and cel-python
    agree."""
    check(SqliteStorage(tmp_path), rule, private, steps)


@given(RULES, RULES, STEPS)
@settings(max_examples=25)
def test_postgres(agreement_dsn: str, rule: str, private: str, steps: list[Any]) -> None:
    """On PostgreSQL they agree too."""
    check(PostgresStorage(agreement_dsn, connections=3), rule, private, steps)


@pytest.fixture(scope="module")
def agreement_dsn(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """A database for all examples."""
    with postgres_cluster.database() as dsn:
        yield dsn
