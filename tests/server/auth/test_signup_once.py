"""A sign-up with an idempotency key."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.signup_once import sign_up_once
from tests.server.api import Api, problem
from tests.server.auth.process import ADA, HERE, everything, refusal, rows

FORM = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}


async def sign_up(api: Api, key: str = "k", path: str = "/v1/auth/signup", **changed: Any) -> Any:
    """The answer of a sign-up with a key."""
    return await api("POST", path, json=FORM | changed, headers={"Idempotency-Key": key})


@pytest.mark.parametrize("path", ["/v1/auth/signup", "/auth/register", "/api/signup"])
async def test_a_repetition_is_answered_again(each_api: Api, path: str) -> None:
    """The same sign-up with the same key makes one user: the repetition answers 201 with that user, says that it is
    one, and its session works."""
    first, second = await sign_up(each_api, path=path), await sign_up(each_api, path=path)
    assert [answer.status_code for answer in (first, second)] == [201, 201]
    assert [answer.headers.get("idempotency-replayed") for answer in (first, second)] == [None, "true"]
    assert first.json().keys() == second.json().keys()
    assert [first.json()[name] for name in ("user", "message")] == [second.json()[name] for name in ("user", "message")]
    for answer in (first, second):
        me = await each_api("GET", "/v1/auth/me", headers={"Authorization": f"Bearer {answer.json()['token']}"})
        assert me.json() == first.json()["user"]
        renewed = await each_api("POST", "/v1/auth/refresh", json={"refresh_token": answer.json()["refresh_token"]})
        assert renewed.status_code == 200


async def test_another_request_is_refused(each_api: Api) -> None:
    """The same key with another form or another password → 422; another key with the same form → 409."""
    assert (await sign_up(each_api)).status_code == 201
    for changed in ({"name": "Eve"}, {"email": "eve@example.org"}, {"password": "wrong horse"}):
        problem(await sign_up(each_api, **changed), 422, "key_reused")
    problem(await sign_up(each_api, "other"), 409, "conflict")


@pytest.mark.parametrize("password", [None, 5, ["correct horse 7"], "missing"])
async def test_a_repetition_without_its_password(each_api: Api, password: object) -> None:
    """A repetition whose password is missing or is not a text is refused by its fields, as any sign-up is."""
    assert (await sign_up(each_api)).status_code == 201
    form: dict[str, object] = {name: value for name, value in FORM.items() if name != "password"}
    form |= {} if password == "missing" else {"password": password}
    answer = await each_api("POST", "/v1/auth/signup", json=form, headers={"Idempotency-Key": "k"})
    assert list(problem(answer, 400, "validation")["errors"]) == ["password"]


async def test_a_refused_sign_up_keeps_no_key(api: Api) -> None:
    """A sign-up that was refused is judged anew: its key is not used up; a key that is none → 400."""
    problem(await sign_up(api, password="x"), 400, "validation")
    assert (await sign_up(api)).status_code == 201
    problem(await sign_up(api, " "), 400, "invalid_query")


async def test_a_deleted_user_is_not_answered(api: Api) -> None:
    """After its user was deleted a repetition is refused, and makes nobody."""
    token = (await sign_up(api)).json()["token"]
    form, headers = {"password": FORM["password"]}, {"Authorization": f"Bearer {token}"}
    assert (await api("POST", "/v1/auth/delete", json=form, headers=headers)).status_code == 204
    problem(await sign_up(api), 422, "key_reused")
    assert await api.backend.storage.rows("_accounts", {}) == []


async def test_repetitions_at_once(nodes: list[Accounts]) -> None:
    """The same request over several connections and processes at once makes one user, and each is answered."""
    results = await asyncio.gather(*(sign_up_once(node, ADA, "k", HERE) for node in nodes for _ in range(2)))
    assert len({session.user["id"] for session, _ in results}) == 1
    assert sorted(is_repeated for _, is_repeated in results) == [False, *[True] * 5]
    assert len(await rows(nodes[0], "_accounts")) == 1


async def test_nothing_readable_is_kept(accounts: Accounts) -> None:
    """What is kept for a key holds no token, no password, and no digest of the form that could be guessed at; guesses
    by repetition are limited as log-ins are."""
    session, _ = await sign_up_once(accounts, ADA, "k", HERE)
    [answer] = await rows(accounts, "_answers")
    assert answer["body"] == b""
    kept = await everything(accounts)
    assert not [secret for secret in (session.token, session.refresh_token, ADA["password"]) if secret in kept]
    codes = [
        (await refusal(sign_up_once(accounts, ADA | {"password": f"guess {n}"}, "k", HERE))).code for n in range(12)
    ]
    assert codes == ["key_reused"] * 10 + ["rate_limited"] * 2
