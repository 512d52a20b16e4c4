"""Who calls, whatever the protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hinterland.contract.identity import SIGNED_OUT
from hinterland.contract.operations import OPERATIONS, Operation
from hinterland.server import http
from hinterland.server.callers import LOCAL_ADMINISTRATOR, bearer, caller_of
from tests.server.api import Api, problem


@pytest.mark.parametrize("path", ["/v1/records/things", "/v1/events?collection=things"])
@pytest.mark.parametrize("given", ["Bearer", "Bearer ", "Basic abc", "Bearer x y", "bearer nonsense", "nonsense"])
async def test_tokens_that_are_none(api: Api, path: str, given: str) -> None:
    """A wrong Authorization header is refused where it is read, with what is wrong, in every protocol alike."""
    answer = await api("GET", path, headers={"Authorization": given})
    problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_a_token_in_the_query(api: Api) -> None:
    """A query's token is no token."""
    missing = await api("GET", "/v1/auth/me?access_token=x")
    problem(missing, 401, "unauthorized")
    assert missing.headers["www-authenticate"] == "Bearer"


async def test_who_is_behind_a_token(api: Api) -> None:
    """A token is its user's; that of the commands on this machine is an administrator's."""
    ada = await api.sign_up("ada")
    caller = await caller_of(api.backend, ada["headers"]["Authorization"].encode())
    assert (caller.id, caller.is_admin, caller is SIGNED_OUT) == (ada["user"]["id"], False, False)
    assert await caller_of(api.backend, api.admin["Authorization"].encode()) is LOCAL_ADMINISTRATOR


@pytest.mark.parametrize("row", [row for row in OPERATIONS.values() if row.path.startswith("/v1/admin/")])
async def test_what_is_for_administrators_only(api: Api, row: Operation) -> None:
    """Every operation below /v1/admin/ but its log-in is for administrators only: others are refused, signed in or not,
    before the body is read, and the description of the interface says so."""
    if row.name == "admin.login":
        return
    assert row.auth == "admin"
    ada = await api.sign_up("ada")
    path = row.path.replace("{collection}", "things")
    problem(await api(row.method, path, content=b"{"), 401, "unauthorized")
    problem(await api(row.method, path, content=b"{", headers=ada["headers"]), 403, "forbidden")
    described = (await api("GET", "/openapi.json")).json()["paths"][path][row.method.lower()]
    assert described["security"] == [{"bearer": []}]
    assert "administrators" in described["description"]


def test_a_bare_token() -> None:
    """A tutorial's path takes a token without the word Bearer."""
    assert bearer(b"abc", is_alias=True) == bearer(b"bearer  abc", is_alias=False) == b"abc"


async def test_a_body_that_takes_long(each_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that ends while the body of its request arrives slowly ends the request too: nothing is written."""
    monkeypatch.setattr(http, "SLOW_SECONDS", 0.0)
    ada = await each_api.sign_up("ada")

    async def body() -> AsyncIterator[bytes]:
        yield b'{"text":'
        ended = await each_api("POST", "/v1/auth/logout", headers=ada["headers"])
        assert ended.status_code == 204
        yield b'"late"}'

    headers = {**ada["headers"], "Content-Type": "application/json"}
    problem(await each_api("POST", "/v1/records/things", content=body(), headers=headers), 401, "unauthorized")
    assert (await each_api("GET", "/v1/records/things")).json()["items"] == []


async def test_every_401_has_a_challenge(api: Api) -> None:
    """A 401 says how to authenticate (RFC 9110 §15.5.2), also that of a log-in, a ticket and a stream."""
    form = {"email": "nobody@example.org", "password": "wrong horse"}
    for answer in (
        await api("POST", "/v1/auth/login", json=form),
        await api("POST", "/v1/admin/login", json=form),
        await api("POST", "/v1/events/ticket"),
        await api("GET", "/v1/events?collection=notes&ticket=x"),
        await api("GET", "/v1/auth/me"),
    ):
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
