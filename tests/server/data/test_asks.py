"""Rules that ask other collections: in lists, single reads and writes, on each database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import List, Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.query import Query
from hinterland.contract.records import Collection, Rules
from hinterland.contract.sync import Mutation
from hinterland.kit.clock import ManualClock
from hinterland.server.data.catalogue import Catalogue, DeclarationError
from hinterland.server.data.cursors import Seal
from hinterland.server.data.reader import RecordReader
from hinterland.server.storage.protocol import Storage
from tests.server.data.acts import make, put, read
from tests.server.data.teams import COLLECTIONS, MEMBERS
from tests.server.data.world import ADA, ADMIN, BEN, KEY, World, delete, opened, patch
from tests.server.refused import refused

EVE = Principal(id="eve")


@pytest.fixture
async def asking(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """Ada owns the team red and is in blue; Ben is in red."""
    async with opened(storage, clock, COLLECTIONS) as world:
        await world.write(
            *[make("teams", name, title=name, country="it" if name == "red" else "fr") for name in ("red", "blue")],
            make("members", "1", team="red", user="ada", role="owner"),
            make("members", "2", team="red", user="ben"),
            make("members", "3", team="blue", user="ada"),
            *[make("posts", f"{team}{number}", team=team) for team in ("red", "blue", "grey") for number in "12"],
            make("posts", "none"),
            make("posts", "own", author="eve", team="grey"),
        )
        yield world


async def listed(world: World, caller: Principal, name: str, parent: str = "") -> list[object]:
    """The ids in a list, by cursor."""
    found: list[object] = []
    cursor = ""
    while True:
        reader = RecordReader(world.storage, world.catalogue, Seal(KEY), world.clock)
        page = await reader.page(caller, world.catalogue[name], parent, Query(limit=2, cursor=cursor))
        found += [record.id for record in page.records]
        if not (cursor := page.next):
            return found


async def viewed(world: World, caller: Principal, name: str) -> list[object]:
    """The ids that single reads show."""
    reader, entry = RecordReader(world.storage, world.catalogue, Seal(KEY), world.clock), world.catalogue[name]
    found: list[object] = []
    for id in await listed(world, ADMIN, name):
        try:
            found.append((await reader.view(caller, entry, "", id)).id)  # type: ignore[arg-type]
        except Refusal:
            continue
    return found


async def test_lists_and_reads(asking: World) -> None:
    """A list and a single read show the records whose condition holds for a record of the other collection."""
    assert await listed(asking, ADA, "posts") == ["blue1", "blue2", "red1", "red2"]
    assert await listed(asking, BEN, "posts") == ["red1", "red2"]
    assert await listed(asking, EVE, "posts") == ["own"]
    assert await listed(asking, SIGNED_OUT, "posts") == []
    assert await viewed(asking, BEN, "posts") == ["red1", "red2"]
    assert await viewed(asking, EVE, "posts") == []
    assert await listed(asking, BEN, "teams") == await viewed(asking, BEN, "teams") == ["red"]
    assert await listed(asking, BEN, "members") == await viewed(asking, BEN, "members") == ["1", "2"]


async def test_no_rule_of_the_asked_collection(asking: World) -> None:
    """A rule sees every record of the collection that it asks, whatever its caller may see there."""
    await asking.write(make("bans", "1", user="ben", team="red"), make("talks", "red", team="red"))
    with refused("forbidden"):
        await listed(asking, BEN, "bans")
    assert await listed(asking, BEN, "talks") == []
    assert await listed(asking, ADA, "talks") == ["red"]


async def test_negation(asking: World) -> None:
    """A value that is missing is an error, which denies in a negated question too: of the caller, of the record, and of
    a record that is asked where everything else of the condition may hold."""
    await asking.write(make("talks", "red", team="red"), make("talks", "none"), make("bans", "1", user="eve", team="x"))
    assert await listed(asking, BEN, "talks") == ["none", "red"]
    assert await listed(asking, SIGNED_OUT, "talks") == ["red"], "no ban of this team, for any user"
    assert await listed(asking, EVE, "talks") == ["red"]
    await asking.write(make("bans", "2", user="ben"), make("bans", "3", team="red"))
    assert await listed(asking, BEN, "talks") == []
    assert await listed(asking, SIGNED_OUT, "talks") == []


async def test_below_a_parent_and_nested(asking: World) -> None:
    """Records below a parent are asked by their parent's path; a question may have another inside."""
    await asking.write(
        make("pages", "r", team="red"),
        make("pages", "b", team="blue"),
        make("guests", "g", parent="teams/red", user="eve"),
        make("nations", "n", code="fr", user="eve"),
    )
    assert await listed(asking, EVE, "pages") == ["r"]
    assert await listed(asking, BEN, "pages") == []
    assert await viewed(asking, EVE, "pages") == ["b"]


async def test_writes(asking: World) -> None:
    """Creations, updates and deletions are decided by what the other collection holds when they are written."""
    await asking.write(make("posts", "n1", team="red"), caller=BEN)
    with refused("forbidden"):
        await asking.write(make("posts", "n2", team="blue"), caller=BEN)
    await asking.write(patch("posts", "n1", text="x"), caller=BEN)
    with refused("forbidden"):
        await asking.write(patch("posts", "n1", team="blue"), caller=BEN)
    with refused("not_found"):
        await asking.write(patch("posts", "blue1", text="x"), caller=BEN)
    with refused("forbidden"):
        await asking.write(delete("posts", "n1"), caller=BEN)
    await asking.write(delete("posts", "n1"), caller=ADA)
    with refused("unauthorized"):
        await asking.write(make("posts", "n3", team="red"), caller=SIGNED_OUT)


async def test_writes_of_one_request(asking: World) -> None:
    """A write is decided by what the request has written before: the first member of a new team makes it theirs, what
    was removed no longer counts, and what was changed counts as it is now."""
    await asking.write(
        make("teams", "new"),
        make("members", "n1", team="new", user="ben", role="owner"),
        make("members", "n2", team="new", user="eve"),
        make("posts", "n1", team="new"),
        delete("posts", "n1"),
        caller=BEN,
    )
    assert await read(asking, "members", "n2") is not None
    with refused("forbidden"):
        await asking.write(make("members", "n3", team="new", user="eve", role="owner"), caller=EVE)
    with refused("not_found"):
        await asking.write(delete("members", "n1"), patch("members", "n2", role="owner"), caller=BEN)
    with refused("forbidden"):
        await asking.write(patch("members", "n1", role=None), make("members", "n4", team="new", user="x"), caller=BEN)
    await asking.write(put("members", "1", team="red", user="ada"), make("posts", "n5", team="red"), caller=ADA)
    with refused("forbidden"):
        await asking.write(delete("posts", "n5"), caller=ADA)
    assert await read(asking, "members", "n4") is None


async def test_nested_in_one_request(asking: World) -> None:
    """A question inside another sees what the request has written of both collections."""
    nation, team = make("nations", "n", code="it", user="eve"), make("teams", "t", country="xx")
    page = make("pages", "p", team="red")
    with refused("forbidden"):
        await asking.write(page, caller=EVE)
    await asking.write(nation, team, caller=ADMIN)
    await asking.write(page, caller=EVE)
    await asking.write(patch("nations", "n", code="xx"))
    with refused("forbidden"):
        await asking.write(make("pages", "q", team="red"), caller=EVE)
    await asking.write(make("pages", "s", team="t"), caller=EVE)


async def test_writes_of_one_group(asking: World) -> None:
    """Requests that share a transaction are decided one after the other: one that removes a member is seen by those
    that follow, one that adds a member too."""

    async def submit(*writes: Write, caller: Principal = ADMIN) -> str:
        try:
            await asking.write(*writes, caller=caller)
        except Refusal as error:
            return error.code
        return ""

    results = await asyncio.gather(
        submit(make("posts", "g1", team="red"), caller=BEN),
        submit(delete("members", "2")),
        submit(make("posts", "g2", team="red"), caller=BEN),
        submit(make("members", "9", team="blue", user="ben")),
        submit(make("posts", "g3", team="blue"), caller=BEN),
        submit(patch("members", "9", team="red")),
        submit(make("posts", "g4", team="blue"), caller=BEN),
        submit(make("posts", "g5", team="red"), caller=BEN),
        submit(make("nations", "1", code="it", user="eve")),
        submit(make("pages", "g6", team="red"), caller=EVE),
        submit(make("pages", "g7", team="blue"), caller=EVE),
    )
    assert results == ["", "", "forbidden", "", "", "", "forbidden", "", "", "", "forbidden"]


async def test_a_device(asking: World) -> None:
    """A device's edits are decided and merged as any others: by what its user could see of the record's past."""
    base = (await asking.storage.head()).revision
    await asking.write(patch("posts", "red1", text="theirs"))
    edit = Mutation(seq=1, id="m1", timestamp=1.0, writes=[patch("posts", "red1", text="mine")], base=[base])
    result = await asking.push(BEN, edit)
    assert [each.status for each in result.results] == ["applied"]
    assert (await read(asking, "posts", "red1"))["text"] == "theirs", "an older edit than theirs loses"


async def test_an_index_answers(asking: World) -> None:
    """A list finds its records by an index, from the memberships of its caller, which an index finds too."""
    entry = asking.catalogue["teams"]
    rule = entry.rules["list"]
    assert rule is not None
    half = rule.halves("r0").sought
    assert half is not None
    found = f"SELECT r0.id FROM {entry.table.name} r0 WHERE {half.text} ORDER BY r0.id LIMIT 3"
    explain = "EXPLAIN QUERY PLAN " if asking.storage.dialect == "sqlite" else "EXPLAIN "
    if asking.storage.dialect == "postgres":
        await asking.write(*[make("members", f"x{n}", team=f"t{n}", user=f"u{n}") for n in range(900)])
    rows = await asking.storage.fetch(explain + found, half.bind({"auth": ADA.as_auth()}))
    plan = "\n".join(str(row) for row in rows)
    if asking.storage.dialect == "sqlite":
        assert "SEARCH r0 USING" in plan
        assert "SEARCH x1 USING INDEX members.user.index" in plan
        assert "SCAN" not in plan.replace("SCAN x1 USING INDEX", "")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("members == record.team", "members is a collection and has no value of its own"),
        ("members.all(m, m.team == record.team)", "all.. is for lists, members is a collection; write !members.exists"),
        ("members.exists(team, x.team == record.team)", 'unknown variable "x"'),
        ("members.exists(auth, auth.id == record.team)", '"auth" is already a variable'),
        ("members.exists(posts, posts.team == record.team)", '"posts" is already a variable'),
        ("members.exists(m, m.nothing == record.team)", 'm has no field "nothing"'),
        ("posts.exists(p, p.tags == record.tags)", "=="),
        ('["a"].exists(a, members.exists(m, m.team == a))', "can't be asked for each element of a list"),
        (
            "members.exists_one(m, m.team == record.team)",
            "write members.exists.…., the only question",
        ),
        ("nothing.exists(m, m.team == record.team)", 'unknown variable "nothing"; known: auth, record '),
        ("member.exists(m, m.team == record.team)", 'unknown variable "member"; did you mean "members"?'),
    ],
)
def test_what_is_refused(rule: str, message: str) -> None:
    """A question that has no meaning is refused when the rule is declared, with what to write."""
    with pytest.raises(DeclarationError, match=message):
        fields = {"team": Text(), "tags": List(of=Text())}
        Catalogue([MEMBERS, Collection(name="posts", fields=fields, rules=Rules(create=rule))], "sqlite")


def test_nesting_is_bounded() -> None:
    """Questions are nested two deep, and no deeper."""
    inner = "members.exists(c, c.team == b.team)"
    rule = f"members.exists(a, members.exists(b, b.team == a.team && {inner}))"
    with pytest.raises(DeclarationError, match="at most 2 deep"):
        Catalogue([MEMBERS, Collection(name="posts", fields={"team": Text()}, rules=Rules(list=rule))], "sqlite")


async def test_a_filter_of_a_caller(asking: World) -> None:
    """A caller's filter can't ask another collection."""
    reader = RecordReader(asking.storage, asking.catalogue, Seal(KEY), asking.clock)
    with refused("invalid_query", 'unknown variable "bans"'):
        await reader.page(ADA, asking.catalogue["posts"], "", Query(filter="bans.exists(b, b.team == record.team)"))
