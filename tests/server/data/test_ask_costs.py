"""What the questions of rules may cost a request, whose own writes they concern."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Text
from hinterland.contract.records import Collection, Rules
from hinterland.contract.values import instant
from hinterland.kit.clock import ManualClock
from hinterland.server.data import ask_costs
from hinterland.server.data.ask_costs import AskCosts
from hinterland.server.data.asks import nothing_staged
from hinterland.server.data.new_ids import NewIds
from hinterland.server.data.plan import Plan
from hinterland.server.data.requests import CallerLeft, WriteRequest
from hinterland.server.data.state import State
from hinterland.server.storage.protocol import Storage
from tests.server.data.acts import make
from tests.server.data.world import ADA, ADMIN, BEN, World, opened, patch
from tests.server.refused import refused

ANYBODY = Rules(list="true", view="true", create="auth != null", update="auth != null", delete="auth != null")
LINKS = Collection(name="links", fields={"team": Text(index=True), "user": Text()}, rules=ANYBODY)
OWN = "links.exists(l, l.user == auth.id && l.team == record.team)"
TWICE = "links.exists(l, l.team == record.team && links.exists(o, o.team == l.user && o.user == auth.id))"
NOTES = Collection(name="notes", fields={"team": Text(), "kind": Text(), "text": Text(read=TWICE)}, rules=ANYBODY)
GUARDED = Collection(name="guarded", fields={"team": Text()}, rules=Rules(create=f"{TWICE} || true"))
POSTS = Collection(name="posts", fields={"team": Text()}, rules=Rules(view="true", create=OWN, update=OWN))
NEGATED = Collection(name="negated", fields={"team": Text()}, rules=Rules(create=f"!{OWN}"))
LATER = Collection(
    name="later", fields={"team": Text()}, rules=Rules(create="links.exists(l, l.team < record.team) || true")
)


@pytest.fixture
async def asking(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """Ada is linked to the team red."""
    async with opened(storage, clock, [LINKS, POSTS, LATER, NOTES, GUARDED, NEGATED]) as world:
        await world.write(make("links", "0", team="red", user="ada"))
        yield world


def limit(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """How many of its own records a request may look at."""
    monkeypatch.setattr(ask_costs, "MOST_LOOKED_AT", count)


async def test_what_the_database_answers(asking: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the database knows a record for which it is true, none is looked at of those about to be written, new ones
    and changed ones."""
    limit(monkeypatch, 0)
    links = [make("links", team="red", user="ada") for _ in range(30)]
    await asking.write(*links, *[make("posts", team="red") for _ in range(30)], caller=ADA)
    changed = [patch("links", f"c{number}", team="red") for number in range(25)]
    await asking.write(*[make("links", write.id, team="red", user="ada") for write in changed])
    await asking.write(patch("links", "0", user="ben"), *changed[:15], make("posts", team="red"), caller=ADA)


async def test_the_equality_that_finds_the_fewest(asking: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what the request writes, a question looks at the records that the most helpful of its equalities finds."""
    limit(monkeypatch, 40)
    teams = [f"t{number}" for number in range(30)]
    links = [make("links", team=team, user="ada") for team in teams]
    await asking.write(*links, *[make("posts", team=team) for team in teams], caller=ADA)
    with refused("forbidden"):
        await asking.write(*links, make("posts", team="blue"), caller=ADA)


async def test_records_without_a_value(asking: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records in which an equality is an error are looked at only where the answer may be one."""
    limit(monkeypatch, 20)
    links = [make("links", user="ada") for _ in range(30)]
    await asking.write(*links, make("posts", team="red"), caller=ADA)
    with refused("forbidden"):
        await asking.write(*links, make("posts", team="blue"), caller=ADA)
    with refused("too_costly"):
        await asking.write(*links, make("negated", team="blue"), caller=ADA)


async def test_too_many(asking: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a limit the request is refused with what to do, and so is each of the rows that can be left out; fewer
    writes at once are accepted."""
    limit(monkeypatch, 100)
    links = [make("links", team="x", user="ada") for _ in range(20)]
    writes = [make("later", team="a") for _ in range(20)]
    with refused("too_costly", "writes to links; send fewer writes at once"):
        await asking.write(*links, *writes, caller=ADA)
    assert len(await asking.visible(ADMIN, "later")) == 0
    await asking.write(*links, *writes[:5], caller=ADA)
    await asking.write(*writes, caller=ADA)


async def test_large_records_count_as_several(asking: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that takes long to read counts as several small ones."""
    limit(monkeypatch, 100)
    link, later = make("links", team="x", user="x" * 10_000), [make("later", team="a") for _ in range(40)]
    await asking.write(make("links", team="x"), *later, caller=ADA)
    with refused("too_costly"):
        await asking.write(link, *later, caller=ADA)


async def test_what_others_write(asking: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No request is refused for what others write at the same time."""
    limit(monkeypatch, 100)

    async def submit(*names: str) -> None:
        await asking.write(*[make(name, team="x" if name == "links" else "a") for name in names], caller=BEN)

    requests = [["links"] * 15, ["later"] * 15, ["links"] * 9 + ["later"]] * 3
    await asyncio.gather(*[submit(*names) for names in requests])
    assert len(await asking.visible(ADMIN, "later")) == 48


async def shown(world: World, *writes: Write) -> list[frozenset[str]]:
    """The fields that the answer to a request of Ada's shows of its records, of those whose rules ask."""
    result = await world.writer.submit(WriteRequest(writes, ADA, shows_records=True))
    return [record.asked for record in result.records]


async def test_questions_inside(asking: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of how many records another question is asked in one request is limited, in the database and in what it writes;
    beyond that it is refused with what to do, whether a write or its answer depends on it."""
    monkeypatch.setattr(ask_costs, "MOST_ASKED_AGAIN", 100)
    await asking.write(*[make("links", team=team, user="x") for team in ("a", "b", "c") for _ in range(40)])
    link = make("links", team="d", user="ada")
    notes = [make("notes", team=team, text="t") for team in ("a", "b", "c")]
    assert await shown(asking, link, *notes[:2]) == [frozenset()] * 3
    with refused("too_costly", "writes to links; send fewer writes at once"):
        await shown(asking, link, *notes)
    await shown(asking, *notes)
    with refused("too_costly", "writes to links; send fewer writes at once"):
        await asking.write(link, *[make("guarded", team=team) for team in ("a", "b", "c")], caller=ADA)


async def test_equal_answers(asking: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What rules say of the fields of written records is found once where they read equal values."""
    monkeypatch.setattr(ask_costs, "MOST_ASKED_AGAIN", 60)
    await asking.write(*[make("links", team=team, user="x") for team in ("a", "b") for _ in range(25)])
    notes = [make("notes", team=team, kind=str(number), text="t") for number in range(20) for team in ("a", "b", "c")]
    fields = await shown(asking, make("links", team="c", user="red"), *notes)
    assert fields[1:] == [frozenset(), frozenset(), frozenset({"text"})] * 20


async def test_a_caller_who_has_left(asking: World) -> None:
    """What the answer to many writes shows is not found to its end where the caller has left."""
    looks = itertools.count()
    request = WriteRequest([make("notes", team="a", text="t")] * 3, ADA, shows_records=True)
    async with asking.storage.transaction() as transaction:
        state, now = State(transaction, {}, NewIds(asking.catalogue), asking.catalogue.asked), asking.clock.now()
        plan = Plan(request, state, asking.catalogue, now, instant(now), 1 << 20, lambda: next(looks) == 3)
        with pytest.raises(CallerLeft):
            await plan.run()
    assert next(looks) == 4


async def test_others_get_their_turn() -> None:
    """Others get their turn on the loop while many records are looked at."""
    costs, turns = AskCosts(nothing_staged), 0
    ends = asyncio.Event()

    async def turn() -> None:
        nonlocal turns
        while not ends.is_set():
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(turn())
    for _ in range(5_000):
        await costs.spend(None, 1)  # type: ignore[arg-type]
    ends.set()
    await other
    assert turns >= 50
