"""Change your own password: the current one is needed, and every other session ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.server.auth.challenges import forgotten
from hinterland.server.auth.confirmation import changed_meanwhile, confirmed
from hinterland.server.auth.evidence import PASSWORD, credential_key
from hinterland.server.auth.forms import require
from hinterland.server.auth.parts import Accounts
from hinterland.server.security.sessions import account_subject
from hinterland.server.storage.system import Amend, Expect, Invalidation, PreconditionFailed, RowAct


async def change_password(accounts: Accounts, principal: Principal, fields: Mapping[str, Any]) -> None:
    """Take `{password, new_password}`. The caller's session stays.

    Raises `unauthorized`, `validation` for a wrong password, `password_policy` for one that can't be used,
    `rate_limited`, and `conflict` for an account or session that changed meanwhile.
    """
    require(fields, ("password", "new_password"), text=("password", "new_password"))
    evidence = await confirmed(accounts, principal, fields["password"])
    encoded = await new_password(accounts, fields["new_password"], "new_password")
    acts: list[RowAct] = [
        *evidence.acts,
        Expect("_sessions", {"id": principal.session}, {"ended": None}),
        *with_password(evidence.account["id"], encoded, accounts.clock.now()),
        Amend("_sessions", {"id": principal.session}, {"ended": None}),
    ]
    try:
        await accounts.submit([], acts)
    except PreconditionFailed:
        raise changed_meanwhile() from None


async def new_password(accounts: Accounts, password: str, field: str) -> str:
    """The encoded hash of a new password. Raises `password_policy` with its messages under the name of `field`."""
    if problems := accounts.passwords.problems(password):
        raise Refusal("password_policy", f"{field}: {problems[0]}", errors={field: problems})
    try:
        return await accounts.passwords.encode(password)
    except Refusal as refusal:
        if "password" in refusal.errors:
            refusal.errors = {field: refusal.errors["password"]}
        raise


def with_password(account: str, encoded: str, now: float) -> list[RowAct]:
    """The rows of a new password: with it every session of the account ends, everywhere."""
    return [
        Amend("_credentials", credential_key(account, PASSWORD), {"secret": encoded}),
        Amend("_sessions", {"account": account, "ended": None}, {"ended": now}),
        forgotten(account),
        Invalidation(account_subject(account)),
    ]
