from __future__ import annotations

import base64
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract.errors import Refusal
from hinterland.kit.clock import ManualClock
from hinterland.server.data.cursors import EXPIRED, RESTORED, Cursor, Cursors, Seal
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.data.world import KEY, World, note, opened, patch

CURSORS = Cursors(KEY, "database_id")
SAMPLE = CURSORS.at(7, 2**52, {"notes": b"12345678"})


def refused(cursors: Cursors, text: str) -> bool:
    with pytest.raises(Refusal) as caught:
        cursors.read(text)
    return caught.value.code == "invalid_cursor"


@given(
    st.builds(
        Cursor,
        st.text(max_size=20),
        st.integers(0, 2**62),
        st.integers(0, 2**53),
        st.dictionaries(st.text(max_size=9), st.binary(min_size=8, max_size=8), max_size=4),
        st.lists(st.text(max_size=9), max_size=3).map(tuple),
        st.none() | st.tuples(st.text(max_size=9), st.text(max_size=9) | st.integers(1, 2**53)),
    )
)
def test_round_trip(cursor: Cursor) -> None:
    """A cursor is read as it was written, and its text needs no escaping in a URL or a header."""
    text = CURSORS.write(cursor)
    assert CURSORS.read(text) == cursor
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.integers(0, len(base64.urlsafe_b64decode(SAMPLE + "==")) - 1), st.integers(1, 255))
def test_tampered(place: int, change: int) -> None:
    """Each changed byte makes a cursor invalid."""
    raw = bytearray(base64.urlsafe_b64decode(SAMPLE + "=" * (-len(SAMPLE) % 4)))
    raw[place] ^= change
    assert refused(CURSORS, base64.urlsafe_b64encode(raw).decode())


@pytest.mark.parametrize("text", ["", "x", "ä", "....", "A" * 22, SAMPLE[:-3], SAMPLE + "A" * 9_000, "\n", "%00"])
def test_malformed(text: str) -> None:
    """What is not a cursor is refused as such, whatever it is."""
    assert refused(CURSORS, text)


def test_former_signature() -> None:
    """A cursor that a device has kept from when HMAC-SHA256 signed cursors is read."""
    data = base64.urlsafe_b64decode(SAMPLE + "=" * (-len(SAMPLE) % 4))[16:]
    former = base64.urlsafe_b64encode(hmac.digest(KEY, data, "sha256")[:16] + data).decode().rstrip("=")
    assert CURSORS.read(former) == CURSORS.read(SAMPLE)
    assert refused(Cursors(b"o" * 32, "database_id"), former)


def test_foreign() -> None:
    """Another server's cursor is refused."""
    assert refused(Cursors(b"o" * 32, "database_id"), SAMPLE)


async def lost(world: World, text: str) -> str:
    async with world.storage.snapshot() as snapshot:
        return await world.cursors.lost(snapshot, await snapshot.head(), world.cursors.read(text))


async def here(world: World) -> str:
    head = await world.storage.head()
    return world.cursors.at(head.revision, head.check, {})


async def test_continued(world: World) -> None:
    """A cursor counts for as long as the log reaches back to it, from the empty database on."""
    first = await here(world)
    await world.write(note("a"), note("b"))
    second = await here(world)
    await world.write(note("c"))
    assert [await lost(world, text) for text in (first, second)] == ["", ""]


async def test_not_a_commit_end(world: World) -> None:
    """A revision at which no commit ended is of another history."""
    await world.write(note("a"), note("b"))
    assert await lost(world, world.cursors.at(1, 0, {})) == RESTORED
    assert await lost(world, world.cursors.at(99, 0, {})) == RESTORED
    assert await lost(world, Cursors(KEY, "another").at(2, (await world.storage.head()).check, {})) == RESTORED


async def test_expired(world: World, clock: ManualClock) -> None:
    """cursor too old → *resync*: what the log has forgotten can't be sent."""
    texts = []
    for name in "abc":
        await world.write(note(name))
        texts.append(await here(world))
        await clock.advance(10)
    await world.storage.prune(clock.now() - 15)
    assert [await lost(world, text) for text in texts] == [EXPIRED, EXPIRED, ""]
    assert await lost(world, world.cursors.at(0, 0, {})) == EXPIRED


async def test_restored(tmp_path: Path, clock: ManualClock) -> None:
    """A database that was put back to a backup and has another history since is noticed."""
    storage = SqliteStorage(tmp_path)
    async with opened(storage, clock) as world:
        await world.write(note("a"))
        kept = await here(world)
    backup = storage.path.read_bytes()
    async with opened(SqliteStorage(tmp_path), clock) as world:
        await world.write(patch("notes", "a", title="lost"))
        gone = await here(world)
    storage.path.write_bytes(backup)
    async with opened(SqliteStorage(tmp_path), clock) as world:
        assert await lost(world, gone) == RESTORED
        await world.write(patch("notes", "a", title="other"))
        assert (await lost(world, gone), await lost(world, kept)) == (RESTORED, "")


@given(st.text("abcABC019-_", max_size=40))
def test_a_seal_is_read_as_it_was_written(text: str) -> None:
    """A list's cursor is signed in 16 characters that need no escaping, and read as it was written."""
    signed = Seal(KEY).sign(text, "query")
    assert (len(signed), Seal(KEY).opened(signed, "query")) == (len(text) + 16, text)
    assert signed.replace("-", "").replace("_", "").isalnum()


SIGNED = Seal(KEY).sign("WyIzMjA4Njk1", "query")


@pytest.mark.parametrize(
    "text",
    ["", "x", SIGNED[16:], SIGNED[:-1], SIGNED + "A", "ä" + SIGNED[1:], "\ud800" + SIGNED, SIGNED[:16]]
    + [SIGNED[:place] + ("A" if SIGNED[place] != "A" else "B") + SIGNED[place + 1 :] for place in range(len(SIGNED))],
)
def test_what_is_not_sealed(text: str) -> None:
    """A list's cursor that was changed, cut, made up or signed by another server is refused."""
    for seal in (Seal(KEY), Seal(b"o" * 32)):
        with pytest.raises(Refusal) as caught:
            seal.opened(text, "query")
        assert caught.value.code == "invalid_cursor"


@pytest.mark.parametrize("query", ["", "quer", "query\0", "Query"])
def test_a_seal_is_of_one_list(query: str) -> None:
    """A list's cursor is refused by every other list."""
    with pytest.raises(Refusal) as caught:
        Seal(KEY).opened(SIGNED, query)
    assert caught.value.code == "invalid_cursor"
