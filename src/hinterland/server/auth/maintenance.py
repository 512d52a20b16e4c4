"""Rows that are deleted in time: ended sessions, expired challenges and refresh tokens, retired keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hinterland.server.auth.known_addresses import KEPT_SECONDS
from hinterland.server.auth.parts import Accounts
from hinterland.server.storage.system import Drop, RowAct

_BATCH = 200
_SESSIONS = "SELECT id FROM _sessions WHERE expires <= ? OR ended <= ? LIMIT ?"
# A used token is kept for as long as its successor lives, so that a lost answer can be repeated and reuse is noticed.
_TOKENS = "SELECT hash FROM _refresh_tokens WHERE coalesce(used, issued) <= ? LIMIT ?"
_CHALLENGES = "SELECT hash FROM _challenges WHERE expires <= ? LIMIT ?"
_LIMITS = "SELECT key FROM _limits WHERE until <= ? LIMIT ?"
_ADDRESSES = "SELECT account, address FROM _known_addresses WHERE at <= ? LIMIT ?"


async def maintain(accounts: Accounts) -> None:
    """Delete what no longer counts, a few rows at a time; run it at the start and every hour."""
    now = accounts.clock.now()
    await accounts.keys.maintain()
    while rows := await _fetch(accounts, _SESSIONS, (now, now, _BATCH)):
        await _drop(accounts, [Drop(table, {column: row[0]}) for row in rows
                               for table, column in (("_refresh_tokens", "session"), ("_sessions", "id"))])  # fmt: skip
    while rows := await _fetch(accounts, _CHALLENGES, (now, _BATCH)):
        await _drop(accounts, [Drop("_challenges", {"hash": row[0]}) for row in rows])
    while rows := await _fetch(accounts, _LIMITS, (now, _BATCH)):
        await _drop(accounts, [Drop("_limits", {"key": row[0]}, {"until": now}) for row in rows])
    while rows := await _fetch(accounts, _ADDRESSES, (now - KEPT_SECONDS, _BATCH)):
        await _drop(accounts, [Drop("_known_addresses", {"account": row[0], "address": row[1]}) for row in rows])
    oldest = now - accounts.settings.session_seconds
    while rows := await _fetch(accounts, _TOKENS, (oldest, _BATCH)):
        await _drop(accounts, [Drop("_refresh_tokens", {"hash": row[0]}) for row in rows])


async def _fetch(accounts: Accounts, sql: str, parameters: Sequence[Any]) -> list[Sequence[Any]]:
    async with accounts.storage.snapshot() as snapshot:
        return await snapshot.fetch(sql, parameters)


async def _drop(accounts: Accounts, acts: Sequence[RowAct]) -> None:
    await accounts.submit([], acts)
