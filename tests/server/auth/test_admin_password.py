"""Give an account another password, as an administrator."""

from __future__ import annotations

import pytest

from hinterland.server.auth.admin import create_admin, reset_password
from hinterland.server.auth.admin import log_in as admin_log_in
from hinterland.server.auth.login import log_in
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.refresh import refresh
from hinterland.server.auth.signup import sign_up
from tests.server.api import Api, problem
from tests.server.auth.process import ADA, CREDENTIALS, HERE, refusal

NEW = "another horse entirely"


async def test_all_sessions_end(accounts: Accounts) -> None:
    """After a reset the new password logs in, the old one does not, and every session of the account has ended."""
    session = await sign_up(accounts, ADA, HERE)
    await accounts.tokens.verify(session.token.encode())
    await reset_password(accounts, "ADA@example.org", NEW)
    assert (await refusal(accounts.tokens.verify(session.token.encode()))).code == "unauthorized"
    assert (await refusal(refresh(accounts, {"refresh_token": session.refresh_token}))).code == "invalid_grant"
    assert (await refusal(log_in(accounts, CREDENTIALS, HERE))).code == "invalid_credentials"
    await log_in(accounts, CREDENTIALS | {"password": NEW}, HERE)


async def test_an_administrators_password(accounts: Accounts) -> None:
    """An administrator's password is reset as a user's is."""
    await create_admin(accounts, "root@example.org", CREDENTIALS["password"])
    await reset_password(accounts, "root@example.org", NEW)
    await admin_log_in(accounts, {"email": "root@example.org", "password": NEW}, HERE)


@pytest.mark.parametrize("password", ["short", " " * 12, "\u2060" * 12, "password1"])
async def test_the_policy(lite: Accounts, password: str) -> None:
    """A password that can't be used → 422 with the reason; the old one stays."""
    await sign_up(lite, ADA, HERE)
    refused = await refusal(reset_password(lite, CREDENTIALS["email"], password))
    assert (refused.code, refused.status, [*refused.errors]) == ("password_policy", 422, ["password"])
    await log_in(lite, CREDENTIALS, HERE)


async def test_by_http(api: Api) -> None:
    """Only administrators set other people's passwords; an address that nobody signs in with → 404."""
    ada = await api.sign_up("ada")
    path, body = "/v1/admin/password", {"email": "ada@example.org", "password": NEW}
    problem(await api("POST", path, json=body), 401, "unauthorized")
    problem(await api("POST", path, json=body, headers=ada["headers"]), 403, "forbidden")
    problem(await api("POST", path, json={"email": "ada@example.org"}, headers=api.admin), 400, "validation")
    problem(await api("POST", path, json=body | {"email": "no@example.org"}, headers=api.admin), 404, "not_found")
    assert (await api("POST", path, json=body, headers=api.admin)).status_code == 204
    problem(await api("GET", "/v1/auth/me", headers=ada["headers"]), 401, "unauthorized")
