"""What a pull sends after a change of what its rules ask, on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hinterland.contract.fields import Text
from hinterland.contract.identity import Principal
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.kit.clock import ManualClock
from hinterland.server.data import moved_views, pull, redecided
from hinterland.server.storage.protocol import Storage
from tests.server.data.acts import make
from tests.server.data.teams import COLLECTIONS
from tests.server.data.world import BEN, Replica, World, delete, listen, opened, patch, summary

TEAMS = ("red", "blue", "grey")
IS_STAFF = "'staff' in auth.roles"


@pytest.fixture
async def asking(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """Ben is in the team red."""
    async with opened(storage, clock, COLLECTIONS) as world:
        await world.write(
            *[make("teams", team) for team in TEAMS],
            make("members", "2", team="red", user="ben"),
            *[make("posts", f"{team}{number}", team=team) for team in TEAMS for number in "12"],
            *[make("talks", team, team=team) for team in TEAMS],
        )
        yield world


async def synced(world: World, *names: str, caller: Principal = BEN) -> Replica:
    """A device of Ben that has everything."""
    device = Replica(world, caller, *(names or ("posts",)))
    await device.sync()
    return device


async def fresh(world: World, device: Replica) -> bool:
    """Whether the device holds what a new one gets."""
    return device.rows == (await synced(world, *device.names)).rows


async def test_what_came_and_left(asking: World) -> None:
    """A pull sends the records that a new membership shows, as they are now, and takes those away that another one
    showed; of what came and went meanwhile nothing."""
    device = await synced(asking)
    await asking.write(make("members", "3", team="blue", user="ben"), patch("posts", "blue1", text="new"))
    await asking.write(delete("members", "2"), delete("posts", "blue2"), patch("posts", "grey1", team="blue"))
    await asking.write(make("members", "9", team="grey", user="eve"), patch("posts", "red2", team="grey"))
    pulled = await device.page()
    assert (pulled.restart, pulled.complete, pulled.reason, pulled.more) == ([], [], "", False)
    came = [("create", "blue1"), ("create", "grey1"), ("left", "red1"), ("left", "red2")]
    assert sorted(summary(pulled.changes)) == came
    assert await fresh(asking, device)
    assert (await device.page()).changes == []


async def test_fields_that_came_and_left(asking: World) -> None:
    """A pull sends the records of which a new membership shows more, and those of which it shows less no longer."""
    await asking.write(*[make("notices", team, team=team, room="r1") for team in TEAMS])
    device = await synced(asking, "notices")
    await asking.write(make("members", "3", team="blue", user="ben"), delete("members", "2"))
    pulled = await device.page()
    assert (pulled.restart, sorted(summary(pulled.changes))) == ([], [("update", "blue"), ("update", "red")])
    assert await fresh(asking, device)
    assert {row["team"] for row in device.rows.values() if "room" in row} == {"blue"}


async def test_a_membership_that_came_and_went(asking: World) -> None:
    """Where what the rule asks is as it was, nothing is sent."""
    device = await synced(asking)
    await asking.write(make("members", "3", team="blue", user="ben"))
    await asking.write(delete("members", "3"))
    pulled = await device.page()
    assert (pulled.restart, pulled.changes) == ([], [])


async def test_several_collections(asking: World) -> None:
    """Each collection whose rule asks what changed is sent its part, those too that ask their own records; the log is
    read on for all."""
    device = await synced(asking, "posts", "teams", "members", "talks")
    await asking.write(make("members", "3", team="blue", user="ben"), make("bans", "b", user="ben", team="red"))
    pulled = await device.page()
    assert (pulled.restart, sorted(summary(pulled.changes))) == ([], [
        ("create", "3"), ("create", "blue"), ("create", "blue1"), ("create", "blue2"), ("left", "red"),
    ])  # fmt: skip
    assert await fresh(asking, device)


async def test_page_by_page(asking: World) -> None:
    """A collection of which a device has the first page only is sent again from its start; one that it has is not."""
    device = Replica(asking, BEN, "posts", "teams")
    while "posts" not in (await device.page(1)).complete:
        pass
    assert device.answers[-1].more
    await asking.write(make("members", "3", team="blue", user="ben"))
    pulled = await device.page(1)
    assert (pulled.restart, pulled.reason, pulled.more) == ([], "", True)
    assert sorted(summary(pulled.changes)) == [("create", "blue1"), ("create", "blue2")]
    later = [(answer.restart, answer.reason) for answer in await device.sync(1) if answer.restart]
    assert later == [(["teams"], "changed")], "once the others are at the end of the log"
    assert await fresh(asking, device)


async def _secrets(world: World) -> None:
    """Write what is gone again before Ben may see it."""
    await world.write(patch("posts", "blue1", text="SECRET"), patch("notices", "blue", text="a", room="SECRET"))
    await world.write(make("posts", "gone", team="blue", text="SECRET"))
    await world.write(patch("posts", "blue1", text="new"), patch("notices", "blue", text="b", room="r2"))
    await world.write(delete("posts", "gone"))


@pytest.mark.parametrize("limit", [1, 500])
@pytest.mark.parametrize("was_member", [False, True])
async def test_what_was_meanwhile(asking: World, was_member: bool, limit: int) -> None:
    """What a record was while its caller was no member is never sent, by a pull or a stream: neither to who becomes one
    nor to who is one again."""
    joined = make("members", "3", team="blue", user="ben")
    await asking.write(make("notices", "blue", team="blue"), *([joined] if was_member else []))
    await asking.write(patch("posts", "blue1", text="" if was_member else "SECRET"))
    device = await synced(asking, "posts", "notices")
    cursor = device.cursor
    if was_member:
        await asking.write(delete("members", "3"))
    await _secrets(asking)
    await asking.write(joined)
    pulled = await device.sync(limit)
    assert "SECRET" not in str([answer.changes for answer in pulled])
    assert await fresh(asking, device)
    assert {row.get("room") for row in device.rows.values() if row["id"] == "blue"} == {"r2"}
    again = await asking.subscribe(BEN, "posts", "notices", cursor=cursor)
    opening = await again.next()
    assert b"SECRET" not in opening
    assert b"resync" in opening


async def test_other_changes_of_what_is_asked(asking: World) -> None:
    """Memberships of others, and changes of one's own that decide nothing, don't end a stream that comes back."""
    stream = await listen(asking, BEN, "posts")
    await asking.write(patch("posts", "red1", text="x"))
    cursor = (await stream.next()).id
    await asking.write(make("members", "8", team="blue", user="eve"), patch("members", "2", level=3))
    await asking.write(delete("members", "8"), patch("posts", "red1", text="y"))
    again = await listen(asking, BEN, "posts", cursor=cursor)
    assert summary(await again.changes()) == [("update", "red1")]


async def test_many_changes_of_others(asking: World) -> None:
    """However much is written that no rule asks, a stream goes on where it was, and a pull sends what came and left."""
    device = await synced(asking)
    for start in range(0, 1_200, 400):
        await asking.write(*[make("nations", f"n{start + number}", code="x") for number in range(400)])
    stream = await listen(asking, BEN, "posts", cursor=device.cursor)
    assert (await stream.next()).event == "position"
    await asking.write(make("members", "3", team="blue", user="ben"))
    assert summary(await stream.changes()) == [("create", "blue1"), ("create", "blue2")]
    pulled = await device.page()
    assert (pulled.restart, summary(pulled.changes)) == ([], [("create", "blue1"), ("create", "blue2")])


async def test_rights_that_changed_beside_another_collection(storage: Storage, clock: ManualClock) -> None:
    """A collection that a caller's new rights show is sent as it is at the end of the log, also where another one is
    read on from an old cursor: not as it was before the rights."""
    staff = Collection(name="staff", fields={"text": Text(), "pay": Text(read=IS_STAFF)}, rules=EVERYBODY)
    plain = Collection(name="plain", fields={"text": Text()}, rules=EVERYBODY)
    async with opened(storage, clock, (staff, plain)) as world:
        await world.write(make("staff", "s", text="a", pay="SECRET"), make("plain", "p", text="a"))
        device = await synced(world, "staff", "plain")
        await world.write(*[patch("plain", "p", text=text) for text in "bcd"], patch("staff", "s", pay="new"))
        device.caller = Principal(id="ben", roles=("staff",))
        for limit in (1, 500):
            copy = Replica(world, device.caller, "staff", "plain")
            copy.rows, copy.cursor = dict(device.rows), device.cursor
            pulled = await copy.sync(limit)
            assert "SECRET" not in str([answer.changes for answer in pulled])
            assert [answer.restart for answer in pulled if answer.restart] == [["staff"]]
            assert {row["id"]: (row["text"], row.get("pay")) for row in copy.rows.values()} == {
                "s": ("a", "new"), "p": ("d", None),
            }  # fmt: skip


@pytest.mark.parametrize(
    ("module", "name", "most"),
    [(redecided, "MOST_CONCERNED", 1), (moved_views, "PAGE_BYTES", 100), (pull, "MOST_ASKED", 1)],
    ids=["records", "bytes", "changes"],
)
async def test_too_much(asking: World, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, most: int) -> None:
    """Where too many records are concerned, or too many changes are to be read, the collection is sent whole."""
    monkeypatch.setattr(module, name, most)
    device = await synced(asking)
    await asking.write(make("members", "3", team="blue", user="ben"))
    await asking.write(make("members", "4", team="blue", user="ben"))
    pulled = await device.page()
    assert (pulled.restart, pulled.reason, pulled.complete) == (["posts"], "changed", ["posts"])
    assert await fresh(asking, device)


async def test_other_rights(asking: World) -> None:
    """A caller whose rule reads something else of them has another view: the collection is sent whole."""
    device = await synced(asking)
    device.caller = Principal(id="eve")
    await asking.write(make("members", "3", team="blue", user="eve"))
    pulled = await device.page()
    assert (pulled.restart, summary(pulled.changes)) == (["posts"], [("create", "blue1"), ("create", "blue2")])


async def test_any_record(storage: Storage, clock: ManualClock) -> None:
    """Where no field of the records limits those that a change concerns, the collection is sent whole."""
    members, posts = COLLECTIONS[1], COLLECTIONS[2]
    rule = "members.exists(m, m.user == auth.id && m.level > 2)"
    declared = Collection(name="posts", fields=posts.fields, rules=type(posts.rules)(list=rule))
    async with opened(storage, clock, (members, declared)) as world:
        await world.write(make("posts", "p"))
        device = await synced(world)
        assert device.rows == {}
        await world.write(make("members", "3", user="ben", level=3))
        pulled = await device.page()
        assert (pulled.restart, summary(pulled.changes)) == (["posts"], [("create", "p")])
