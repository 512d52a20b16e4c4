"""Administrators: accounts without a record, who pass every rule. The command line makes them; they log in here."""

from __future__ import annotations

from hinterland.contract.accounts import Session
from hinterland.contract.errors import invalid
from hinterland.contract.identity import new_id
from hinterland.server.auth.forms import comparable, email_problems
from hinterland.server.auth.login import authenticate, begin
from hinterland.server.auth.opening import admin_profile, answer, new_account
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.signup import taken
from hinterland.server.security.sessions import ADMIN
from hinterland.server.storage.system import Expect, PreconditionFailed, Put


async def log_in(accounts: Accounts, body: object, address: str) -> Session:
    """Check an administrator's `{email, password}` and begin a session. Raises what a user's log-in does."""
    account, password, known = await authenticate(accounts, body, address, is_admin=True)
    opening = await begin(accounts, account, password, known)
    principal = accounts.sessions.principal(account, opening.session)
    return answer(accounts, principal, opening.refresh_token, admin_profile(account))


async def create_admin(accounts: Accounts, email: str, password: str) -> str:
    """Make an administrator; returns the id.

    Raises `validation`, `password_policy`, and `conflict` for a taken e-mail.
    """
    problems = {"email": email_problems(email), "password": accounts.passwords.problems(password)}
    if errors := {name: messages for name, messages in problems.items() if messages}:
        raise invalid(errors)
    encoded = await accounts.passwords.encode(password)
    now = accounts.clock.now()
    row = new_account(f"{ADMIN}{new_id(now)}", comparable(email), encoded, now, is_admin=True)
    try:
        await accounts.submit([], [Expect("_accounts", {"email": row["email"]}, None), Put("_accounts", row)])
    except PreconditionFailed:
        raise taken() from None
    return str(row["id"])
