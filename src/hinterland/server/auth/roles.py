"""The roles of accounts, which rules read as `auth.roles`: administrators grant, revoke and list them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from hinterland.contract.accounts import MAX_ROLES, ROLE, Roles, RolesPage
from hinterland.contract.errors import Refusal, invalid
from hinterland.server.auth.forms import comparable
from hinterland.server.auth.identities import account_by_email, email_of
from hinterland.server.auth.parts import Accounts
from hinterland.server.security.sessions import account_subject
from hinterland.server.storage.protocol import Snapshot
from hinterland.server.storage.system import Amend, Expect, Invalidation, PreconditionFailed, Row

_TRIES = 5
_PAGE = 500
_is_role = re.compile(ROLE).fullmatch
_HOLDERS = (
    "SELECT a.id, i.subject, a.roles FROM _accounts a "
    "LEFT JOIN _identities i ON i.account = a.id AND i.provider = 'email' "
    "WHERE a.roles <> '[]' AND a.id > ? ORDER BY a.id LIMIT ?"
)


async def change_roles(accounts: Accounts, user: str, grant: Sequence[str], revoke: Sequence[str]) -> Roles:
    """Grant roles and revoke others; the account's sessions have them from the next request on, and its streams end.

    `user` is an id or, where it has an @, an e-mail address. Raises `validation`, and `not_found`.
    """
    lists = {"grant": grant, "revoke": revoke}
    if errors := {name: messages for name, roles in lists.items() if (messages := _problems(roles))}:
        raise invalid(errors)
    for _ in range(_TRIES):
        async with accounts.storage.snapshot() as snapshot:
            account = await account_of(snapshot, user)
            email = await email_of(snapshot, account["id"])
        before = json.loads(account["roles"])
        after = sorted({*before, *grant} - {*revoke})
        if len(after) > MAX_ROLES:
            raise invalid({"grant": [f"an account has at most {MAX_ROLES} roles; revoke some first"]})
        changed = Roles(id=account["id"], email=email or "", roles=after)
        if after == before:
            return changed
        key = {"id": account["id"]}
        same = Expect("_accounts", key, {"roles": account["roles"]})
        change = Amend("_accounts", key, {"roles": json.dumps(after)})
        try:
            await accounts.submit([], [same, change, Invalidation(account_subject(account["id"]))])
        except PreconditionFailed:
            continue  # the account was changed or deleted in between: look again
        return changed
    raise Refusal("unavailable", "the roles of this account are changed by others at once; retry", retry_after=1.0)


async def list_roles(accounts: Accounts, after: str = "") -> RolesPage:
    """The accounts that have roles, by id; `after`: those that follow this id."""
    rows = [*await accounts.storage.fetch(_HOLDERS, [after, _PAGE + 1])]
    items = [Roles(id=id, email=email or "", roles=json.loads(roles)) for id, email, roles in rows[:_PAGE]]
    return RolesPage(items=items, next=items[-1].id if len(rows) > _PAGE else "")


async def account_of(snapshot: Snapshot, user: str) -> Row:
    """The account of an id or e-mail address. Raises `not_found`."""
    if "@" in user:
        account = await account_by_email(snapshot, comparable(user))
    else:
        account = await snapshot.row("_accounts", {"id": user})
    if account is None:
        raise Refusal("not_found", f"no account has the id or e-mail address {user[:254]}; the user must sign up first")
    return account


def _problems(roles: Sequence[str]) -> list[str]:
    """What is wrong with the names of roles."""
    if len(roles) > MAX_ROLES:
        return [f"has more than {MAX_ROLES} roles"]
    wrong = next((role for role in roles if not _is_role(role)), None)
    if wrong is None:
        return []
    return [f"{wrong[:64]!r} is not a role; use 1 to 64 letters without accents, digits and _ . : -"]
