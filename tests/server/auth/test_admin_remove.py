"""Remove an administrator."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hinterland.contract.errors import Refusal
from hinterland.server.auth import admin
from hinterland.server.auth.admin import create_admin, list_admins, log_in, remove_admin
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.signup import sign_up
from hinterland.server.storage.system import PreconditionFailed
from tests.server.api import Api, problem
from tests.server.auth.process import ADA, CREDENTIALS, HERE, refusal, rows

PASSWORD = CREDENTIALS["password"]


async def names(accounts: Accounts) -> list[str]:
    """The administrators' addresses."""
    return [item["email"] for item in (await list_admins(accounts))["items"]]


async def test_a_removed_administrator_is_out_at_once(accounts: Accounts) -> None:
    """A removed administrator's sessions end at once, and the account logs in no more."""
    for name in ("one", "two"):
        await create_admin(accounts, f"{name}@example.org", PASSWORD)
    form = {"email": "one@example.org", "password": PASSWORD}
    token = (await log_in(accounts, form, HERE)).token.encode()
    await accounts.tokens.verify(token)
    await remove_admin(accounts, "One@example.org ")
    assert await names(accounts) == ["two@example.org"]
    assert (await refusal(accounts.tokens.verify(token))).code == "unauthorized"
    assert (await refusal(log_in(accounts, form, HERE))).code == "invalid_credentials"


async def test_the_last_one_stays(accounts: Accounts) -> None:
    """The last administrator is removed only if that is forced: the refusal says how."""
    await create_admin(accounts, "one@example.org", PASSWORD)
    refused = await refusal(remove_admin(accounts, "one@example.org"))
    assert (refused.code, refused.status) == ("conflict", 409)
    assert "create another one first" in refused.message
    await remove_admin(accounts, "one@example.org", is_forced=True)
    assert await names(accounts) == []


async def test_answers_go_with_their_administrator(each_api: Api) -> None:
    """The answers of a removed administrator's idempotency keys are deleted and never replayed, also to one who is made
    with the same address; those of others stay."""
    path, form = "/v1/records/notes", {"email": "one@example.org", "password": PASSWORD}
    note = {"json": {"text": "kept"}}
    for email in ("one@example.org", "two@example.org"):
        await each_api("POST", "/v1/admin/admins", json=form | {"email": email}, headers=each_api.admin)

    async def asked(email: str) -> Any:
        token = (await each_api("POST", "/v1/admin/login", json=form | {"email": email})).json()["token"]
        key = {"Idempotency-Key": "k", "Authorization": f"Bearer {token}"}
        answer = await each_api("POST", path, headers=key, **note)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    first, other = await asked("one@example.org"), await asked("two@example.org")
    assert await asked("one@example.org") == first
    removal = {"email": "one@example.org"}
    answer = await each_api("POST", "/v1/admin/admins/remove", json=removal, headers=each_api.admin)
    assert answer.status_code == 204
    kept = await each_api.backend.storage.rows("_answers", {})
    assert len(kept) == 1
    await each_api("POST", "/v1/admin/admins", json=form, headers=each_api.admin)
    assert await asked("one@example.org") not in (first, other)
    assert await asked("two@example.org") == other


async def test_users_are_no_administrators(accounts: Accounts) -> None:
    """An address that is nobody's, or a user's, → 404, and nothing goes."""
    await sign_up(accounts, ADA, HERE)
    for email in ("ada@example.org", "nobody@example.org", "x" * 1_000):
        assert (await refusal(remove_admin(accounts, email, is_forced=True))).code == "not_found"
    assert len(await rows(accounts, "_accounts")) == 1


async def test_two_who_remove_each_other(nodes: list[Accounts]) -> None:
    """Two processes that remove the last two administrators at once leave one."""
    for attempt in range(4):
        pair = [f"one{attempt}@example.org", f"two{attempt}@example.org"]
        for email in pair:
            await create_admin(nodes[0], email, PASSWORD)
        for email in await names(nodes[0]):
            if email not in pair:
                await remove_admin(nodes[0], email)
        removals = (remove_admin(node, email) for node, email in zip(nodes, pair, strict=False))
        results = await asyncio.gather(*removals, return_exceptions=True)
        assert len(await names(nodes[0])) == 1
        assert [type(result) for result in results if result is not None] == [Refusal]


async def test_a_race_that_never_ends_is_given_up(lite: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where others always change administrators in between, the caller is asked to retry and nothing is removed."""
    await create_admin(lite, "one@example.org", PASSWORD)

    async def lose(*given: object, is_forced: bool) -> None:
        raise PreconditionFailed

    monkeypatch.setattr(admin, "remove", lose)
    assert (await refusal(remove_admin(lite, "one@example.org"))).code == "unavailable"


async def test_by_http(api: Api) -> None:
    """Only administrators remove administrators; a body that does not fit → 400."""
    ada = await api.sign_up("ada")
    path, body = "/v1/admin/admins/remove", {"email": "root@example.org"}
    await api("POST", "/v1/admin/admins", json=body | {"password": PASSWORD}, headers=api.admin)
    problem(await api("POST", path, json=body), 401, "unauthorized")
    problem(await api("POST", path, json=body, headers=ada["headers"]), 403, "forbidden")
    problem(await api("POST", path, json={}, headers=api.admin), 400, "validation")
    problem(await api("POST", path, json=body | {"force": "yes"}, headers=api.admin), 400, "validation")
    problem(await api("POST", path, json=body, headers=api.admin), 409, "conflict")
    assert (await api("POST", path, json=body | {"force": True}, headers=api.admin)).status_code == 204
