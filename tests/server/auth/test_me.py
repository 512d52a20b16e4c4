"""Who am I."""

from __future__ import annotations

import json

from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.server.auth.admin import create_admin, log_in
from hinterland.server.auth.me import me
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.signup import sign_up
from hinterland.server.security.sessions import erasing
from tests.server.auth.process import ADA, CREDENTIALS, HERE, delete_user, refusal


async def test_users_see_their_own_record(accounts: Accounts) -> None:
    """The profile is the user's record as its owner sees it, the e-mail included."""
    session = await sign_up(accounts, ADA, HERE)
    caller = await accounts.tokens.verify(session.token.encode())
    assert json.loads(await me(accounts, caller)) == session.user
    assert session.user["email"] == "ada@example.org"


async def test_a_deleted_user_is_nobody(accounts: Accounts) -> None:
    """A caller whose user was deleted → 401, though the token was just verified."""
    session = await sign_up(accounts, ADA, HERE)
    caller = await accounts.tokens.verify(session.token.encode())
    await delete_user(accounts, session.user["id"])
    assert (await refusal(me(accounts, caller))).status == 401


async def test_who_is_signed_out_is_nobody(lite: Accounts) -> None:
    """No token → 401."""
    assert (await refusal(me(lite, SIGNED_OUT))).code == "unauthorized"


async def test_an_administrator_sees_the_account(accounts: Accounts) -> None:
    """An administrator has no record and sees the account, without its hash."""
    id = await create_admin(accounts, "root@example.org", "correct horse battery")
    session = await log_in(accounts, CREDENTIALS | {"email": "root@example.org"}, HERE)
    caller = await accounts.tokens.verify(session.token.encode())
    shown = json.loads(await me(accounts, caller))
    assert shown == session.user == {"id": id, "email": "root@example.org", "roles": [], "is_admin": True}
    await accounts.submit([], erasing(id))
    assert (await refusal(me(accounts, caller))).status == 401
    assert (await refusal(me(accounts, Principal("admin/x", (), "s", is_admin=True)))).status == 401
