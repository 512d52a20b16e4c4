"""Whose right to be in a channel is decided anew when records change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.channels import Channel
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Text
from hinterland.contract.identity import Principal
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.kit.clock import ManualClock
from hinterland.server.channels.declared import ChannelBook, NamedChannel
from hinterland.server.channels.seat_rights import SeatRights
from hinterland.server.channels.seats import Seat
from hinterland.server.data.requests import OF_SYSTEM, WriteRequest
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.data.world import World, opened

MEMBERS = Collection(name="members", fields={"room": Text(index=True), "user": Text()}, rules=EVERYBODY)
BANS = Collection(name="bans", fields={"user": Text()}, rules=EVERYBODY)
OTHERS = Collection(name="others", fields={"text": Text()}, rules=EVERYBODY)
CHANNELS = (
    Channel("room/{id}", join="members.exists(m, m.room == channel.id && m.user == auth.id)"),
    Channel("open/{id}", join="!bans.exists(b, b.user == auth.id)", send="true"),
    Channel("any", join="members.exists(m, m.room.startsWith('any'))"),
)


@pytest.fixture
async def world(tmp_path: Path, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine with members of rooms."""
    async with opened(SqliteStorage(tmp_path / "data"), clock, (users(), MEMBERS, BANS, OTHERS)) as made:
        yield made


class Watched:
    """Rights of seats, and who has lost theirs."""

    def __init__(self, world: World, clock: ManualClock) -> None:
        self.book = ChannelBook(CHANNELS, world.catalogue, "sqlite")
        self.rights = SeatRights(world.storage, clock, lambda seat, refusal: self.lost.append(str(seat.caller.id)))
        self.lost: list[str] = []

    async def seat(self, name: str, user: str) -> Seat:
        """A seat that is admitted. Raises the refusal."""
        holder: Any = None
        seat = Seat(user, self.book.of(name), Principal(id=user, session=user), holder)
        await self.rights.admit(seat)
        return seat

    async def look(self) -> None:
        """Look at what was written."""
        self.rights.wake()
        await self.rights.reach()


@pytest.fixture
def watched(world: World, clock: ManualClock) -> Watched:
    """Nobody is there yet."""
    return Watched(world, clock)


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Whose right to join is decided, each time."""
    found: list[object] = []
    allows = NamedChannel.allows

    async def noted(self: NamedChannel, action: str, source: Any, caller: Principal, now: str) -> bool:
        found.extend([caller.id] if action == "join" else [])
        return await allows(self, action, source, caller, now)

    monkeypatch.setattr(NamedChannel, "allows", noted)
    return found


async def write(world: World, act: Any, collection: str, id: str, **body: str) -> None:
    """Write one record."""
    one = Write(act=act, collection=collection, id=id, body=body)
    await world.writer.submit(WriteRequest((one,), rights=OF_SYSTEM))


async def test_only_those_concerned(world: World, watched: Watched, decided: list[object]) -> None:
    """A change of a membership lets the seat of its user be decided anew, and no other one."""
    for number in range(20):
        await write(world, "create", "members", f"m{number}", room=f"r{number % 2}", user=f"u{number}")
        await watched.seat(f"room/r{number % 2}", f"u{number}")
    await watched.look()
    decided.clear()
    await write(world, "delete", "members", "m7")
    await write(world, "patch", "members", "m8", room="r1")
    await write(world, "create", "others", "o", text="t")
    await watched.look()
    assert sorted(map(str, decided)) == ["u7", "u8"]
    assert sorted(watched.lost) == ["u7", "u8"]


async def test_a_ban(world: World, watched: Watched, decided: list[object]) -> None:
    """A record that comes may end a right as well."""
    for user in ("ada", "bob"):
        await watched.seat("open/1", user)
    decided.clear()
    await write(world, "create", "bans", "b", user="bob")
    await watched.look()
    assert (decided, watched.lost) == (["bob"], ["bob"])
    with pytest.raises(Refusal, match="does not allow this"):
        await watched.seat("open/1", "bob")


async def test_a_question_that_compares_nothing(world: World, watched: Watched) -> None:
    """Where a rule asks for records that no value of the caller or the channel finds, all of its seats are decided."""
    await write(world, "create", "members", "m", room="any1", user="x")
    for user in ("ada", "bob"):
        await watched.seat("any", user)
    await write(world, "patch", "members", "m", room="none")
    await watched.look()
    assert sorted(watched.lost) == ["ada", "bob"]


async def test_seats_that_were_left(world: World, watched: Watched, decided: list[object]) -> None:
    """Nobody is decided anew who has left; the log is not read where nobody is there."""
    await write(world, "create", "members", "m", room="r", user="ada")
    seat = await watched.seat("room/r", "ada")
    watched.rights.remove(seat)
    decided.clear()
    await write(world, "delete", "members", "m")
    await watched.look()
    assert (decided, watched.lost) == ([], [])
    assert watched.rights._position is None
    assert watched.rights._seats == {}


async def test_a_log_that_was_pruned(world: World, watched: Watched, clock: ManualClock) -> None:
    """Where the log no longer has what happened, all are decided anew."""
    await write(world, "create", "members", "m", room="r", user="ada")
    await watched.seat("room/r", "ada")
    await write(world, "delete", "members", "m")
    await write(world, "create", "others", "o", text="t")
    clock.jump(86_400)
    await world.storage.prune(clock.now())
    await watched.look()
    assert watched.lost == ["ada"]
