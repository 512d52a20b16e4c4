"""Accounts over HTTP, as far as the protocol goes: what is not JSON, what is not cached, who makes administrators."""

from __future__ import annotations

import pytest

from tests.server.api import Api, located, problem

ADMIN = {"email": "root@example.org", "password": "correct horse"}


@pytest.mark.parametrize("path", ["signup", "login", "refresh"])
async def test_bodies_that_can_not_be(api: Api, path: str) -> None:
    """A form that is empty, no object, no JSON or too large is refused, never with our own mistake."""
    place = f"/v1/auth/{path}"
    problem(await api("POST", place), 400, "validation")
    problem(await api("POST", place, json={"email": 1, "password": [], "refresh_token": {}}), 400, "validation")
    for body in (b"[]", b"{", b'{"email":"a","email":"b"}', b"\xff"):
        problem(await api("POST", place, content=body), 400, "invalid_body")
    # No setting changes the limit of these paths, so the message names none.
    assert "setting" not in problem(await api("POST", place, content=b" " * 70_000), 413, "too_large")["message"]
    problem(await api("POST", place, data={"email": "a"}), 415, "unsupported_media_type")


async def test_sessions_are_not_cached(api: Api) -> None:
    """No answer with tokens or a person's own record is kept by a cache; a token is in no address."""
    form = {"name": "ada", "email": "ada@example.org", "password": "correct horse"}
    made = await api("POST", "/v1/auth/signup", json=form)
    again = await api("POST", "/v1/auth/login", json=form)
    renewed = await api("POST", "/v1/auth/refresh", json={"refresh_token": made.json()["refresh_token"]})
    me = await api("GET", "/v1/auth/me", headers={"Authorization": f"Bearer {again.json()['token']}"})
    assert [answer.status_code for answer in (made, again, renewed, me)] == [201, 200, 200, 200]
    assert all(answer.headers["cache-control"] == "no-store" for answer in (made, again, renewed, me))


@pytest.mark.parametrize("path", ["/v1/auth/signup", "/auth/register", "/api/signup"])
async def test_a_sign_up_says_where_the_user_is(api: Api, path: str) -> None:
    """A 201 names what was made: the user's record, relative to the path that was asked for."""
    made = await api("POST", path, json={"name": "ada", "email": "ada@example.org", "password": "correct horse"})
    assert located(made) == f"/v1/records/users/{made.json()['user']['id']}"


async def test_administrators_make_administrators(api: Api) -> None:
    """An administrator makes another, who logs in at a door of its own; nobody else makes one."""
    ada = await api.sign_up("ada")
    problem(await api("POST", "/v1/admin/admins", json=ADMIN), 401, "unauthorized")
    problem(await api("POST", "/v1/admin/admins", json=ADMIN, headers=ada["headers"]), 403, "forbidden")
    for body in ({}, {"email": 1, "password": "x"}, {"email": "root@example.org"}):
        problem(await api("POST", "/v1/admin/admins", json=body, headers=api.admin), 400, "validation")
    made = await api("POST", "/v1/admin/admins", json=ADMIN, headers=api.admin)
    assert (made.status_code, made.json()["email"]) == (201, "root@example.org")
    assert "password" not in made.text
    session = await api("POST", "/v1/admin/login", json=ADMIN)
    assert session.status_code == 200
    headers = {"Authorization": f"Bearer {session.json()['token']}"}
    assert (await api("GET", "/v1/records/closed", headers=headers)).status_code == 200


async def test_logging_out(api: Api) -> None:
    """Logging out ends the session and says nothing; without a session there is nothing to end."""
    ada = await api.sign_up("ada")
    gone = await api("POST", "/v1/auth/logout", headers=ada["headers"])
    assert (gone.status_code, gone.content) == (204, b"")
    problem(await api("GET", "/v1/auth/me", headers=ada["headers"]), 401, "unauthorized")
    problem(await api("POST", "/v1/auth/logout", headers=api.admin), 401, "unauthorized")


async def test_sync_bodies_name_what_is_wrong(api: Api) -> None:
    """A push or pull that does not fit is refused with the place of what is wrong; a right one is not cached."""
    ada = await api.sign_up("ada")
    wrong = {"device": "d", "mutations": [{"seq": 1, "id": "m", "writes": [{"act": "burn", "collection": "notes"}]}]}
    answer = await api("POST", "/v1/sync/push", json=wrong, headers=ada["headers"])
    assert "mutations[0].writes[0].act" in problem(answer, 400, "invalid_body")["message"]
    problem(await api("POST", "/v1/sync/pull", json={}), 400, "invalid_body")
    pulled = await api("POST", "/v1/sync/pull", json={"collections": ["things"]})
    assert (pulled.status_code, pulled.headers["cache-control"]) == (200, "no-store")
    ticket = await api("POST", "/v1/events/ticket", headers=ada["headers"])
    assert (ticket.status_code, ticket.headers["cache-control"]) == (200, "no-store")
