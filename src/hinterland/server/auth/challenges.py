"""The state between log-in and session: a challenge, which is answered with one more piece of evidence.

A challenge is 256 random bits, of which only the hash is kept. It is bound to its account and to the evidence so far,
is answered once, within five minutes, in five attempts at most, and ends with the credentials that led to it.
"""

from __future__ import annotations

import json
import secrets
from typing import NamedTuple

import msgspec

from hinterland.contract.accounts import Challenge
from hinterland.contract.errors import Refusal
from hinterland.server.auth.evidence import Evidence, FactorNeeded
from hinterland.server.auth.parts import Accounts
from hinterland.server.security.refresh import hash_of
from hinterland.server.storage.system import Amend, Drop, Expect, PreconditionFailed, Put, Row, RowAct

SECONDS = 300
ATTEMPTS = 5
_TRIES = 5


class Pending(NamedTuple):
    """A log-in that waits for more evidence: its account, the methods so far, and the rows that use the challenge
    up."""

    account: Row
    amr: tuple[str, ...]
    acts: tuple[RowAct, ...]


def new_challenge(accounts: Accounts, evidence: Evidence, needed: FactorNeeded) -> tuple[RowAct, Refusal]:
    """The row of a new challenge, and the refusal that gives it to the caller."""
    challenge = secrets.token_urlsafe(32)
    row = {
        "hash": hash_of(challenge),
        "account": evidence.account["id"],
        "amr": json.dumps(evidence.amr),
        "attempts": 0,
        "expires": accounts.clock.now() + SECONDS,
    }
    details = Challenge(challenge=challenge, methods=needed.methods, expires_in=SECONDS)
    message = "a second factor is required; answer the challenge with a code"
    return Put("_challenges", row), Refusal("challenge_required", message, details=msgspec.to_builtins(details))


def forgotten(account: str) -> Drop:
    """The end of all challenges of an account."""
    return Drop("_challenges", {"account": account})


async def pending(accounts: Accounts, challenge: str) -> Pending:
    """The log-in that a challenge continues. The attempt is counted before anything is checked, so that requests at the
    same time have no more of them. Raises `invalid_challenge`."""
    key = {"hash": hash_of(challenge)}
    for _ in range(_TRIES):
        async with accounts.storage.snapshot() as snapshot:
            row = await snapshot.row("_challenges", key)
            account = await snapshot.row("_accounts", {"id": row["account"] if row is not None else ""})
        if row is None or account is None or account["is_disabled"]:
            raise _invalid()
        if row["attempts"] >= ATTEMPTS or accounts.clock.now() >= row["expires"]:
            raise _invalid()
        same = Expect("_challenges", key, {"attempts": row["attempts"]})
        try:
            await accounts.submit([], [same, Amend("_challenges", key, {"attempts": row["attempts"] + 1})])
        except PreconditionFailed:
            continue  # another request answered it in between: look again
        still = Expect("_accounts", {"id": account["id"]}, {"is_disabled": False})
        used = (still, Expect("_challenges", key, {}), Drop("_challenges", key))
        return Pending(account, tuple(json.loads(row["amr"])), used)
    raise _invalid()


def _invalid() -> Refusal:
    return Refusal("invalid_challenge", "the challenge was answered, has expired or has no attempts left; log in again")
