"""What a view knows of the records that its rules ask, kept up with their changes."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hinterland.contract.identity import Principal
from hinterland.kit.cel.typed import Exists, walk
from hinterland.kit.clock import ManualClock
from hinterland.server.data import related
from hinterland.server.data import views as views_module
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.redecided import state_of
from hinterland.server.data.related import AskedChange, AskedChanges, Moved, Related, related_to
from hinterland.server.data.views import View, Views, version
from hinterland.server.storage.protocol import Snapshot, Storage
from tests.server.data.acts import make
from tests.server.data.teams import COLLECTIONS
from tests.server.data.world import ADA, BEN, World, delete, listen, opened, patch, summary

TEAMS = ("red", "blue", "grey", None)


@pytest.fixture
async def asking(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """An app whose rules ask members, and nothing else."""
    async with opened(storage, clock, COLLECTIONS) as world:
        yield world


async def known(world: World, name: str, caller: Principal = BEN) -> Related:
    """What the database says."""
    async with world.storage.snapshot() as snapshot:
        found = await related_to(snapshot, world.catalogue[name], caller)
    assert found is not None
    return found


def said(world: World, name: str, given: Related) -> tuple[Any, ...]:
    """All that it says."""
    rules = [world.catalogue[name].rules["list"], *world.catalogue[name].private.values()]
    asks = [part for rule in rules if rule for part in walk(rule.tree) if isinstance(part, Exists)]
    variables = [{"record": {"team": team}, "auth": BEN.as_auth()} for team in TEAMS]
    answers = [[given(ask, each) for each in variables] for ask in asks]
    return given.digest, given.identity, answers, [given.equalities(ask) for ask in asks]


@pytest.mark.parametrize("name", ["posts", "talks", "notices"])
async def test_changes(asking: World, name: str) -> None:
    """What follows from a change is what the database says after it, whichever changes came before: the answers, and
    the digests by which equal ones are recognised."""
    chance, asked = random.Random(name), "bans" if name == "talks" else "members"
    given, there = await known(asking, name), set[str]()
    for number in range(40):
        before, writes = {}, []
        for id in chance.sample(["1", "2", "3", "4"], chance.randint(1, 3)):
            body: dict[str, Any] = {"team": chance.choice(TEAMS), "user": chance.choice(["ben", "ben", "eve", None])}
            if asked == "members":
                body["role"] = chance.choice(["speaker", None])
            before[id] = version(await asking.storage.record(asked, "", id))
            if id in there and chance.random() < 0.3:
                there.remove(id)
                writes.append(delete(asked, id))
            else:
                writes.append(patch(asked, id, **body) if id in there else make(asked, id, **body))
                there.add(id)
        await asking.write(*writes)
        after = {id: version(await asking.storage.record(asked, "", id)) for id in before}
        changes = [AskedChange(("", id), state_of(before[id]), state_of(after[id])) for id in before]
        moved = given.after(AskedChanges({asked: changes}))
        given = given if moved is None else moved.related
        assert said(asking, name, given) == said(asking, name, await known(asking, name)), number


async def test_what_a_change_costs(asking: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change costs what it changes, however many records may answer."""
    await asking.write(*[make("members", str(number), team=f"t{number}", user="ben") for number in range(300)])
    given, hashed = await known(asking, "posts"), list[bytes]()
    real = related._hash

    def counted(text: bytes) -> int:
        hashed.append(text)
        return real(text)

    monkeypatch.setattr(related, "_hash", counted)
    state = state_of(version(await asking.storage.record("members", "", "7")))
    assert state is not None
    moved = given.after(AskedChanges({"members": [AskedChange(("", "7"), state, {**state, "team": "red"})]}))
    assert moved is not None
    assert [*moved.keys.values()] == [frozenset({"t7", "red"})]
    assert len(hashed) == 4


async def test_equal_records(asking: World) -> None:
    """The digest of answers does not tell which records give them; the identity does."""
    await asking.write(make("members", "1", team="red", user="ben"))
    first = await known(asking, "posts")
    await asking.write(make("members", "2", team="red", user="ben"))
    second = await known(asking, "posts")
    await asking.write(delete("members", "1"))
    third = await known(asking, "posts")
    assert first.digest == second.digest == third.digest
    assert len({first.identity, second.identity, third.identity}) == 3


async def test_views_that_share_it(asking: World) -> None:
    """The views of a collection with the same answers keep one copy of them, whatever their filters, also after a
    change; a caller with others has others."""
    await asking.write(make("members", "1", team="red", user="ben"), make("members", "2", team="red", user="ada"))
    views = Views(asking.catalogue)
    async with asking.storage.snapshot() as snapshot:
        filters = ["", 'record.text == "a"', 'record.text == "b"']
        shown = [await views.answered(snapshot, views.of(BEN, "posts", filter)) for filter in filters]
        other = await views.answered(snapshot, views.of(ADA, "posts"))
    assert len({id(view.related) for view in shown}) == 1
    assert other.related is not shown[0].related
    await asking.write(make("members", "3", team="blue", user="ben"))
    moved = [views.moved(view, await known(asking, "posts")) for view in shown]
    assert len({id(view.related) for view in moved}) == 1
    assert moved[0].related is not shown[0].related


async def test_what_is_read_once(asking: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams of one caller that are opened while nothing is written read the records once, also all at the same time;
    after a write they are read again."""
    views, read = Views(asking.catalogue), list[Principal]()

    async def counted(source: Snapshot, entry: Entry, caller: Principal) -> Related | None:
        read.append(caller)
        return await related_to(source, entry, caller)

    async def opened(filter: str, caller: Principal = BEN) -> View:
        async with asking.storage.snapshot() as snapshot:
            return await views.answered(snapshot, views.of(caller, "posts", filter))

    monkeypatch.setattr(views_module, "related_to", counted)
    await asking.write(make("members", "1", team="red", user="ben"))
    filters = [f'record.text == "{name}"' for name in "abc"]
    kept = await asyncio.gather(*[opened(filter) for filter in filters], opened("", ADA))
    assert Counter(read) == {BEN: 1, ADA: 1}
    await asking.write(make("posts", "x", team="red"))
    assert (await opened(filters[0])) is kept[0]
    assert Counter(read) == {BEN: 2, ADA: 1}
    await asking.write(delete("members", "1"))
    assert (await opened(filters[0])) is not kept[0]


async def test_a_change_is_taken_once(asking: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a change makes of answers is found once for all views that share them."""
    await asking.write(*[make("posts", name, team="red", text=name) for name in "abc"])
    taken: list[Related] = []
    real = Related.after

    def counted(self: Related, changes: AskedChanges) -> Moved | None:
        taken.append(self)
        return real(self, changes)

    monkeypatch.setattr(Related, "after", counted)
    listeners = [await listen(asking, BEN, "posts", filter=f'record.text == "{name}"') for name in "abc"]
    taken.clear()
    await asking.write(make("members", team="red", user="ben"))
    found = [summary(await listener.changes()) for listener in listeners]
    assert found == [[("create", name)] for name in "abc"]
    assert len(taken) == 1
