"""Change your own e-mail address, which signs in: the password is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hinterland.contract.changes import Write
from hinterland.contract.errors import invalid
from hinterland.contract.identity import Principal
from hinterland.server.auth.confirmation import changed_meanwhile, confirmed
from hinterland.server.auth.forms import comparable, email_problems, require
from hinterland.server.auth.identities import EMAIL, account_by_email
from hinterland.server.auth.me import me
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.signup import submit_with_email, taken
from hinterland.server.storage.system import Amend, PreconditionFailed, RowAct


async def change_email(accounts: Accounts, principal: Principal, fields: Mapping[str, Any]) -> str:
    """Take `{email, password}`; the user's record afterwards, JSON text.

    Raises `unauthorized`, `validation` for a wrong password or address, `conflict` for a taken one, `rate_limited`.
    """
    require(fields, ("email", "password"), text=("email", "password"))
    if problems := email_problems(fields["email"]):
        raise invalid({"email": problems})
    evidence = await confirmed(accounts, principal, fields["password"])
    id = evidence.account["id"]
    email = fields["email"].strip()
    async with accounts.storage.snapshot() as snapshot:
        other = await account_by_email(snapshot, comparable(email))
    if other is not None and other["id"] != id:
        raise taken()
    signs_in = Amend("_identities", {"account": id, "provider": EMAIL}, {"subject": comparable(email)})
    acts: list[RowAct] = [*evidence.acts, signs_in]
    try:
        await submit_with_email(accounts, comparable(email), _profile(accounts, principal, email), acts)
    except PreconditionFailed:
        raise changed_meanwhile() from None
    return await me(accounts, principal)


def _profile(accounts: Accounts, principal: Principal, email: str) -> Sequence[Write]:
    """What changes in the user's record; administrators have none."""
    if principal.is_admin or "email" not in accounts.users.names:
        return []
    return [Write(act="patch", collection="users", id=principal.id, body={"email": email})]
