"""Administrators."""

from __future__ import annotations

import pytest

from hinterland.server.auth import admin, login
from hinterland.server.auth.admin import create_admin
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.signup import sign_up
from tests.server.auth.process import ADA, CREDENTIALS, HERE, change_account, refusal, rows

ROOT = {"email": "root@example.org", "password": "correct horse battery"}


async def test_an_administrator_logs_in(accounts: Accounts) -> None:
    """An administrator made by the command line logs in and passes every rule."""
    id = await create_admin(accounts, " Root@Example.org", ROOT["password"])
    session = await admin.log_in(accounts, ROOT, HERE)
    assert session.user == {"id": id, "email": "root@example.org", "roles": [], "is_admin": True}
    caller = await accounts.tokens.verify(session.token.encode())
    assert (caller.id, caller.is_admin) == (id, True)


async def test_users_and_administrators_log_in_at_their_own_paths(accounts: Accounts) -> None:
    """A user does not log in as administrator, nor an administrator as user: both as if the password were wrong."""
    await sign_up(accounts, ADA, HERE)
    await create_admin(accounts, ROOT["email"], ROOT["password"])
    for attempt in (admin.log_in(accounts, CREDENTIALS, HERE), login.log_in(accounts, ROOT, HERE)):
        assert (await refusal(attempt)).code == "invalid_credentials"


async def test_a_former_administrator_has_no_rights(accounts: Accounts) -> None:
    """Rights that were taken away are gone with the next look at the account, whatever the token says."""
    await create_admin(accounts, ROOT["email"], ROOT["password"])
    session = await admin.log_in(accounts, ROOT, HERE)
    await change_account(accounts, is_admin=False)
    assert (await refusal(accounts.tokens.verify(session.token.encode()))).code == "unauthorized"


async def test_an_administrators_email_is_taken(accounts: Accounts) -> None:
    """An e-mail belongs to one account, an administrator's or a user's."""
    await create_admin(accounts, ROOT["email"], ROOT["password"])
    for again in (create_admin(accounts, "ROOT@example.org", ROOT["password"]),
                  sign_up(accounts, ADA | {"email": ROOT["email"]}, HERE)):  # fmt: skip
        refused = await refusal(again)
        assert (refused.code, list(refused.errors)) == ("conflict", ["email"])
    assert len(await rows(accounts, "_accounts")) == 1


@pytest.mark.parametrize(
    ("email", "password", "errors"),
    [
        ("root", "correct horse", ["email"]),
        (ROOT["email"], "short", ["password"]),
        (ROOT["email"], " " * 12, ["password"]),
        (ROOT["email"], "\u200b\ufeff" * 6, ["password"]),
        ("", "", ["email", "password"]),
    ],
)
async def test_an_administrators_form_is_checked(lite: Accounts, email: str, password: str, errors: list[str]) -> None:
    """An administrator needs a valid e-mail and a password by the same policy as everybody."""
    refused = await refusal(create_admin(lite, email, password))
    assert (refused.code, list(refused.errors)) == ("validation", errors)
    assert (await refusal(create_admin(lite, ROOT["email"], "password1"))).code == "password_policy"
