"""Change your own e-mail address."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from hinterland.contract.changes import Write
from hinterland.server.auth.deletion import delete_account
from hinterland.server.auth.email import change_email
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.password import change_password
from hinterland.server.auth.signup import sign_up
from hinterland.server.storage.protocol import StoredRecord
from hinterland.server.storage.system import Amend, RowAct
from tests.server.api import Api, problem
from tests.server.auth.process import ADA, HERE, refusal

PASSWORD = {"password": "correct horse"}


async def change(api: Api, ada: dict[str, Any], email: object, password: str = PASSWORD["password"]) -> Any:
    """The answer of a change of the e-mail."""
    form = {"email": email, "password": password}
    return await api("POST", "/v1/auth/email", json=form, headers=ada["headers"])


async def log_in(api: Api, email: str) -> int:
    """The status of a log-in."""
    return (await api("POST", "/v1/auth/login", json={"email": email, **PASSWORD})).status_code


async def test_the_new_address_signs_in(each_api: Api) -> None:
    """With the password a user's own e-mail changes, in the account and the record; the old one is free, the session
    goes on."""
    ada = await each_api.sign_up("ada")
    changed = await change(each_api, ada, " New@Example.org ")
    assert (changed.status_code, changed.json()["email"]) == (200, "new@example.org")
    assert changed.headers["cache-control"] == "no-store"
    assert [await log_in(each_api, email) for email in ("new@example.org", "ada@example.org")] == [200, 401]
    me = await each_api("GET", "/v1/auth/me", headers=ada["headers"])
    assert me.json() == changed.json()
    assert (await each_api.sign_up("ada"))["user"]["id"] != ada["user"]["id"]


async def test_a_wrong_password_changes_nothing(each_api: Api) -> None:
    """With another password, or without one, nothing is changed and no session ends."""
    ada = await each_api.sign_up("ada")
    refused = problem(await change(each_api, ada, "new@example.org", "wrong horse"), 400, "validation")
    assert refused["errors"] == {"password": ["is wrong"]}
    assert problem(await change(each_api, ada, "new@example.org", ""), 400, "validation")["errors"].keys() == {
        "password"
    }
    problem(
        await each_api("POST", "/v1/auth/email", json={"email": "new@example.org", **PASSWORD}), 401, "unauthorized"
    )
    assert await log_in(each_api, "ada@example.org") == 200


async def test_another_accounts_address(each_api: Api) -> None:
    """An address with which another user or an administrator signs in → 409, whatever its letters' case."""
    ada, _ = await each_api.sign_up("ada"), await each_api.sign_up("ben")
    root = {"email": "root@example.org", **PASSWORD}
    assert (await each_api("POST", "/v1/admin/admins", json=root, headers=each_api.admin)).status_code == 201
    for email in ("BEN@example.org", "root@example.org"):
        refused = problem(await change(each_api, ada, email), 409, "conflict")
        assert refused["errors"] == {"email": ["is already in use"]}
    assert await log_in(each_api, "ada@example.org") == 200


@pytest.mark.parametrize("email", ["nobody", "", None, 7], ids=repr)
async def test_what_is_no_address(api: Api, email: object) -> None:
    """What is not an address → 400 at its field."""
    ada = await api.sign_up("ada")
    assert problem(await change(api, ada, email), 400, "validation")["errors"].keys() == {"email"}


async def test_an_administrator_changes_it_too(api: Api) -> None:
    """An administrator, who has no record, changes the address that logs in."""
    root = {"email": "root@example.org", **PASSWORD}
    await api("POST", "/v1/admin/admins", json=root, headers=api.admin)
    session = (await api("POST", "/v1/admin/login", json=root)).json()
    headers = {"headers": {"Authorization": f"Bearer {session['token']}"}}
    changed = await change(api, headers, "chief@example.org")
    assert (changed.status_code, changed.json()["email"]) == (200, "chief@example.org")
    again = await api("POST", "/v1/admin/login", json=root | {"email": "chief@example.org"})
    assert again.status_code == 200


@pytest.mark.parametrize("operation", [change_email, change_password, delete_account])
@pytest.mark.parametrize(
    "change",
    [Amend("_credentials", {}, {"secret": "another"}), Amend("_accounts", {}, {"is_disabled": True})],
    ids=["password", "disabled"],
)
async def test_an_account_that_changes_meanwhile(lite: Accounts, operation: Any, change: Amend) -> None:
    """Where an account is given another password, or is disabled, after its password was checked → 409, which says so:
    the password that was given was not wrong."""
    caller = await lite.tokens.verify((await sign_up(lite, ADA, HERE)).token.encode())

    async def submit(writes: Sequence[Write], acts: Sequence[RowAct]) -> Sequence[StoredRecord | None]:
        await lite.submit([], [change])
        return await lite.submit(writes, acts)

    body = {"email": "new@example.org", "password": ADA["password"], "new_password": "another correct horse"}
    refused = await refusal(operation(dataclasses.replace(lite, submit=submit), caller, body))
    assert (refused.code, refused.errors) == ("conflict", {})
    assert "changed at the same time" in refused.message
