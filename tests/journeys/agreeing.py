"""What each way of reading shows of a collection, for those who must agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import strategies as st

from hinterland.contract.aggregation import Aggregation
from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.events import Commit
from hinterland.contract.identity import SIGNED_OUT, Principal, RecordId
from hinterland.contract.query import Query
from hinterland.contract.records import Collection
from hinterland.kit.event_stream import EventStreamParser
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.cursors import Seal
from hinterland.server.data.projection import Included, Projection
from hinterland.server.data.reader import RecordPage, RecordReader
from hinterland.server.storage.protocol import StoredRecord
from hinterland.server.storage.statements import RECORD_COLUMNS
from tests.server.data.world import KEY, Listener, Replica, World

ADA = Principal(id="ada", roles=("staff", "a"))
BEN = Principal(id="ben")
CALLERS = (ADA, BEN, SIGNED_OUT)
Seen = dict[RecordId, Any]


def combined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Rules made of two or three others."""
    return st.one_of(
        st.tuples(parts, st.sampled_from(["&&", "||"]), parts).map(lambda three: f"({' '.join(three)})"),
        parts.map(lambda part: f"!({part})"),
        st.tuples(parts, parts, parts).map(lambda three: "({} ? {} : {})".format(*three)),
    )


# Rules of a collection that has `team` and `owner`; some ask members (team, user, role) and friends (one, other).
WORDS = ("ada", "ben", "red", "blue")
ASKED = (
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
)
_TESTS = st.sampled_from(ASKED)
RULES = _TESTS | st.recursive(_TESTS, combined, max_leaves=3)


async def stored(world: World, name: str) -> list[StoredRecord]:
    rows = await world.storage.fetch(f"SELECT {RECORD_COLUMNS} FROM {world.catalogue[name].table.name}")
    return [StoredRecord(*row) for row in rows]


async def by_list(world: World, declared: Collection, caller: Principal) -> Seen:
    """What a list shows, by cursor."""
    entry, found, cursor = world.catalogue[declared.name], dict[RecordId, Any](), ""
    while True:
        page = await reader_of(world).page(caller, entry, "", Query(limit=2, cursor=cursor))
        found |= shown_by(entry, caller, page)
        if not (cursor := page.next):
            return found


def shown_by(entry: Entry, caller: Principal, page: RecordPage) -> Seen:
    """The records of a page as the caller sees them."""
    texts = [entry.wire(caller, record) for record in page.records] if page.texts is None else page.texts
    return {record["id"]: record for record in map(msgspec.json.decode, texts)}


async def by_read(world: World, declared: Collection, caller: Principal) -> Seen:
    """What reads of every id show."""
    entry, found = world.catalogue[declared.name], dict[RecordId, Any]()
    for record in await stored(world, declared.name):
        with suppress(Refusal):
            if entry.asking and not caller.is_admin:
                text = (await reader_of(world).view_text(caller, entry, "", record.id, Projection(), "")).text
            else:
                text = entry.wire(caller, await reader_of(world).view(caller, entry, "", record.id))
            found[record.id] = msgspec.json.decode(text)
    return found


async def by_search(world: World, declared: Collection, caller: Principal, words: Sequence[str]) -> Seen:
    """What searches for each of some words find, together."""
    entry, found = world.catalogue[declared.name], dict[RecordId, Any]()
    for word in words:
        page = await reader_of(world).page(caller, entry, "", Query(search=word))
        found |= shown_by(entry, caller, page)
    return found


async def by_expand(world: World, declared: Collection, field: str, caller: Principal) -> Seen:
    """What comes with the records of a collection that refer to others by a field."""
    wanted = Projection(related=(Included(field),))
    entry = world.catalogue[declared.name]
    page = await reader_of(world).page(caller, entry, "", Query(limit=100), projection=wanted)
    related = [msgspec.json.decode(text)["_expand"][field] for text in page.texts or ()]
    return {record["id"]: record for record in related if record is not None}


async def by_groups(world: World, declared: Collection, caller: Principal, *fields: str) -> Counter[tuple[Any, ...]]:
    """How many records aggregates count by some fields."""
    asked = Aggregation(group=fields, count=("*",))
    page = await reader_of(world).aggregate(caller, world.catalogue[declared.name], "", asked)
    return Counter({tuple(item[field] for field in fields): item["count"] for item in page.items})


def reader_of(world: World) -> RecordReader:
    return RecordReader(world.storage, world.catalogue, Seal(KEY), world.clock)


async def by_events(listener: Listener, replica: Replica) -> Seen:
    """What the stream has sent since the collection was empty: ended, it still gives all that waits."""
    listener.subscription.end()
    parser = EventStreamParser()
    while data := await listener.subscription.next():
        for message in parser.feed(data):
            if message.event == "commit":
                replica.apply(msgspec.json.decode(message.data, type=Commit).changes)
    return ids(replica)


async def served(world: World, root: Listener) -> None:
    """Wait until the last commit was served to the administrator, and with that to everybody."""
    head = (await world.storage.head()).revision
    while root.subscription.revision < head:
        await root.next()


def ids(replica: Replica) -> Seen:
    return {key[2]: row for key, row in replica.rows.items()}


async def write(world: World, name: str, acts: Sequence[tuple[Any, str, dict[str, Any]]]) -> None:
    with suppress(Refusal):  # of what is there already, or is not
        await world.write(*[Write(act=act, collection=name, id=id, body=body) for act, id, body in acts])
