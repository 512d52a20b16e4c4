"""Rules as predicates and as SQL: both say the same of a record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Boolean, Bytes, Field, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.records import EVERYBODY, META, Collection, Rules, users
from hinterland.kit.cel.conditions import cel, eq
from hinterland.kit.cel.errors import CelError
from hinterland.kit.clock import ManualClock
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.rules import RuleBook
from hinterland.server.storage.protocol import DialectName, Storage, StoredRecord
from hinterland.server.storage.statements import META_COLUMNS, RECORD_COLUMNS
from tests.server.data.world import ADA, World, opened, patch
from tests.server.refused import refused

ITEMS = Collection(
    name="items",
    fields={
        "text": Text(), "whole": Integer(), "number": Number(), "flag": Boolean(), "at": Instant(), "big": Int64(),
        "bytes": Bytes(), "any": Json(), "tags": List(of=Text()), "numbers": List(of=Integer()),
    },
    rules=EVERYBODY,
)  # fmt: skip
FULL = {"text": "ä'b", "whole": 3, "number": 1.5, "flag": True, "at": "2026-01-01T00:00:00Z", "big": "9007199254740993",
        "bytes": "AAH/", "any": {"a": [1, {"b": None}]}, "tags": ["x", "ada"], "numbers": [3]}  # fmt: skip
EXPRESSIONS = [
    "true", "record.text == \"ä'b\"", "record.text != 'x'", "record.whole > 2 && record.number < 2.0", "record.flag",
    "!record.flag", "record.at < timestamp('2026-01-02T00:00:00Z')", "record.big == 9007199254740993",
    "record.bytes == b'\\x00\\x01\\xff'", "record.any == null", "has(record.any)", "auth.id in record.tags",
    "record.whole in record.numbers", "record.text == null", "record.whole == null || record.whole == 3",
    "record.id == 'full'", "record.revision > 0 && record.parent == ''", "record.created_at == record.updated_at",
    "auth != null && size(auth.roles) == 0", "size(record.tags) == 2",
    "record.text.contains('b') ? record.flag : false",
]  # fmt: skip


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A full and an empty record on each database."""
    async with opened(storage, clock, (users(), ITEMS)) as made:
        bodies: dict[str, Any] = {"full": FULL, "empty": {}}
        await made.write(*(Write(act="create", collection="items", id=id, body=body) for id, body in bodies.items()))
        yield made


@pytest.mark.parametrize("text", EXPRESSIONS)
async def test_sql_and_predicate_agree(world: World, text: str) -> None:
    """What SQL selects is what the predicate allows, for values of every kind and for none."""
    entry = world.catalogue["items"]
    rule = entry.book.condition(cel(text).key)
    columns = ", ".join(f"r.{name}" for name in RECORD_COLUMNS.split(", "))
    condition = rule.whole("r")
    sql = f'SELECT {columns} FROM "items" r WHERE ({condition.text})'
    selected = {row[1] for row in await world.storage.fetch(sql, condition.bind({"auth": ADA.as_auth()}))}
    records = [StoredRecord(*row) for row in await world.storage.fetch(f'SELECT {columns} FROM "items" r')]
    allowed = {r.id for r in records if rule.allows(entry.variable(r, rule), ADA.as_auth())}
    assert selected == allowed
    assert rule.whole("r") is condition


def book() -> RuleBook:
    """The compiler for the items' expressions."""

    return Catalogue([ITEMS], "sqlite")["items"].book


def test_what_a_rule_reads() -> None:
    """A rule tells which fields it reads, so that a hidden one is noticed and a document decoded only where needed."""
    rule = book().rule("record.text == 'x' && has(record.any) && auth.id == old.text")
    assert rule is not None
    assert (rule.reads_record, rule.reads_old, rule.needs_document) == (frozenset({"text", "any"}), True, True)
    meta = book().condition(cel("record.id == 'x' || record.revision > 1").key)
    assert not meta.needs_document
    assert meta.reads_record <= META_COLUMNS.keys()
    assert book().rule(" ") is None


def test_columns_of_what_every_record_has() -> None:
    """What a record has in addition to its fields has a column that no field can have."""
    assert META_COLUMNS.keys() == set(META)
    assert all(name == "id" or name.startswith("_") for name in META_COLUMNS.values())


def test_conditions_know_no_old_record() -> None:
    """A caller's condition reads `record` and `auth`; it is compiled once, whatever values are given beside it."""
    with pytest.raises(CelError):
        book().condition(cel("old.text == 'x'").key)
    made = book()
    assert made.condition(cel("record.flag").key) is made.condition(cel("record.flag").key)
    assert made.condition(eq("whole", 1).key) is made.condition(eq("whole", 2).key)


async def test_the_record_before_an_update(storage: Storage, clock: ManualClock) -> None:
    """A rule of an update sees all of the record before it: its id, revision and times beside its fields."""
    same = "old.id == record.id && old.created_at == record.created_at && old.revision == 1 && old.text == 'a'"
    rules = msgspec.structs.replace(EVERYBODY, update=same)
    async with opened(storage, clock, (users(), msgspec.structs.replace(ITEMS, rules=rules))) as made:
        await made.write(Write(act="create", collection="items", id="x", body={"text": "a"}))
        await made.write(patch("items", "x", text="b"), caller=ADA)
        with refused("forbidden"):
            await made.write(patch("items", "x", text="a"), caller=ADA)


@pytest.mark.parametrize(
    ("dialect", "found"), [("sqlite", '."team" IN (SELECT '), ("postgres", '."team" = ANY (ARRAY (SELECT ')]
)
def test_either_is_found_by_indexes(dialect: DialectName, found: str) -> None:
    """Where indexes answer each branch of `||`, a question to another collection too, all of it is sought in them;
    where one branch has none, it is tested."""
    rule = "record.owner == auth.id || members.exists(m, m.team == record.team && m.user == auth.id)"
    members = Collection(name="members", fields={"team": Text(), "user": Text(index=True)})
    for is_indexed in (True, False):
        fields: dict[str, Field] = {"owner": Text(index=is_indexed), "team": Text(index=True)}
        posts = Collection(name="posts", fields=fields, rules=Rules(list=rule))
        listed = Catalogue([members, posts], dialect)["posts"].rules["list"]
        assert listed is not None
        sought, tested = listed.halves("r0")
        kept, other = (sought, tested) if is_indexed else (tested, sought)
        assert other is None
        assert kept is not None
        assert found in kept.text
