"""The names by which accounts sign in: rows of `_identities`, apart from the credentials that prove them."""

from __future__ import annotations

from hinterland.server.storage.protocol import Snapshot
from hinterland.server.storage.system import Assigned, Put, Row

EMAIL = "email"  # the provider of e-mail addresses: this server


def by_email(email: str) -> Row:
    """The key of an e-mail address in its comparable form."""
    return {"provider": EMAIL, "subject": email}


def email_identity(email: str, account: str | Assigned, now: float) -> Put:
    """The row by which an e-mail address signs in to an account."""
    return Put("_identities", {**by_email(email), "account": account, "created": now})


async def account_by_email(snapshot: Snapshot, email: str) -> Row | None:
    """The account that an e-mail address signs in to. An unknown address takes as long."""
    identity = await snapshot.row("_identities", by_email(email))
    return await snapshot.row("_accounts", {"id": identity["account"] if identity is not None else ""})


async def email_of(snapshot: Snapshot, account: str) -> str | None:
    """The e-mail address that signs in to an account; None where there is none."""
    rows = await snapshot.rows("_identities", {"account": account, "provider": EMAIL})
    return rows[0]["subject"] if rows else None
