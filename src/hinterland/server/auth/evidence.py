"""Evidence of who the caller is, and what it is enough for: a grant, or a challenge for more.

Every way to sign in makes evidence and ends in `decide`, whatever it asked for: a password, a code, later a passkey or
another server's token.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from hinterland.server.storage.protocol import Snapshot
from hinterland.server.storage.system import Assigned, Expect, Put, Row, RowAct

PASSWORD, TOTP, RECOVERY = "password", "totp", "recovery"  # kinds of credentials
PWD, OTP, MFA = "pwd", "otp", "mfa"  # methods (RFC 8176 §2)


class Evidence(NamedTuple):
    """Whose `account` it is and the methods that prove it (`amr`).

    `acts` are written with what the evidence allows: first what must still hold, then what giving it changes.
    """

    account: Row
    amr: tuple[str, ...]
    acts: tuple[RowAct, ...]


class Grant(NamedTuple):
    """The evidence is enough: a session begins with `amr`."""

    amr: tuple[str, ...]


class FactorNeeded(NamedTuple):
    """The evidence is not enough: one of `methods` is needed too."""

    methods: tuple[str, ...]


def decide(amr: tuple[str, ...], enrolled: Collection[str]) -> Grant | FactorNeeded:
    """What evidence of the methods `amr` is enough for, on an account with confirmed credentials of the kinds
    `enrolled`."""
    if TOTP not in enrolled:
        return Grant(amr)
    if OTP not in amr:
        return FactorNeeded((TOTP, RECOVERY))
    return Grant((*amr, MFA))


def credential_key(account: str | Assigned, kind: str, id: str = "") -> Row:
    """The key of a credential."""
    return {"account": account, "kind": kind, "id": id}


def new_credential(
    account: str | Assigned, kind: str, secret: str, now: float, *, id: str = "", is_confirmed: bool = True
) -> Put:
    """The row of a new credential."""
    confirmed = now if is_confirmed else None
    key = credential_key(account, kind, id)
    return Put("_credentials", {**key, "secret": secret, "created": now, "confirmed": confirmed, "counter": 0})


async def password_of(snapshot: Snapshot, account: Row | None) -> Row | None:
    """The password of an account. It is looked for without an account too, which takes as long."""
    return await snapshot.row("_credentials", credential_key(account["id"] if account is not None else "", PASSWORD))


def by_password(account: Row, password: Row, *changes: RowAct) -> Evidence:
    """The evidence of the right password; `changes` go with it."""
    still = Expect("_accounts", {"id": account["id"]}, {"is_disabled": False})
    same = Expect("_credentials", credential_key(account["id"], PASSWORD), {"secret": password["secret"]})
    return Evidence(account, (PWD,), (still, same, *changes))
