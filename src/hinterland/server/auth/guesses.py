"""Failed guesses as all processes on one database count them.

Each process counts in memory. Where others may write to the database, an attempt first reads what they have counted,
and a failed one is added to it; a good log-in writes nothing. Keys are kept as digests, for as long as they count.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from hinterland.server.auth.parts import Accounts
from hinterland.server.security.limits import Guess, TurnGiven
from hinterland.server.security.quotas import Tally
from hinterland.server.storage.protocol import Snapshot
from hinterland.server.storage.system import Drop, Expect, PreconditionFailed, Put, Row, RowAct

_TRIES = 10
_EXPIRED = "SELECT key FROM _limits WHERE until <= ? LIMIT 20"


async def learn(accounts: Accounts, snapshot: Snapshot, tallies: Sequence[Tally]) -> None:
    """Read what other processes have counted in `tallies`."""
    if not accounts.storage.has_other_writers:
        return
    named = {_key(accounts, tally): tally for tally in tallies}
    behind = accounts.clock.now() - accounts.clock.monotonic()
    found = {row["key"]: row["at"] - behind for row in await snapshot.rows_of("_limits", [{"key": k} for k in named])}
    for key, tally in named.items():
        tally.moments.learn(tally.key, found.get(key))


async def attempt(accounts: Accounts, email: str, address: str, *, is_known: bool) -> Guess:
    """Count an attempt to log in. Raises `rate_limited`; a turn that a stranger is given holds at every process."""
    try:
        return accounts.limits.attempt(email, address, is_known=is_known)
    except TurnGiven as turn:
        await _record(accounts, turn.due)
        raise


async def count_signup(accounts: Accounts, address: str) -> None:
    """Count a sign-up. Raises `rate_limited`."""
    tallies = accounts.limits.signup_tallies(address)
    if accounts.storage.has_other_writers:
        async with accounts.storage.snapshot() as snapshot:
            await learn(accounts, snapshot, tallies)
    await _record(accounts, accounts.limits.signup(address).due)


async def failed(accounts: Accounts, guess: Guess) -> None:
    """The guess was wrong: let other processes count it."""
    await _record(accounts, guess.due, guess.turn)


async def _record(accounts: Accounts, due: Sequence[Tally], used: Tally | None = None) -> None:
    """Count one more in the tallies of `due`, for all processes, and end a turn that was used. With it go rows that are
    of no use, more than are made: the table stays small."""
    if not accounts.storage.has_other_writers:
        return
    named = {_key(accounts, tally): tally for tally in due}
    keys: list[Row] = [{"key": key} for key in sorted(named)]  # in one order, so that transactions don't deadlock
    ended = [] if used is None else [Drop("_limits", {"key": _key(accounts, used)})]
    for _ in range(_TRIES):
        async with accounts.storage.snapshot() as snapshot:
            rows = {row["key"]: row for row in await snapshot.rows_of("_limits", keys)}
            now = accounts.clock.now()
            expired = {row[0] for row in await snapshot.fetch(_EXPIRED, (now,))} - named.keys()
        ended += [Drop("_limits", {"key": key}, {"until": now}) for key in sorted(expired)]
        acts = [act for key in sorted(named) for act in _counted(accounts, key, named[key], rows.get(key))]
        try:
            await accounts.submit([], [*acts, *ended])
        except PreconditionFailed:
            continue  # another process counted in between: look again
        return


def _counted(accounts: Accounts, key: str, tally: Tally, row: Row | None) -> list[RowAct]:
    now, behind = accounts.clock.monotonic(), accounts.clock.now() - accounts.clock.monotonic()
    counted = tally.moments.counted(tally.key, None if row is None else row["at"] - behind, now)
    if counted is None:
        return []
    at, until = counted
    same = Expect("_limits", {"key": key}, None if row is None else {"at": row["at"]})
    return [same, Put("_limits", {"key": key, "at": at + behind, "until": until + behind})]


def _key(accounts: Accounts, tally: Tally) -> str:
    name = f"{tally.moments.name} {tally.key}".encode("utf-8", "surrogatepass")
    return hmac.new(accounts.keys.secret("limits"), name, hashlib.sha256).hexdigest()
