"""Where a request came from, behind proxies."""

from __future__ import annotations

from pathlib import Path

import pytest

from hinterland.server.callers import address_in
from hinterland.server.settings import AuthSettings
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import serving

FORM = {"email": "nobody@example.org", "password": "wrong horse"}
ONE_GUESS = AuthSettings(hash_memory_kib=8, hash_passes=1, address_guesses=1, address_guess_seconds=3_600.0)


async def _statuses(folder: Path, proxies: tuple[str, ...], *forwarded: str) -> list[int]:
    """The answers to a guess from each of the forwarded addresses, where an address may guess once."""
    async with serving(SqliteStorage(folder), trusted_proxies=proxies, auth=ONE_GUESS) as api:
        headers = [{"X-Forwarded-For": hops} for hops in forwarded]
        return [(await api("POST", "/v1/auth/login", json=FORM, headers=each)).status_code for each in headers]


async def test_behind_a_proxy(tmp_path: Path) -> None:
    """X-Forwarded-For counts from a trusted proxy only, and only as far as it is trusted."""
    hops = ("192.0.2.1", "198.51.100.7, 192.0.2.2", "203.0.113.9, 192.0.2.2")
    assert await _statuses(tmp_path, (), *hops) == [401, 429, 429]
    assert await _statuses(tmp_path, ("127.0.0.1",), *hops) == [401, 401, 429]


async def test_a_port_is_no_part_of_an_address(tmp_path: Path) -> None:
    """A proxy that writes ports gives a caller no new address with each connection."""
    hops = ("192.0.2.1:50001", "192.0.2.1:50002", "[2001:db8::1]:50001", "[2001:db8::1]:2", "2001:DB8:0::1")
    assert await _statuses(tmp_path, ("127.0.0.1",), *hops) == [401, 429, 401, 429, 429]


async def test_what_is_no_address(tmp_path: Path) -> None:
    """An entry that is no address counts as the proxy's own address: inventing names gives no more guesses."""
    hops = ("unknown", "_hidden", "192.0.2.1:x", "1.2.3", "[::1", "203.0.113.9, unknown")
    assert await _statuses(tmp_path, ("127.0.0.1",), *hops) == [401, 429, 429, 429, 429, 429]


@pytest.mark.parametrize(
    ("text", "address"),
    [(" 192.0.2.1 ", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("[::1]", "::1"), ("fe80::1%eth0", "fe80::1"),
     ("0:0:0:0:0:0:0:1", "::1"), ("::1:80", "::1:80"), ("", ""), ("[]:80", ""), ("192.0.2.1:", "")],
)  # fmt: skip
def test_one_form_of_an_address(text: str, address: str) -> None:
    """However an address is written, it is the same one."""
    assert address_in(text) == address
