"""The server's keys: made once, the same for every process, replaced without anybody noticing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hinterland.contract.records import Collection
from hinterland.kit.clock import ManualClock
from hinterland.server.security.keys import RELOAD_SECONDS, Keys
from hinterland.server.settings import AuthSettings
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage

Make = Callable[[], Keys]


@pytest.fixture
def make(storage: Storage, clock: ManualClock, settings: AuthSettings) -> Make:
    """The keys as one more process would hold them."""
    return lambda: Keys(storage, clock, settings)


async def loaded(make: Make) -> Keys:
    keys = make()
    await keys.load()
    return keys


async def test_keys_are_made_once(make: Make) -> None:
    """The first start makes the keys; every later one finds them."""
    first, second = await loaded(make), await loaded(make)
    assert first.jwks() == second.jwks()
    assert first.signing.kid == second.signing.kid
    assert first.secret("cursor") == second.secret("cursor")


async def test_keys_outlive_the_process(tmp_path: Path, clock: ManualClock, settings: AuthSettings) -> None:
    """Tokens, cursors and whatever is sealed still count after a restart."""
    secrets = []
    for _ in range(2):
        storage = SqliteStorage(tmp_path / "data")
        await storage.open()
        keys = Keys(storage, clock, settings)
        await keys.load()
        secrets.append(keys.secret("cursor"))
        await storage.close()
    assert secrets[0] == secrets[1]


async def test_processes_that_start_at_once_share_their_keys(
    postgres_dsn: str, people: Collection, clock: ManualClock, settings: AuthSettings
) -> None:
    """Several processes that start on one empty database agree on one secret and one key."""
    storages = [PostgresStorage(postgres_dsn, connections=2) for _ in range(5)]
    for storage in storages:
        await storage.open()
    found = [Keys(storage, clock, settings) for storage in storages]
    await asyncio.gather(*(keys.load() for keys in found))
    assert len({keys.secret("cursor") for keys in found}) == 1
    assert {len(keys.jwks()["keys"]) for keys in found} == {1}
    for storage in storages:
        await storage.close()


async def test_each_purpose_has_its_own_secret(make: Make) -> None:
    """A secret of 32 bytes for each purpose, none like another."""
    keys = await loaded(make)
    secrets = {keys.secret(purpose) for purpose in ("cursor", "ticket", "cursors", "")}
    assert len(secrets) == 4
    assert {len(secret) for secret in secrets} == {32}
    assert keys.secret("cursor") == keys.secret("cursor")


async def test_only_public_keys_are_published(make: Make) -> None:
    """The key set names kid, use and algorithm, and holds nothing private."""
    keys = await loaded(make)
    [public] = keys.jwks()["keys"]
    assert public.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (public["kty"], public["crv"], public["use"], public["alg"]) == ("EC", "P-256", "sig", "ES256")
    assert public["kid"] == keys.signing.kid
    json.dumps(keys.jwks())


async def test_a_key_rotated_out_verifies_until_its_tokens_expire(make: Make, clock: ManualClock) -> None:
    """A key rotated out verifies until its tokens expire, and is then forgotten."""
    keys = await loaded(make)
    old = keys.signing.kid
    await clock.advance(1)
    await keys.rotate()
    assert keys.signing.kid != old
    assert keys.has(old)
    assert await keys.find(old) is not None
    assert len(keys.jwks()["keys"]) == 2
    await keys.maintain()
    assert keys.has(old)
    await clock.advance(900 + 60 + 3_600)
    await keys.maintain()
    assert not keys.has(old)
    assert await keys.find(old) is None
    assert [key["kid"] for key in keys.jwks()["keys"]] == [keys.signing.kid]
    assert (await loaded(make)).jwks() == keys.jwks()


async def test_a_key_that_another_process_made_is_found(make: Make, clock: ManualClock) -> None:
    """A token signed with another process's new key verifies at once; after a look for a key that nobody made, the next
    one waits a moment, so that such tokens don't cost a query each."""
    here, there = await loaded(make), await loaded(make)
    await there.rotate()
    assert await here.find(there.signing.kid) is not None
    assert here.signing.kid == there.signing.kid
    assert await here.find("nobody's") is None
    await there.rotate()
    assert await here.find(there.signing.kid) is None
    await clock.advance(RELOAD_SECONDS)
    assert await here.find(there.signing.kid) is not None
