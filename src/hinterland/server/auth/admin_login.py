"""Administrators: accounts without a record, who pass every rule. The command line creates them; they log in here."""

from __future__ import annotations

from hinterland.contract.accounts import Session
from hinterland.contract.errors import invalid
from hinterland.contract.identity import new_id
from hinterland.server.auth.forms import comparable, email_problems
from hinterland.server.auth.grants import enter
from hinterland.server.auth.login import authenticate
from hinterland.server.auth.opening import new_account, registered
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.signup import taken
from hinterland.server.security.sessions import ADMIN
from hinterland.server.storage.system import PreconditionFailed


async def log_in(accounts: Accounts, body: object, address: str, user_agent: str = "") -> Session:
    """Check an administrator's `{email, password}` and begin a session. Raises what a user's log-in does."""
    evidence = await authenticate(accounts, body, address, is_admin=True)
    return await enter(accounts, evidence, address, user_agent)


async def create_admin(accounts: Accounts, email: str, password: str) -> str:
    """Create an administrator; returns the id.

    Raises `validation`, `password_policy`, and `conflict` for a taken e-mail.
    """
    problems = {"email": email_problems(email), "password": accounts.passwords.problems(password)}
    if errors := {name: messages for name, messages in problems.items() if messages}:
        raise invalid(errors)
    encoded = await accounts.passwords.encode(password)
    now = accounts.clock.now()
    row = new_account(f"{ADMIN}{new_id(now)}", now, is_admin=True)
    try:
        await accounts.submit([], registered(row, comparable(email), encoded))
    except PreconditionFailed:
        raise taken() from None
    return str(row["id"])
