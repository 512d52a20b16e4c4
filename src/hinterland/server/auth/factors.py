"""The second factor of an account: codes of an authenticator app (TOTP), and recovery codes in its place."""

from __future__ import annotations

from collections.abc import Sequence

from hinterland.server.auth.evidence import RECOVERY, TOTP, credential_key
from hinterland.server.auth.parts import Accounts
from hinterland.server.security import totp
from hinterland.server.storage.protocol import Snapshot
from hinterland.server.storage.system import Amend, Drop, Expect, Row, RowAct


async def credentials_of(snapshot: Snapshot, account: str) -> list[Row]:
    """The credentials of an account."""
    return await snapshot.rows("_credentials", {"account": account})


async def enrolled(snapshot: Snapshot, account: str) -> frozenset[str]:
    """The kinds of credentials that the owner of an account has confirmed."""
    return frozenset(row["kind"] for row in await credentials_of(snapshot, account) if row["confirmed"] is not None)


def proof_of(accounts: Accounts, credentials: Sequence[Row], code: str) -> tuple[RowAct, ...]:
    """The rows that use up `code`, a TOTP code or a recovery code of these credentials; none where it is wrong."""
    for row in credentials:
        if row["kind"] == TOTP and row["confirmed"] is not None and (acts := step_acts(accounts, row, code)):
            return acts
        if row["kind"] == RECOVERY and row["id"] == totp.recovery_id(code):
            key = credential_key(row["account"], RECOVERY, row["id"])
            return Expect("_credentials", key, {}), Drop("_credentials", key)
    return ()


def step_acts(accounts: Accounts, credential: Row, code: str, **changes: object) -> tuple[RowAct, ...]:
    """The rows that use up a TOTP code, with further `changes` of its credential; none where the code is wrong or was
    used."""
    key = credential_key(credential["account"], TOTP)
    secret = totp.unsealed(accounts.keys.secret("totp"), credential["secret"], credential["account"])
    step = totp.step_of(secret, code, accounts.clock.now())
    if step is None or step <= credential["counter"]:
        return ()
    same = {name: credential[name] for name in ("secret", "confirmed", "counter")}
    return Expect("_credentials", key, same), Amend("_credentials", key, {"counter": step, **changes})
