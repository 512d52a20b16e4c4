"""Which outlets a commit is judged for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.kit.clock import ManualClock
from hinterland.server.data.commits import LogCommit
from hinterland.server.data.outlets import LiveViews
from hinterland.server.data.views import Delta, View
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.data.world import ADA, BEN, World, delete, listen, opened, patch, summary

MESSAGES = Collection(name="messages", fields={"room": Text(), "text": Text()}, rules=EVERYBODY)
PHOTOS = Collection(name="photos", fields={"author": Text()}, rules=Rules(list="record.author == auth.id"))


@pytest.fixture
async def rooms(tmp_path: Path, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine with messages in rooms, and photos that their authors see."""
    async with opened(SqliteStorage(tmp_path / "data"), clock, (users(), MESSAGES, PHOTOS)) as made:
        yield made


def message(room: str, id: str = "") -> Write:
    return Write(act="create", collection="messages", id=id, body={"room": room})


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[View]:
    """The views that a change was judged for, once for each change."""
    views: list[View] = []
    change = View.change

    def noted(view: View, delta: Delta, *more: Any, **named: Any) -> Any:
        views.append(view)
        return change(view, delta, *more, **named)

    monkeypatch.setattr(View, "change", noted)
    return views


async def test_the_work_grows_with_those_who_match(rooms: World, judged: list[View]) -> None:
    """Of many streams whose filters, or rules, differ in a value, a write is judged for those that have its value
    before or after; a record that moves between values leaves the one and is created in the other."""
    streams = [await listen(rooms, ADA, "messages", filter=f"record.room == 'r{number}'") for number in range(50)]
    photos = [await listen(rooms, Principal(id=f"u{number}"), "photos") for number in range(50)]
    await rooms.write(message("r7", "m"))
    assert summary(await streams[7].changes()) == [("create", "m")]
    assert len(judged) == 1
    await rooms.write(patch("messages", "m", room="r8"))
    assert summary(await streams[7].changes()) == [("left", "m")]
    assert summary(await streams[8].changes()) == [("create", "m")]
    assert len(judged) == 3
    await rooms.write(Write(act="create", collection="photos", id="p", body={"author": "u3"}))
    assert summary(await photos[3].changes()) == [("create", "p")]
    assert len(judged) == 4
    await rooms.write(delete("messages", "m"), delete("photos", "p"))
    assert summary(await streams[8].changes()) == [("delete", "m")]
    assert summary(await photos[3].changes()) == [("delete", "p")]
    assert len(judged) == 6


async def test_a_large_commit_is_judged_where_it_matches(rooms: World, judged: list[View]) -> None:
    """A commit of many changes is judged for each view only where its values match, in the order of the changes."""
    streams = [await listen(rooms, ADA, "messages", filter=f"record.room == 'r{number}'") for number in range(20)]
    everything = await listen(rooms, BEN, "messages", "photos")
    await rooms.write(*[message(f"r{number % 20}", f"m{number}") for number in range(100)])
    for number, stream in enumerate(streams):
        assert summary(await stream.changes()) == [("create", f"m{place}") for place in range(number, 100, 20)]
    assert len(await everything.changes()) == 100
    assert len(judged) == 100 + 100


async def test_a_view_that_comes_meanwhile(rooms: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view that is added while those of a commit are looked up is judged for the whole commit: what is kept of it for
    others lacks nothing."""
    live = LiveViews()
    outlet = (await listen(rooms, ADA, "messages", filter="record.room == 'a'")).subscription.outlet
    await rooms.write(message("a", "m"), message("b", "n"), message("a", "o"))
    page = await rooms.storage.log(0, 100)
    commit = LogCommit(page)
    steps: list[int] = []

    async def turn(count: int) -> None:
        steps.append(count)
        if len(steps) == 1:
            live.add(outlet)

    assert await live.concerned(commit, turn) == [outlet]
    assert [change.kind for _, change in commit.seen(outlet.views["messages"])] == ["create", "create"]
    live.remove(outlet)
    assert await live.concerned(LogCommit(page), turn) == []


async def test_outlets_that_share_a_view(rooms: World, judged: list[View]) -> None:
    """A change is judged once for the outlets that share a view, and each is found until its last stream has left."""
    both, one = await listen(rooms, SIGNED_OUT, "messages", "photos"), await listen(rooms, SIGNED_OUT, "messages")
    await rooms.write(message("a", "m"))
    assert summary(await both.changes()) == summary(await one.changes()) == [("create", "m")]
    assert len(judged) == 1
    one.subscription.end()
    await rooms.write(message("a", "n"))
    assert summary(await both.changes()) == [("create", "n")]
    both.subscription.end()
    assert not rooms.feed._live_views._outlets
